import { defer, from, type ObservableInput, of } from 'rxjs';
import type { Event } from '../../src/core/event.ts';
import type { Publisher, PublishOptions, Receipt } from '../../src/core/transport.ts';

/** One attempt to publish. */
export interface Attempt {
  readonly event: Event;
  readonly options: PublishOptions;
}

/** A publisher that writes down each attempt, when it is subscribed to. */
export interface RecordingPublisher extends Publisher {
  readonly attempts: readonly Attempt[];
}

/** What a publisher answers when a stream has the event. */
export function receiptAt(address: unknown): Receipt {
  return { address: String(address), stored: true, stream: 'DEAD', sequence: 1, duplicate: false };
}

/** Makes a publisher that answers the nth attempt (from 1) by `answer`, or that it is stored. */
export function recordingPublisher(
  answer: (n: number, attempt: Attempt) => ObservableInput<Receipt> = (_, { options }) =>
    of(receiptAt(options.address)),
): RecordingPublisher {
  const attempts: Attempt[] = [];
  return {
    attempts,
    publish: (event, options = {}) =>
      defer(() => {
        const attempt = { event: event as Event, options };
        attempts.push(attempt);
        return from(answer(attempts.length, attempt));
      }),
  };
}
