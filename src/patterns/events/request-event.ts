import { Observable } from 'rxjs';
import type { Event } from '../../core/event.ts';
import { newTransactionId, transactionOf, withTransaction } from '../../core/transaction.ts';
import type { PublishOptions } from '../../core/transport.ts';
import type { EventSource } from './event-source.ts';
import { type WaitOptions, waitForResponse } from './wait-for-response.ts';

/** Options for {@link requestEvent}. */
export interface RequestEventOptions extends WaitOptions {
  /** How the request is published. @defaultValue as the transport does, and stored if the source has a stream */
  readonly publish?: PublishOptions;
}

/**
 * Publishes an event and emits its responses: those of the given types with its transaction id, which it gets if it has
 * none. It is published when what responds to it at once would be received.
 *
 * Emits one response, or as many as `count` and `until` say, and completes. Fails with `ResponseTimeoutError`, with the
 * `PublishError` of the request, and as `listen` of the source does. Unsubscribing forgets the responses; the request, if
 * it is stored, remains one. Subscribing again publishes the same event: a stream that recognises it stores it once.
 *
 * @example
 * ```ts
 * const source = eventSource(transport, { stream: 'SHOP' });
 * requestEvent(source, orderPlaced.create(order), ['order.paid', 'order.refused'], { timeout: 5_000 }).subscribe(show);
 * ```
 */
export function requestEvent<T = unknown>(
  source: EventSource,
  event: Event,
  types: readonly string[],
  options: RequestEventOptions = {},
): Observable<Event<T>> {
  const transactionId = transactionOf(event) ?? newTransactionId();
  const request = withTransaction(event, transactionId);

  return new Observable((subscriber) => {
    const opened = () => {
      const publishing = source.publish(request, options.publish);
      subscriber.add(publishing.subscribe({ error: (error: unknown) => subscriber.error(error) }));
    };
    waitForResponse<T>(source, transactionId, types, { ...options, opened }).subscribe(subscriber);
  });
}
