import { from, Observable, type ObservableInput, type OperatorFunction, type Subscription, takeWhile } from 'rxjs';
import { BufferOverflowError } from '../core/errors.ts';
import { fifo } from '../core/fifo.ts';
import type { OverflowPolicy } from '../core/transport.ts';
import { observe } from './observe.ts';

/** Options for {@link boundedConcurrency}. */
export interface BoundedConcurrencyOptions<T> {
  /** How many inner Observables run at a time. @defaultValue `16` */
  readonly concurrency?: number;
  /** How many values may wait. @defaultValue `1_024` */
  readonly buffer?: number;
  /** What happens to a value that finds no room. @defaultValue `'error'` */
  readonly overflow?: OverflowPolicy;
  /** Told of each dropped value, with the number dropped so far. */
  readonly onDrop?: (value: T, total: number) => void;
}

/**
 * `mergeMap` with a bound on what waits, too: for streams of anything but deliveries, which `handle` is for.
 *
 * An error of the source, of `project` or of an inner Observable passes at once and ends everything, as with `mergeMap`.
 * Completes when the source and all inner Observables have.
 *
 * @example
 * ```ts
 * clicks.pipe(boundedConcurrency(save, { concurrency: 4, buffer: 100, overflow: 'drop-oldest' }));
 * ```
 */
export function boundedConcurrency<T, R>(
  project: (value: T, index: number) => ObservableInput<R>,
  options: BoundedConcurrencyOptions<T> = {},
): OperatorFunction<T, R> {
  const { concurrency = 16, buffer = 1_024, overflow = 'error', onDrop } = options;
  if (!(concurrency >= 1)) throw new RangeError(`'concurrency' must be at least 1, not ${concurrency}`);
  if (!(buffer >= 0)) throw new RangeError(`'buffer' must be at least 0, not ${buffer}`);
  if (!['error', 'drop-oldest', 'drop-newest'].includes(overflow)) {
    throw new TypeError(`'overflow' must be 'error', 'drop-oldest' or 'drop-newest', not '${overflow}'`);
  }

  return (source) =>
    new Observable((subscriber) => {
      const waiting = fifo<T>();
      let active = 0;
      let index = 0;
      let dropped = 0;
      let completed = false;

      function take(value: T): void {
        if (active < concurrency) return run(value);
        if (waiting.size < buffer) return waiting.push(value);
        if (overflow === 'error')
          return subscriber.error(new BufferOverflowError('The buffer of boundedConcurrency', buffer));
        if (overflow === 'drop-newest' || buffer === 0) return drop(value);
        drop(waiting.shift() as T);
        waiting.push(value);
      }

      function drop(value: T): void {
        dropped += 1;
        try {
          onDrop?.(value, dropped);
        } catch (error) {
          subscriber.error(error);
        }
      }

      function run(value: T): void {
        let inner: Observable<R>;
        active += 1;
        index += 1;
        try {
          inner = from(project(value, index - 1));
        } catch (error) {
          return subscriber.error(error);
        }
        const wanted = takeWhile<R>(() => !subscriber.closed); // stops what never lets go of the thread
        const work: Subscription = inner.pipe(wanted).subscribe({
          next: (result) => subscriber.next(result),
          error: (error) => subscriber.error(error),
          complete: finish,
        });
        subscriber.add(work);
      }

      function finish(): void {
        active -= 1;
        // What a synchronous inner Observable leaves behind is taken up here in turn, not by recursion.
        if (draining) return;
        draining = true;
        while (waiting.size > 0 && active < concurrency && !subscriber.closed) run(waiting.shift() as T);
        draining = false;
        if (completed && active === 0 && waiting.size === 0) subscriber.complete();
      }
      let draining = false;

      observe(source, subscriber, {
        next: take,
        error: (error) => subscriber.error(error),
        complete() {
          completed = true;
          if (active === 0) subscriber.complete();
        },
      });
      return () => waiting.drain();
    });
}
