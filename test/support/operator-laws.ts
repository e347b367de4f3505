import { type VirtualTime, virtualTime } from 'millrace/testing';
import { concat, NEVER, Observable, type OperatorFunction, of, Subject, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';

/** More values than this from a synchronous source mean that nobody stopped it. */
const RUNAWAY = 1_000;

/**
 * Holds an operator to what every operator keeps, whatever else it does. It must emit something, synchronously, for each
 * value that `input` makes, and let the source's error pass as it is.
 *
 * @param make - Makes the operator, on a clock that no law moves unless it says so.
 * @param input - Makes the source's nth value, afresh each time.
 */
export function operatorLaws<T, R>(
  make: (scheduler: VirtualTime) => OperatorFunction<T, R>,
  input: (n: number) => T,
): void {
  const three = new Observable<T>((subscriber) => {
    for (const n of [1, 2, 3]) subscriber.next(input(n));
    subscriber.complete();
  });

  describe('as every operator', () => {
    it('passes completion', () => {
      const seen = record(three.pipe(make(virtualTime())));

      expect(seen.values.length).toBeGreaterThanOrEqual(3);
      expect(seen.end).toBe('complete');
    });

    it('completes with an empty source', () => {
      const seen = record(of<T>().pipe(make(virtualTime())));

      expect(seen).toMatchObject({ values: [], end: 'complete' });
    });

    it('stays open, and silent, with a source that never emits', () => {
      const seen = record((NEVER as Observable<T>).pipe(make(virtualTime())));

      expect(seen).toMatchObject({ values: [], end: 'open' });
      seen.unsubscribe();
    });

    it('passes a source error', () => {
      const boom = new Error('boom');

      const seen = record(
        concat(
          three,
          throwError(() => boom),
        ).pipe(make(virtualTime())),
      );

      expect(seen.values.length).toBeGreaterThanOrEqual(3);
      expect(seen.end).toBe(boom);
    });

    it('subscribes to the source once for each subscriber, and not before', () => {
      let subscriptions = 0;
      const source = new Observable<T>(() => {
        subscriptions += 1;
      });

      const result = source.pipe(make(virtualTime()));
      const before = subscriptions;
      const both = [result.subscribe(), result.subscribe()];

      expect([before, subscriptions]).toEqual([0, 2]);
      for (const subscription of both) subscription.unsubscribe();
    });

    it('unsubscribes from the source with its subscriber', () => {
      const source = new Subject<T>();

      const subscription = source.pipe(make(virtualTime())).subscribe();
      source.next(input(1));
      const before = source.observed;
      subscription.unsubscribe();

      expect([before, source.observed]).toEqual([true, false]);
    });

    it('stops a synchronous infinite source when downstream unsubscribes', () => {
      let pulled = 0;
      const endless = new Observable<T>((subscriber) => {
        while (!subscriber.closed && pulled < RUNAWAY) subscriber.next(input(++pulled));
      });

      const seen = record(endless.pipe(make(virtualTime()), take(3)));

      expect(seen.end).toBe('complete');
      expect(seen.values).toHaveLength(3);
      expect(pulled).toBeLessThanOrEqual(3);
    });

    it('shares no state between two subscriptions', () => {
      const result = three.pipe(make(virtualTime()));

      const [first, second] = [record(result), record(result)];

      expect(second.values.map(show)).toEqual(first.values.map(show));
      expect(second.end).toBe(first.end);
    });

    it('shares no state between two subscriptions that overlap', () => {
      const source = new Subject<number>();
      const inputs = source.pipe((numbers) => new Observable<T>((s) => numbers.subscribe((n) => s.next(input(n)))));
      const result = inputs.pipe(make(virtualTime()));

      const [first, second] = [record(result), record(result)];
      for (const n of [1, 2, 3]) source.next(n);
      first.unsubscribe();
      source.next(4);

      expect(first.values.length).toBeGreaterThanOrEqual(3);
      expect(second.values.slice(0, first.values.length).map(show)).toEqual(first.values.map(show));
      expect(second.values.length).toBeGreaterThan(first.values.length);
      second.unsubscribe();
    });

    it('emits nothing after it was unsubscribed, and leaves no timer', async () => {
      const time = virtualTime();
      let source: { next(value: T): void } | undefined;
      const held = new Observable<T>((subscriber) => {
        source = subscriber;
      });

      const seen = record(held.pipe(make(time)));
      source?.next(input(1));
      seen.unsubscribe();
      const before = seen.values.length;
      source?.next(input(2));
      const { pending } = time;
      await time.flush({ limit: 100 });

      expect(seen.values).toHaveLength(before);
      expect(pending).toBe(0);
    });

    it('takes a source that emits while it is unsubscribed from', () => {
      const late = new Observable<T>((subscriber) => () => subscriber.next(input(1)));

      const seen = record(late.pipe(make(virtualTime())));
      seen.unsubscribe();

      expect(seen).toMatchObject({ values: [], end: 'open' });
    });
  });
}

/** What came out of an Observable so far. */
interface Recording<T> {
  readonly values: T[];
  end: unknown;
  unsubscribe(): void;
}

function record<T>(source: Observable<T>): Recording<T> {
  const recording: Recording<T> = { values: [], end: 'open', unsubscribe: () => subscription.unsubscribe() };
  const subscription = source.subscribe({
    next: (value) => recording.values.push(value),
    error: (error) => {
      recording.end = error;
    },
    complete: () => {
      recording.end = 'complete';
    },
  });
  return recording;
}

/** What can be compared of two values that were made alike: of deliveries and outcomes, what they are and of which event. */
function show(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('kind' in value && 'delivery' in value) return `${value.kind} ${(value.delivery as Delivery).event.id}`;
  return 'ack' in value ? `delivery ${(value as unknown as Delivery).event.id}` : value;
}
