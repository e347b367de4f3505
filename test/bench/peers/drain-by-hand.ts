import type { Event } from 'millrace';
import type { JsMsg, NatsConnection } from 'nats';
import pLimit from 'p-limit';
import type { Drained, DrainingWorker, Job } from '../workload/draining.ts';
import { CONCURRENCY, type Order } from '../workload/orders.ts';

/** What a careful user writes: reads no more, hands back what waits, waits for what runs, and drains the connection. */
export async function drainByHand(connection: NatsConnection, job: Job, prefetch: number): Promise<DrainingWorker> {
  const consumer = await connection.jetstream().consumers.get('S', 'C');
  const limit = pLimit(CONCURRENCY);
  const runs = new Set<Promise<void>>();
  const counts = { received: 0, acked: 0, returned: 0 };
  let stopping = false;

  async function run(message: JsMsg): Promise<void> {
    if (stopping) {
      counts.returned += 1;
      return message.nak();
    }
    const event = JSON.parse(message.string()) as Event<Order>;
    await new Promise<void>((done) => setTimeout(done, job.begin(event)));
    job.end(event);
    counts.acked += 1;
    message.ack();
  }

  const messages = await consumer.consume({ max_messages: prefetch });
  const reading = (async () => {
    for await (const message of messages) {
      counts.received += 1;
      const running = limit(run, message).finally(() => runs.delete(running));
      runs.add(running);
    }
  })();

  return {
    async drain(): Promise<Drained> {
      stopping = true;
      messages.stop(); // those that were read ahead still come, and go back
      await reading;
      await Promise.all(runs);
      await connection.drain();
      return counts;
    },
  };
}
