import {
  asyncScheduler,
  defer,
  type MonoTypeOperatorFunction,
  retry,
  type SchedulerLike,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { type Backoff, defaultBackoff, STOP } from '../core/backoff.ts';
import { RetryExhaustedError } from '../core/errors.ts';
import { isFatal, retryAtOf } from '../core/failures.ts';

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
 * Unsubscribing cancels a pending delay.
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
      return source.pipe(
        tap(restart),
        retry({
          resetOnSuccess,
          delay: (error: unknown, attempt) => {
            if (isFatal(error) || !shouldRetry(error, attempt)) return throwError(() => error);
            const now = scheduler.now();
            const delay = backoff(attempt, now - startedAt);
            if (delay === STOP) return throwError(() => new RetryExhaustedError(attempt, { cause: error }));
            const at = retryAtOf(error);
            return timer(at === undefined ? delay : Math.max(0, at - now), scheduler);
          },
        }),
      );
    });
}
