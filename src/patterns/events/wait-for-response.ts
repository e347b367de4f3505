import { type Observable, take, takeWhile } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import type { Event } from '../../core/event.ts';
import type { EventSource } from './event-source.ts';

/** Options for {@link waitForResponse}. */
export interface WaitOptions {
  /** Time, in ms, until the last response that is asked for; `Infinity` for no end. @defaultValue `10_000` */
  readonly timeout?: number;
  /** How many responses to take; `Infinity` for all. @defaultValue `1`, and with `until` `Infinity` */
  readonly count?: number;
  /** Tells the last response, which is emitted too. */
  readonly until?: (response: Event) => boolean;
  /** Called when what is published from then on comes. */
  readonly opened?: () => void;
}

const DEFAULT_TIMEOUT = 10_000;

/**
 * Emits the responses to a request that was published elsewhere, or before: those of the given types with its transaction
 * id that are published from when this is open.
 *
 * Emits one response, or as many as `count` and `until` say, and completes. Fails with `ResponseTimeoutError` when they
 * have not all come in time, with `InvalidListenerError` where `types` or `transactionId` are empty, and as `listen` of the
 * source does.
 *
 * @example
 * ```ts
 * waitForResponse(source, transactionId, ['order.paid', 'order.refused']).subscribe(show);
 * ```
 */
export function waitForResponse<T = unknown>(
  source: EventSource,
  transactionId: string,
  types: readonly string[],
  options: WaitOptions = {},
): Observable<Event<T>> {
  const { timeout = DEFAULT_TIMEOUT, until, opened } = options;
  const { count = until === undefined ? 1 : Number.POSITIVE_INFINITY } = options;
  wholeNumber('count', count);
  const once = count === 1 && until === undefined;
  const wanted = { transactionId, types, once, timeout, ...(opened === undefined ? {} : { opened }) };
  const responses = source.listen<T>(wanted);
  if (once) return responses;
  const wantedOnes = until === undefined ? responses : responses.pipe(takeWhile((response) => !until(response), true));
  return count === Number.POSITIVE_INFINITY ? wantedOnes : wantedOnes.pipe(take(count));
}
