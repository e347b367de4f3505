import {
  asyncScheduler,
  defer,
  type MonoTypeOperatorFunction,
  type Observable,
  retry,
  type SchedulerLike,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { type Backoff, defaultBackoff, STOP } from '../core/backoff.ts';
import { RetryExhaustedError } from '../core/errors.ts';
import { isFatal, retryAtOf } from '../core/failures.ts';
import { askBackoff } from './ask-backoff.ts';

/** Options for {@link retryBackoff}. */
export interface RetryBackoffOptions {
  /** Return false to pass `error` on as it is. Fatal errors are passed on in any case. @defaultValue retries every error */
  readonly shouldRetry?: (error: unknown, attempt: number) => boolean;
  /** Whether a value from the source starts the policy afresh. @defaultValue `true` */
  readonly resetOnSuccess?: boolean;
  /** Clock for the delays. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/**
 * Resubscribes to a failed source after the delay that a policy says, in this process: the same policies as
 * `redeliver`'s, for any Observable.
 *
 * Fatal errors and those that `shouldRetry` refuses are passed on as they are; where the policy says STOP, the last
 * failure is passed on as the `cause` of a `RetryExhaustedError`. An error made by `retryAt` names its own time.
 * A policy or `shouldRetry` that throws ends it with both errors. Unsubscribing cancels a pending delay.
 *
 * @example
 * ```ts
 * defer(() => fetchRate(currency)).pipe(retryBackoff(exponential({ initial: 100, maxAttempts: 5 })));
 * ```
 */
export function retryBackoff<T>(
  backoff: Backoff = defaultBackoff,
  options: RetryBackoffOptions = {},
): MonoTypeOperatorFunction<T> {
  const { shouldRetry = () => true, resetOnSuccess = true, scheduler = asyncScheduler } = options;

  return (source) =>
    defer(() => {
      let startedAt = scheduler.now();
      const restart = () => {
        if (resetOnSuccess) startedAt = scheduler.now();
      };
      const nextTry = (error: unknown, attempt: number): Observable<unknown> => {
        if (isFatal(error) || !shouldRetry(error, attempt)) return throwError(() => error);
        const now = scheduler.now();
        const delay = askBackoff(backoff, attempt, now - startedAt);
        if (delay === STOP) return throwError(() => new RetryExhaustedError(attempt, { cause: error }));
        const at = retryAtOf(error);
        return timer(at === undefined ? delay : Math.max(0, at - now), scheduler);
      };
      const delay = (error: unknown, attempt: number): Observable<unknown> => {
        try {
          return nextTry(error, attempt);
        } catch (policyError) {
          return throwError(() => new AggregateError([error, policyError], 'The backoff policy failed'));
        }
      };
      return source.pipe(tap(restart), retry({ resetOnSuccess, delay }));
    });
}
