import { type MonoTypeOperatorFunction, Observable, type SchedulerLike, Subscription, takeWhile } from 'rxjs';

/** How long something is held back. */
export interface Holding {
  /** For this time, in ms, at most. @defaultValue not at all */
  readonly wait?: number;
  /** Until so many others have passed. @defaultValue however many do */
  readonly passing?: number;
}

/** A value, and how long it is held back. */
export interface Held<T> extends Holding {
  readonly value: T;
}

interface Waiting<T> {
  readonly value: T;
  readonly timer: Subscription;
  passing: number;
}

/**
 * Replaces each value by those that `plan` makes of it, each held back for its time, or until enough others have passed.
 *
 * Completes when the source has and nothing is held back for time alone; what only lets others pass goes at once then.
 * Passes an error on at once. What is held back then, or on unsubscribe, is dropped.
 */
export function held<T>(scheduler: SchedulerLike, plan: (value: T) => readonly Held<T>[]): MonoTypeOperatorFunction<T> {
  return (source) =>
    new Observable((subscriber) => {
      const waiting = new Set<Waiting<T>>();
      let completed = false;

      function hold({ value, wait, passing = Number.POSITIVE_INFINITY }: Held<T>): void {
        if (wait === undefined) {
          pass(value);
          return;
        }
        const timer = new Subscription();
        const item = { value, timer, passing };
        waiting.add(item);
        subscriber.add(timer);
        timer.add(scheduler.schedule(() => release(item), wait));
      }

      function release(item: Waiting<T>): void {
        if (!waiting.delete(item)) return;
        item.timer.unsubscribe();
        pass(item.value);
        completeIfDone();
      }

      function pass(value: T): void {
        const patient = [...waiting];
        subscriber.next(value);
        for (const item of patient) if (--item.passing <= 0) release(item);
      }

      function completeIfDone(): void {
        if (completed && waiting.size === 0) subscriber.complete();
      }

      const whileWanted = takeWhile<T>(() => !subscriber.closed); // stops a source that never lets go of the thread
      return source.pipe(whileWanted).subscribe({
        next: (value) => {
          for (const item of plan(value)) hold(item);
        },
        error: (error) => subscriber.error(error),
        complete: () => {
          completed = true;
          for (const item of [...waiting]) if (item.passing < Number.POSITIVE_INFINITY) release(item);
          completeIfDone();
        },
      });
    });
}
