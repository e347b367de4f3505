// The sender: it publishes every event twice, as one does that never heard whether the first copy arrived.
import { setImmediate } from 'node:timers/promises';
import { type Event, eventKey, type Publisher, type Receipt } from 'millrace';
import { lastValueFrom, toArray } from 'rxjs';
import { chanceFor } from './chance.ts';

/** Options for {@link send}. */
export interface SendOptions {
  readonly seed: number;
  /** Whether this is the second time. */
  readonly again: boolean;
  /** Told of each receipt: that is when an event counts as published. */
  readonly published: (event: Event, receipt: Receipt) => void;
  /** Ends it with a rejection when it is aborted. */
  readonly signal: AbortSignal;
}

/** How many events are published in one go, before others have their turn. */
const BATCH = 64;

/**
 * Publishes events in order.
 *
 * The second time, half of them have the same message id as before, and the broker recognises them: their receipts say
 * `duplicate`. The other half come with an id of their own, as through a relay that gives them one, and only the
 * consumer's `dedupe` can tell.
 */
export async function send(publisher: Publisher, events: readonly Event[], options: SendOptions): Promise<void> {
  const { seed, again, published, signal } = options;
  const messageId = (event: Event): string => {
    const relayed = again && chanceFor(seed, 'relay', event)() < 0.5;
    return relayed ? `relayed ${eventKey(event)}` : eventKey(event);
  };

  for (let start = 0; start < events.length; start += BATCH) {
    signal.throwIfAborted();
    const batch = events.slice(start, start + BATCH);
    const receipts = await lastValueFrom(publisher.publish(batch, { messageId, stored: true }).pipe(toArray()));
    for (const [index, receipt] of receipts.entries()) published(batch[index] as Event, receipt);
    await setImmediate();
  }
}
