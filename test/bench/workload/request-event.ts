import { AckPolicy, type NatsConnection, StorageType } from 'nats';

/** Makes a stream `S` on `shop.>`, and a consumer `C` of its orders. */
export async function provisionOrders(connection: NatsConnection): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'S', subjects: ['shop.>'], storage: StorageType.File });
  await manager.consumers.add('S', {
    durable_name: 'C',
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 10_000,
    filter_subject: 'shop.order',
  });
}
