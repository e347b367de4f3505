import type { NatsConnection } from 'nats';
import type { Order } from '../workload/orders.ts';

/** Reads, parses and acks: bounds, checks and retries nothing. */
export async function consumeRaw(connection: NatsConnection, events: number): Promise<number> {
  const consumer = await connection.jetstream().consumers.get('S', 'C');
  let left = events;
  let done: () => void;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const messages = await consumer.consume({
    max_messages: 1_000,
    callback(message) {
      const event = JSON.parse(message.string()) as { readonly data: Order };
      if (event.data.number < 0) throw new Error('There is no such order');
      message.ack();
      left -= 1;
      if (left === 0) done();
    },
  });
  await finished;
  messages.stop();
  return events;
}
