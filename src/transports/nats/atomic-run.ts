import { randomUUID } from 'node:crypto';
import type { Subscriber, Subscription } from 'rxjs';
import type { Outgoing } from '../../core/addressing.ts';
import { STOP } from '../../core/backoff.ts';
import { PublishError } from '../../core/errors.ts';
import type { Receipt } from '../../core/transport.ts';
import type { ClientMessage } from './client.ts';
import type { InboxEntry } from './inbox.ts';
import type { SentMessage } from './nats-codec.ts';
import type { PubAck } from './pub-ack.ts';
import { encodeMessage, type PublishJob, type PublishOwner, type PublishPlan } from './publish-job.ts';
import { retryDelay } from './publish-options.ts';
import { isPassing, publishRefusal } from './publish-refusal.ts';
import { isUnheard } from './request-raw.ts';
import { UNHEARD_DELAY, UNHEARD_RETRIES, whyUnheard } from './why-unheard.ts';

/** How many messages a server takes as one. */
export const MOST_IN_BATCH = 1_000;

/** A publish of which all is stored, or nothing (NATS ADR-50). */
export interface AtomicRun extends PublishJob {
  stop(): void;
}

/**
 * Makes the job that sends all messages at once, and emits their receipts when the stream has stored them.
 *
 * It is sent again where the server said that nothing was stored. It is not sent again after a timeout or a lost
 * connection: the stream would refuse a message that it has, without saying whether it has all.
 */
export function atomicRun(owner: PublishOwner, plan: PublishPlan, subscriber: Subscriber<Receipt>): AtomicRun {
  const { settings } = plan;
  const { wire } = owner;
  const messages = withOneExpectation(plan.messages);
  const first = messages[0] as Outgoing;
  const since = wire.scheduler.now();
  let batch = encodeBatch();
  let entry: InboxEntry | undefined;
  let pause: Subscription | undefined;
  let clock: Subscription | undefined;
  let started = false;
  let waiting = false;
  let attempts = 0;
  let unheard = 0;
  let ended = false;

  function encodeBatch(): readonly SentMessage[] {
    const id = randomUUID();
    return messages.map((message, index) => {
      const headers = { ...plan.extra?.(index), 'Nats-Batch-Id': id, 'Nats-Batch-Sequence': String(index + 1) };
      const isLast = index === messages.length - 1;
      return encodeMessage(owner, message, isLast ? { ...headers, 'Nats-Batch-Commit': '1' } : headers);
    });
  }

  function send(): void {
    pause = undefined;
    if (!wire.connected) {
      waiting = true;
      owner.offline();
      return disconnected();
    }
    attempts += 1;
    entry?.close(); // what is still said of an earlier try is of no interest
    entry = wire.inbox.open({ receive, timedOut, disconnected: lost });
    entry.expect(settings.timeout);
    try {
      for (const [index, { headers, data }] of batch.entries()) {
        wire.publish((messages[index] as Outgoing).address, data, headers, entry.address);
      }
    } catch (cause) {
      fail('refused', 'The client did not take the messages', cause); // without the last one nothing is stored
    }
  }

  function receive(message: ClientMessage): void {
    if (pause !== undefined) return; // one of many answers that said the same
    if (message.data.length === 0) {
      if (isUnheard(message)) nobodyTookIt();
      return;
    }
    const ack = owner.readAck(message.data);
    if (ack === undefined) fail('unknown', 'The answer to the messages could not be read');
    else if (ack.error === undefined) stored(ack);
    else if (!isPassing(ack.error)) end(publishRefusal(first, ack.stream, ack.error));
    else again(`The stream is busy: ${ack.error.description}`, ack.error);
  }

  function stored({ stream, sequence }: PubAck): void {
    owner.hasStored = true;
    entry?.close();
    for (const [index, { address }] of messages.entries()) {
      if (ended) return;
      const place = sequence - messages.length + 1 + index;
      subscriber.next({ address, stored: true, stream, sequence: place, duplicate: false });
    }
    subscriber.complete();
  }

  function nobodyTookIt(): void {
    unheard += 1;
    if (unheard <= UNHEARD_RETRIES && elapsed() + UNHEARD_DELAY < settings.retryFor) return sendIn(UNHEARD_DELAY);
    const asking = whyUnheard(owner, first.address).subscribe((error) => {
      if (error === undefined) again('The stream that stores the messages has no leader');
      else end(error);
    });
    if (!asking.closed) pause = asking;
  }

  function again(said: string, cause?: unknown): void {
    const delay = retryDelay(settings, attempts, elapsed());
    if (delay === STOP) fail('refused', said, cause);
    else sendIn(delay);
  }

  function sendIn(delay: number): void {
    pause = wire.scheduler.schedule(() => {
      batch = encodeBatch();
      send();
    }, delay);
  }

  function timedOut(): void {
    if (pause === undefined && !waiting)
      fail('unknown', `The stream did not confirm the messages within ${settings.timeout} ms`);
  }

  function lost(): void {
    if (pause === undefined && !waiting && !ended)
      fail('unknown', 'The connection was lost before the stream confirmed the messages');
  }

  function disconnected(): void {
    if ((started && !waiting) || clock !== undefined) return;
    const { timeout } = settings;
    clock = wire.scheduler.schedule(() => {
      fail('refused', `There was no connection for ${timeout} ms, so the messages were not sent`);
    }, timeout);
  }

  function elapsed(): number {
    return wire.scheduler.now() - since;
  }

  function fail(outcome: 'refused' | 'unknown', said: string, cause?: unknown): void {
    const text = outcome === 'unknown' ? `${said}; they may have been stored` : said;
    end(new PublishError(outcome, first.address, text, cause === undefined ? undefined : { cause }));
  }

  function end(error: PublishError): void {
    subscriber.error(error);
  }

  return {
    get hasMore() {
      return !started && !ended;
    },
    sendNext() {
      started = true;
      send();
    },
    disconnected,
    reconnected() {
      clock?.unsubscribe();
      clock = undefined;
      if (!waiting) return;
      waiting = false;
      send();
    },
    abandon(said, cause) {
      const isOnItsWay = started && !waiting && pause === undefined;
      fail(isOnItsWay ? 'unknown' : 'refused', said, cause);
    },
    stop() {
      if (ended) return;
      ended = true;
      entry?.close();
      pause?.unsubscribe();
      clock?.unsubscribe();
      if (started) owner.released();
      owner.ended(this);
    },
  };
}

/** Of a batch, the first message alone may expect a sequence of the stream, and the first on each address one of that. */
function withOneExpectation(messages: readonly Outgoing[]): readonly Outgoing[] {
  const seen = new Set<string>();
  return messages.map((message, index) => {
    const { expect, address } = message;
    if (expect === undefined) return message;
    const { lastSequence, lastAddressSequence, ...others } = expect;
    const isFirstHere = !seen.has(address);
    seen.add(address);
    return {
      ...message,
      expect: {
        ...others,
        ...(lastSequence !== undefined && index === 0 ? { lastSequence } : {}),
        ...(lastAddressSequence !== undefined && isFirstHere ? { lastAddressSequence } : {}),
      },
    };
  });
}
