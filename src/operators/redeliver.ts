import { asyncScheduler, map, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { type Backoff, defaultBackoff, STOP } from '../core/backoff.ts';
import { isLastAttempt } from '../core/decorated-delivery.ts';
import { isFatal, retryAtOf } from '../core/failures.ts';
import type { Failed, Outcome } from '../core/outcome.ts';
import { askBackoff } from './ask-backoff.ts';

/** Options for {@link redeliver}. */
export interface RedeliverOptions {
  /** Clock by which `retryAt` and the elapsed time are reckoned. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** The shortest delay of a redelivery, in ms: without one, a broker would send it again at once. */
const MIN_DELAY = 1;

/**
 * Decides which failed deliveries are tried again by the broker, and when; other outcomes pass.
 *
 * A failure becomes `retry` with the policy's delay for the broker's attempt count, or with the time that `retryAt`
 * names. It stays `failed` where the policy says STOP, where it is fatal, and on the last attempt that the broker makes:
 * nothing would come again.
 *
 * @example
 * ```ts
 * outcomes.pipe(redeliver(exponential({ initial: 200, max: 30_000, maxAttempts: 6 })));
 * ```
 */
export function redeliver<T, R>(
  backoff: Backoff = defaultBackoff,
  { scheduler = asyncScheduler }: RedeliverOptions = {},
): OperatorFunction<Outcome<T, R>, Outcome<T, R>> {
  if (typeof backoff !== 'function')
    throw new TypeError(`'backoff' must be a policy such as exponential(), not ${typeof backoff}`);

  function decide(failed: Failed<T>): Outcome<T, R> {
    const { delivery, error } = failed;
    const { attempt, position } = delivery;
    if (isFatal(error) || isLastAttempt(delivery)) return failed;
    const now = scheduler.now();
    try {
      const delay = askBackoff(backoff, attempt, position === undefined ? 0 : now - position.time);
      if (delay === STOP) return failed;
      const at = retryAtOf(error);
      return { kind: 'retry', delivery, error, delay: Math.max(MIN_DELAY, at === undefined ? delay : at - now) };
    } catch (policyError) {
      return { kind: 'failed', delivery, error: new AggregateError([error, policyError], 'The backoff policy failed') };
    }
  }

  return map((outcome) => (outcome.kind === 'failed' ? decide(outcome) : outcome));
}
