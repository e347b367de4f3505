import { HandlerTimeoutError, handle, type Outcome } from 'millrace';
import { type FakeDelivery, fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, NEVER, Observable, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, nthDelivery, succeeded } from '../support/made.ts';

function run(work: (delivery: FakeDelivery) => unknown, deliveries: readonly FakeDelivery[], options = {}) {
  const time = virtualTime();
  const started: number[] = [];
  const seen: Outcome[] = [];
  const at: number[] = [];
  const handler = (delivery: Delivery): unknown => {
    started.push(time.now());
    return work(delivery as FakeDelivery);
  };
  const subscription = concat(of(...deliveries), NEVER)
    .pipe(handle(handler, { scheduler: time, ...options }))
    .subscribe((outcome) => {
      seen.push(outcome);
      at.push(time.now());
    });
  return { time, started, seen, at, subscription };
}

describe('handle, with a timeout', () => {
  it(
    'makes a handler fail that takes longer, unsubscribes from it and aborts its signal',
    marbles(({ deliveries, cold, expectOutcomes, expectSettlements, expectSubscriptions }) => {
      const source = deliveries('  -a--b-----|');
      const work = cold('           -x----|');
      const subs = ['              -^---!', '----^---!'];
      const expected = '           -----a--b-|';
      const message = 'The handler did not finish within 4 ms';

      expectOutcomes(source.pipe(handle(() => work, { timeout: 4 }))).toBe(expected, {
        a: `failed a ${message}`,
        b: `failed b ${message}`,
      });
      expectSubscriptions(work.subscriptions).toBe(subs);
      expectSettlements(source, { show: ['abort'] }).toBe('-----a--b', {
        a: `a abort ${message}`,
        b: `b abort ${message}`,
      });
    }),
  );

  it('gives the slot of a handler that never ends to the next', async () => {
    const deliveries = [1, 2, 3].map((n) => nthDelivery(n));

    const { time, started, at, subscription } = run(() => NEVER, deliveries, { concurrency: 1, timeout: 10 });
    await time.advanceBy(30);

    expect([started, at]).toEqual([
      [0, 10, 20],
      [10, 20, 30],
    ]);
    subscription.unsubscribe();
  });

  it('gives up a promise that never settles, and hears no more of it', async () => {
    let settle: ((value: number) => void) | undefined;
    const delivery = fakeDelivery();

    const { time, seen, subscription } = run(
      () =>
        new Promise<number>((resolve) => {
          settle = resolve;
        }),
      [delivery],
      { timeout: 10 },
    );
    await time.advanceBy(10);
    settle?.(5);
    await time.advanceBy(10);

    expect(seen).toEqual([{ kind: 'failed', delivery, error: new HandlerTimeoutError(10) }]);
    expect(delivery.signal.reason).toEqual(new HandlerTimeoutError(10));
    subscription.unsubscribe();
  });

  it('takes 30 s where nothing is said', async () => {
    const { time, at, subscription } = run(() => NEVER, [fakeDelivery()]);

    await time.advanceBy(60_000);

    expect(at).toEqual([30_000]);
    subscription.unsubscribe();
  });

  it('waits for ever where it is told to, without a timer', async () => {
    const { time, seen, subscription } = run(() => NEVER, [fakeDelivery()], { timeout: Number.POSITIVE_INFINITY });

    await time.advanceBy(1e9);

    expect([seen.length, time.pending]).toEqual([0, 0]);
    subscription.unsubscribe();
  });

  it('counts from the start of the handler, not from the arrival of the delivery', async () => {
    const first = new Subject<never>();
    const works: Observable<unknown>[] = [first, NEVER];

    const { time, at, subscription } = run(() => works.shift(), [nthDelivery(1), nthDelivery(2)], {
      concurrency: 1,
      timeout: 10,
    });
    await time.advanceBy(6);
    first.complete();
    await time.advanceBy(20);

    expect(at).toEqual([6, 16]);
    subscription.unsubscribe();
  });

  it('uses one timer for all, and none when nothing runs', async () => {
    const works = Array.from({ length: 50 }, () => new Subject<never>());
    const deliveries = works.map((_, n) => nthDelivery(n + 1));

    const { time, subscription } = run(({ position }) => works[(position?.sequence ?? 1) - 1], deliveries, {
      concurrency: 50,
      timeout: 1_000,
    });
    const { pending } = time;
    for (const work of works) work.complete();
    await time.advanceBy(1_000);

    expect([pending, time.pending]).toEqual([1, 0]);
    subscription.unsubscribe();
  });

  it('makes many fail that are late together', async () => {
    const deliveries = Array.from({ length: 200 }, (_, n) => nthDelivery(n + 1));

    const { time, seen, at, subscription } = run(() => NEVER, deliveries, { concurrency: 100, timeout: 10 });
    await time.advanceBy(20);

    expect(seen.map(({ delivery }) => delivery.event.id)).toEqual(deliveries.map(({ event }) => event.id));
    expect(new Set(at)).toEqual(new Set([10, 20]));
    subscription.unsubscribe();
  });

  it('makes it fail, and goes on, though the handler throws when it is stopped', async () => {
    const stubborn = new Observable<never>(() => () => {
      throw boom;
    });
    const [first, second] = [nthDelivery(1), nthDelivery(2)];

    const { time, seen, subscription } = run(({ event }) => (event.id === '1' ? stubborn : 5), [first, second], {
      concurrency: 1,
      timeout: 10,
    });
    await time.advanceBy(10);

    expect(seen).toMatchObject([
      { kind: 'failed', delivery: first, error: { message: 'The handler timed out, and failed to stop' } },
      succeeded(second, 5),
    ]);
    const [{ error }] = seen as unknown as [{ error: AggregateError }];
    expect(error.errors).toEqual([new HandlerTimeoutError(10), expect.objectContaining({ errors: [boom] })]);
    subscription.unsubscribe();
  });

  it('keeps a timeout that is longer than timers are', async () => {
    const { time, at, subscription } = run(() => NEVER, [fakeDelivery()], { timeout: 1e10 });

    await time.advanceBy(2 ** 31);
    const before = [...at];
    await time.advanceTo(1e10);

    expect([before, at]).toEqual([[], [1e10]]);
    subscription.unsubscribe();
  });
});
