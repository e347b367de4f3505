import type { Event } from 'millrace';
import { headers, type JsMsg, type NatsConnection } from 'nats';
import pLimit from 'p-limit';
import { ATTEMPTS, CONCURRENCY, type Order, REMEMBERED, RETRY_DELAY } from '../workload/orders.ts';
import { seenEvents } from './seen-events.ts';

/** How long a duplicate goes back for while its event is being handled, in ms. */
const BUSY_DELAY = 1_000;

/** How many messages may wait for a handler before the next one is read. */
const MAX_WAITING = 128;

/** The loop that a careful user writes, with the promises of the whole pipeline but those that take a timer. */
export async function consumeByHand(connection: NatsConnection, events: number): Promise<number> {
  const jetstream = connection.jetstream();
  const consumer = await jetstream.consumers.get('S', 'C');
  const seen = seenEvents(REMEMBERED);
  const limit = pLimit(CONCURRENCY);
  let left = events;
  let settled = 0;

  async function run(message: JsMsg): Promise<void> {
    const event = read(message);
    settled += 1;
    const sighting = seen.claim(`${event.source} ${event.id}`);
    if (sighting === 'running') return message.nak(BUSY_DELAY);
    if (sighting === 'done') {
      message.ack();
      return finish();
    }
    try {
      charge(message, event);
    } catch (error) {
      if (message.info.redeliveryCount < ATTEMPTS) {
        seen.release(sighting);
        return message.nak(RETRY_DELAY);
      }
      await bury(message, error);
      message.term('gave up');
      sighting.done = true;
      return finish();
    }
    sighting.done = true;
    message.ack();
    finish();
  }

  function finish(): void {
    left -= 1;
    if (left === 0) messages.stop();
  }

  async function bury(message: JsMsg, error: unknown): Promise<void> {
    const head = headers();
    head.set('Content-Type', 'application/cloudevents+json');
    head.set('error', String(error));
    await jetstream.publish(`${message.subject}.dlq`, message.data, { msgID: `dlq ${message.seq}`, headers: head });
  }

  const messages = await consumer.consume({ max_messages: 1_000 });
  for await (const message of messages) {
    void limit(run, message);
    while (limit.activeCount + limit.pendingCount > MAX_WAITING) await Promise.resolve();
  }
  return settled;
}

/** Checks what there must be: that much, a careful user does. */
function read(message: JsMsg): Event<Order> {
  const event = JSON.parse(message.string()) as Event<Order>;
  if (event.specversion !== '1.0') throw new Error('specversion must be 1.0');
  for (const name of ['id', 'source', 'type'] as const) {
    if (typeof event[name] !== 'string' || event[name] === '') throw new Error(`${name} must be a text`);
  }
  return event;
}

function charge(message: JsMsg, event: Event<Order>): void {
  if (message.info.redeliveryCount <= (event.data?.failures ?? 0)) throw new Error('The card was refused');
}
