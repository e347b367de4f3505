import { asyncScheduler, Observable, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { type Backoff, defaultBackoff, STOP } from '../core/backoff.ts';
import { reasonOf } from '../core/dead-letter-headers.ts';
import type { Failed, Outcome } from '../core/outcome.ts';
import { askBackoff } from './ask-backoff.ts';
import { observe } from './observe.ts';

/** Options for {@link settle}. */
export interface SettleOptions {
  /** Delay of the nak for what is still `failed`; where it says STOP, its longest usual delay is taken. @defaultValue {@link defaultBackoff} */
  readonly backoff?: Backoff;
  /** Whether an outcome is emitted only when the broker says that it has the ack (double ack). @defaultValue `false` */
  readonly confirm?: boolean;
  /** Clock by which the elapsed time is reckoned. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** What is left to wait for where a policy says STOP and there is nobody to dead-letter it, in ms. */
const STOPPED_DELAY = 30_000;

/**
 * Settles each delivery by its outcome, and emits the outcome when that is done.
 *
 * `succeeded` and `skipped` are acked, `retry` is handed back with its delay, `deadLettered` is termed, and what is still
 * `failed` is handed back with the default backoff. A settlement that fails (a dedup commit, a confirmation, a policy
 * that throws) does not end the stream: it is on the outcome as `settleError`.
 *
 * @example
 * ```ts
 * deliveries.pipe(handle(charge), redeliver(), settle()).subscribe((outcome) => count(outcome.kind));
 * ```
 */
export function settle<T, R>(options: SettleOptions = {}): OperatorFunction<Outcome<T, R>, Outcome<T, R>> {
  const { backoff = defaultBackoff, confirm = false, scheduler = asyncScheduler } = options;

  function apply(outcome: Outcome<T, R>): void {
    const { delivery } = outcome;
    switch (outcome.kind) {
      case 'succeeded':
      case 'skipped':
        delivery.ack();
        return;
      case 'retry':
        delivery.nak(outcome.delay);
        return;
      case 'deadLettered':
        delivery.term(reasonOf(outcome.error));
        return;
      case 'failed':
        handBack(outcome);
    }
  }

  function handBack({ delivery }: Failed<T>): void {
    const elapsed = delivery.position === undefined ? 0 : scheduler.now() - delivery.position.time;
    let delay: number | typeof STOP = STOP;
    try {
      delay = askBackoff(backoff, delivery.attempt, elapsed);
    } finally {
      delivery.nak(delay === STOP ? STOPPED_DELAY : delay);
    }
  }

  function settling(outcome: Outcome<T, R>): Observable<void> | undefined {
    if (confirm && (outcome.kind === 'succeeded' || outcome.kind === 'skipped')) return outcome.delivery.confirm();
    apply(outcome);
    return outcome.delivery.settling;
  }

  return (source) =>
    new Observable((subscriber) => {
      let pending = 0;
      let ending: (() => void) | undefined;

      function next(outcome: Outcome<T, R>): void {
        let settlement: Observable<void> | undefined;
        try {
          settlement = settling(outcome);
        } catch (settleError) {
          return subscriber.next({ ...outcome, settleError });
        }
        if (settlement === undefined) return subscriber.next(outcome);
        pending += 1;
        const done = (settled: Outcome<T, R>) => {
          pending -= 1;
          subscriber.next(settled);
          if (pending === 0) ending?.();
        };
        const work = settlement.subscribe({
          error: (settleError: unknown) => done({ ...outcome, settleError }),
          complete: () => done(outcome),
        });
        subscriber.add(work);
      }

      const endWith = (end: () => void) => {
        ending = end;
        if (pending === 0) end();
      };
      observe(source, subscriber, {
        next,
        error: (error) => endWith(() => subscriber.error(error)),
        complete: () => endWith(() => subscriber.complete()),
      });
    });
}
