import type { Event } from 'millrace';
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  nanos,
} from 'nats';
import type { Order } from '../workload/orders.ts';

/** Asks with an event, and calls one of the two with its response. */
export type Ask = (
  event: Event<Order>,
  answered: (event: Event<Order>) => void,
  failed: (error: unknown) => void,
) => void;

const encoder = new TextEncoder();

/** Requests by hand with `nats`: each with a consumer of its own, for the response's own address. */
export function consumerPerRequest(config: Partial<ConsumerConfig>): (connection: NatsConnection) => Promise<Ask> {
  return async (connection) => {
    const [jetstream, manager] = [connection.jetstream(), await connection.jetstreamManager()];
    await respondByHand(jetstream);
    return (event, answered, failed) => void ask(jetstream, manager, config, event).then(answered, failed);
  };
}

async function ask(
  jetstream: JetStreamClient,
  manager: JetStreamManager,
  config: Partial<ConsumerConfig>,
  event: Event<Order>,
): Promise<Event<Order>> {
  const transaction = event.id;
  const { name } = await manager.consumers.add('S', {
    filter_subject: `shop.paid.${transaction}`,
    deliver_policy: DeliverPolicy.New,
    ack_policy: AckPolicy.None,
    ...config,
    inactive_threshold: nanos(10_000),
  });
  const consumer = await jetstream.consumers.get('S', name);
  await jetstream.publish('shop.order', encoder.encode(JSON.stringify({ ...event, transactionid: transaction })));
  const response = await consumer.next({ expires: 10_000 });
  await consumer.delete();
  if (response === null) throw new Error(`No response to ${transaction}`);
  return response.json();
}

/** Answers each order at an address of its own, and acks it when the response is stored. */
async function respondByHand(jetstream: JetStreamClient): Promise<void> {
  const consumer = await jetstream.consumers.get('S', 'C');
  await consumer.consume({
    max_messages: 1_000,
    async callback(message) {
      const event = message.json() as Event<Order>;
      const response = { ...event, type: 'shop.paid' };
      await jetstream.publish(`shop.paid.${event['transactionid']}`, encoder.encode(JSON.stringify(response)));
      message.ack();
    },
  });
}
