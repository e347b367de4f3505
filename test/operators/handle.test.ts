import { type Arrival, type HandleOptions, handle, type Outcome, settle } from 'millrace';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import pLimit from 'p-limit';
import { concat, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, retried, skipped, succeeded } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

const nothing = (): void => undefined;

describe('handle', () => {
  operatorLaws<Arrival, Outcome>(
    (scheduler) => handle((delivery) => delivery.event.id, { scheduler }),
    (n) => nthDelivery(n),
  );

  it(
    'runs the handler for each delivery, and emits what became of it',
    marbles(({ deliveries, cold, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b--c-|');
      const works = { a: cold('     --5|'), b: cold('--#', undefined, boom), c: cold('|') };
      const expected = '           ----abc-|';
      const run = handle((delivery) => works[delivery.event.id as keyof typeof works]);

      expectOutcomes(source.pipe(run)).toBe(expected, { a: 'succeeded a "5"', b: 'failed b boom' });
      expectSettlements(source, { show: ['refused', 'working', 'abort'] }).toBe('');
    }),
  );

  it(
    'completes when the source has, and every handler is done',
    marbles(({ deliveries, cold, expectOutcomes }) => {
      const source = deliveries('  -ab|');
      const work = cold('           -----|');
      const expected = '           ------a(b|)';

      expectOutcomes(source.pipe(handle(() => work))).toBe(expected);
    }),
  );

  it(
    'runs so many handlers at a time, and the others in their order',
    marbles(({ deliveries, cold, expectOutcomes, expectSubscriptions }) => {
      const source = deliveries('  abcde|');
      const work = cold('           ---|');
      const subs = [
        '                          ^--!',
        '                          -^--!',
        '                          ---^--!',
        '                          ----^--!',
        '                          ------^--!',
      ];
      const expected = '           ---ab-cd-(e|)';

      expectOutcomes(source.pipe(handle(() => work, { concurrency: 2 }))).toBe(expected);
      expectSubscriptions(work.subscriptions).toBe(subs);
    }),
  );

  it('runs 16 at a time by default', () => {
    let running = 0;

    const subscription = concat(of(...Array.from({ length: 20 }, (_, n) => nthDelivery(n + 1))), NEVER)
      .pipe(
        handle(
          () => {
            running += 1;
            return NEVER;
          },
          { scheduler: virtualTime() },
        ),
      )
      .subscribe();

    expect(running).toBe(16);
    subscription.unsubscribe();
  });

  it(
    'emits in the order in which handlers are done',
    marbles(({ deliveries, cold, expectOutcomes }) => {
      const source = deliveries('  (abc)--|');
      const works = { a: cold('    ----|'), b: cold('--|'), c: cold('|') };
      const expected = '           c-b-a--|';

      expectOutcomes(source.pipe(handle(({ event }) => works[event.id as keyof typeof works]))).toBe(expected);
    }),
  );

  it('takes synchronous work as it comes, and never lets it wait', () => {
    const seen: unknown[] = [];

    of(nthDelivery(1), nthDelivery(2), nthDelivery(3))
      .pipe(handle((delivery) => seen.push(`run ${delivery.event.id}`), { concurrency: 1 }))
      .subscribe(({ delivery }) => seen.push(`out ${delivery.event.id}`));

    expect(seen).toEqual(['run 1', 'out 1', 'run 2', 'out 2', 'run 3', 'out 3']);
  });

  it(
    'lets outcomes pass that were decided before',
    marbles(({ cold, expectObservable }) => {
      const outcomes = { a: skipped(fakeDelivery()), b: failed(fakeDelivery()), c: retried(fakeDelivery()) };
      const source = cold<Arrival>('-a-b-c-|', outcomes);

      expectObservable(source.pipe(handle(() => NEVER, { concurrency: 1 }))).toBe('-a-b-c-|', outcomes);
    }),
  );

  it.each([
    { how: 'is settled already', before: (delivery: Delivery) => delivery.ack() },
    { how: 'was handed back already', before: (delivery: Delivery) => delivery.nak() },
  ])('skips a delivery that $how', ({ before }) => {
    const delivery = fakeDelivery();
    const seen: Outcome[] = [];
    before(delivery);

    of(delivery)
      .pipe(
        handle(() => {
          throw boom;
        }),
      )
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([skipped(delivery, 'settled before it was handled')]);
  });

  it('takes a delivery that the handler settles, and settles it once', () => {
    const [acked, termed] = [nthDelivery(1), nthDelivery(2)];
    const seen: unknown[] = [];

    of(acked, termed)
      .pipe(
        handle((delivery) => {
          if (delivery === acked) return delivery.ack();
          delivery.term('by hand');
          throw boom;
        }),
        settle(),
      )
      .subscribe(({ kind }) => seen.push(kind));

    expect(seen).toEqual(['succeeded', 'failed']);
    const accepted = [acked, termed].map(({ calls }) => calls.filter((call) => call.accepted).map(({ kind }) => kind));
    expect(accepted).toEqual([['ack'], ['term']]);
  });

  it('goes on after every kind of failure', () => {
    const failures = [
      () => {
        throw boom;
      },
      () => throwError(() => boom),
      () => 'fine',
    ];
    const seen: unknown[] = [];

    of(nthDelivery(1), nthDelivery(2), nthDelivery(3))
      .pipe(handle(({ position }) => failures[(position?.sequence ?? 1) - 1]?.(), { concurrency: 1 }))
      .subscribe(({ kind }) => seen.push(kind));

    expect(seen).toEqual(['failed', 'failed', 'succeeded']);
  });

  it('hands back what finds no room to wait', () => {
    const seen: unknown[] = [];
    const source = of(...[1, 2, 3, 4].map((n) => nthDelivery(n)));

    const subscription = concat(source, NEVER)
      .pipe(handle(() => NEVER, { concurrency: 1, maxWaiting: 2, scheduler: virtualTime() }))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toMatchObject([
      { kind: 'retry', delay: 1_000, error: { message: 'The queue of deliveries is full at 2' } },
    ]);
    expect((seen as Outcome[])[0]?.delivery.event.id).toBe('4');
    subscription.unsubscribe();
  });

  it('gives up, instead of handing back, what finds no room on its last attempt: nothing would come again', () => {
    const seen: Outcome[] = [];
    const source = of(...[1, 2, 3].map((n) => nthDelivery(n, { attempt: 3, subscription: { maxDeliver: 3 } })));

    const subscription = concat(source, NEVER)
      .pipe(handle(() => NEVER, { concurrency: 1, maxWaiting: 1, scheduler: virtualTime() }))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toMatchObject([{ kind: 'failed', error: { code: 'BUFFER_OVERFLOW' } }]);
    subscription.unsubscribe();
  });

  it.each<{ options: HandleOptions; error: Error }>([
    { options: { concurrency: 0 }, error: new RangeError("'concurrency' must be at least 1, not 0") },
    { options: { concurrency: Number.NaN }, error: new RangeError("'concurrency' must be at least 1, not NaN") },
    { options: { timeout: 0 }, error: new RangeError("'timeout' must be above 0 ms, not 0") },
    { options: { maxWaiting: 0 }, error: new RangeError("'maxWaiting' must be at least 1, not 0") },
    { options: { maxLanes: 0, orderBy: nothing }, error: new RangeError("'maxLanes' must be at least 1, not 0") },
    { options: { maxBlocked: -1, orderBy: nothing }, error: new RangeError("'maxBlocked' must be at least 0, not -1") },
    { options: { orderBy: 'key' as never }, error: new TypeError("'orderBy' must be a function") },
    { options: { maxLanes: 5 }, error: new TypeError("'maxLanes' needs 'orderBy'") },
    { options: { maxBlocked: 5 }, error: new TypeError("'maxBlocked' needs 'orderBy'") },
    {
      options: { concurrency: pLimit(2), adaptive: {} },
      error: new TypeError("'adaptive' needs a number as 'concurrency': a shared limiter has its own limit"),
    },
    {
      options: { concurrency: 4, adaptive: { initial: 5 } },
      error: new TypeError("'adaptive.initial' (5) must not exceed 'concurrency' (4)"),
    },
    { options: { adaptive: { initial: 0 } }, error: new RangeError("'adaptive.initial' must be at least 1, not 0") },
    { options: { adaptive: { interval: 0 } }, error: new RangeError("'adaptive.interval' must be above 0 ms, not 0") },
    { options: { adaptive: { increase: 0 } }, error: new RangeError("'adaptive.increase' must be above 0, not 0") },
    {
      options: { adaptive: { decrease: 1 } },
      error: new RangeError("'adaptive.decrease' must be between 0 and 1, not 1"),
    },
  ])('refuses $options when it is called', ({ options, error }) => {
    expect(() => handle(nothing, options)).toThrow(error);
  });

  it('refuses what is no handler', () => {
    expect(() => handle(undefined as never)).toThrow(new TypeError("'handler' must be a function, not undefined"));
  });

  it('makes outcomes that say what they are about', () => {
    const delivery = fakeDelivery();
    const seen: Outcome[] = [];

    of(delivery, delivery)
      .pipe(handle(() => 5))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([succeeded(delivery, 5), succeeded(delivery, 5)]);
  });
});
