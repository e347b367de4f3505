import { type HandleOptions, handle, type Outcome, settle } from 'millrace';
import { type FakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, NEVER, Observable, of, Subject, take, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import type { Arrival } from '../../src/core/outcome.ts';
import { boom, nthDelivery } from '../support/made.ts';
import { promises } from '../support/stores.ts';

const abortion = 'The pipeline was unsubscribed while its handler ran';

/** What was done to each: `nak 0`, `ack`; what was refused, and the abortions, do not count. */
const settlements = (deliveries: readonly FakeDelivery[]): string[][] =>
  deliveries.map(({ calls }) =>
    calls
      .filter(({ kind, accepted }) => accepted && kind !== 'abort' && kind !== 'working')
      .map(({ kind, delay }) => (delay === undefined ? kind : `${kind} ${delay}`)),
  );

describe('handle, when it is unsubscribed', () => {
  it(
    'hands back what runs and then what waits, at once, and stops what runs',
    marbles(({ deliveries, cold, expectOutcomes, expectSettlements, expectSubscriptions }) => {
      const source = deliveries('  -abc--');
      const work = cold('           -----|');
      const subs = ['              -^--!', '--^-!'];
      const unsub = '              ----!';
      const expected = '           ----';
      const calls = '              ----(xaybc)';
      const result = source.pipe(handle(() => work, { concurrency: 2 }));

      expectOutcomes(result, unsub).toBe(expected);
      expectSubscriptions(work.subscriptions).toBe(subs);
      expectSettlements(source, { show: ['abort', 'refused'] }).toBe(calls, {
        a: 'a nak 0',
        b: 'b nak 0',
        c: 'c nak 0',
        x: `a abort ${abortion}`,
        y: `b abort ${abortion}`,
      });
    }),
  );

  it('hands a promise back when it settles, whatever it says, and ends its signal at once', async () => {
    const deliveries = [nthDelivery(1), nthDelivery(2)] as const;
    const ends: (() => void)[] = [];
    const works = [
      new Promise<void>((resolve) => ends.push(resolve)),
      new Promise<void>((_, reject) => ends.push(() => reject(boom))),
    ];

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(handle(({ position }) => works[(position?.sequence ?? 1) - 1], { scheduler: virtualTime() }))
      .subscribe();
    subscription.unsubscribe();
    await promises();
    const before = settlements(deliveries);
    const aborted = deliveries.map(({ signal }) => signal.aborted);
    for (const end of ends) end();
    await promises();

    expect([before, aborted]).toEqual([
      [[], []],
      [true, true],
    ]);
    expect(settlements(deliveries)).toEqual([['nak 0'], ['nak 0']]);
  });

  it.each([[[1]], [[3]], [[2]], [[1, 3]], [[3, 1]], [[2, 1]], [[3, 2, 1]]])(
    'hands back what runs, and nothing of what is done already: %j',
    (done) => {
      const deliveries = [1, 2, 3].map((n) => nthDelivery(n));
      const works = deliveries.map(() => new Subject<never>());

      const subscription = concat(of(...deliveries), NEVER)
        .pipe(
          handle(({ position }) => works[(position?.sequence ?? 1) - 1], { scheduler: virtualTime() }),
          settle(),
        )
        .subscribe();
      for (const n of done) works[n - 1]?.complete();
      subscription.unsubscribe();

      const expected = [1, 2, 3].map((n) => (done.includes(n) ? ['ack'] : ['abort', 'nak']));
      expect(deliveries.map(({ calls }) => calls.map(({ kind }) => kind))).toEqual(expected);
      expect(works.map(({ observed }) => observed)).toEqual([false, false, false]);
    },
  );

  it('leaves alone what is done, and was emitted', () => {
    const delivery = nthDelivery(1);

    const subscription = concat(of(delivery), NEVER)
      .pipe(handle(() => 5))
      .subscribe();
    subscription.unsubscribe();

    expect(settlements([delivery])).toEqual([[]]);
  });

  it('leaves no timer, neither for timeouts nor for leases', async () => {
    const time = virtualTime();
    const lease = { subscription: { lease: 300 } };
    const deliveries = [nthDelivery(1, lease), nthDelivery(2, lease)];

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(handle(() => NEVER, { concurrency: 1, scheduler: time, adaptive: {} }))
      .subscribe();
    const before = time.pending;
    subscription.unsubscribe();

    expect([before, time.pending]).toEqual([2, 0]);
  });

  it('leaves no timer where a lane waits for a retry', () => {
    const time = virtualTime();
    const options: HandleOptions = { orderBy: () => 'key', scheduler: time };
    const deliveries = [nthDelivery(1), nthDelivery(2)];

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(
        handle(() => {
          throw boom;
        }, options),
        settle(),
      )
      .subscribe();
    subscription.unsubscribe();

    expect(settlements(deliveries)[1]).toEqual(['nak 0']);
    expect(time.pending).toBe(0);
  });

  it('leaves no timer where what it hands back is first in its lane', () => {
    const time = virtualTime();
    const options: HandleOptions = { orderBy: () => 'key', scheduler: time };

    const subscription = concat(of(nthDelivery(1)), NEVER)
      .pipe(handle(() => NEVER, options))
      .subscribe();
    subscription.unsubscribe();

    expect(time.pending).toBe(0);
  });

  it('hands back everything, though a handler throws when it is stopped', () => {
    const stubborn = new Observable<never>(() => () => {
      throw boom;
    });
    const deliveries = [1, 2, 3].map((n) => nthDelivery(n));

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(handle(() => stubborn, { concurrency: 2, scheduler: virtualTime() }))
      .subscribe();
    expect(() => subscription.unsubscribe()).toThrow('boom');

    expect(settlements(deliveries)).toEqual([['nak 0'], ['nak 0'], ['nak 0']]);
  });
});

describe('handle, when it is unsubscribed by', () => {
  describe.each([
    { source: 'a source that is synchronous', synchronous: true },
    { source: 'a source that is not', synchronous: false },
  ])('with $source,', ({ synchronous }) => {
    it.each([
      { what: 'a handler that is then done', work: () => 5 },
      {
        what: 'a handler that then fails',
        work: () => {
          throw boom;
        },
      },
      { what: 'a handler that never ends', work: () => NEVER },
      { what: 'a handler that is done in time', work: () => Promise.resolve() },
    ])('$what, hands its delivery back, and what runs and waits', async ({ work }) => {
      const time = virtualTime();
      const stop = new Subject<void>();
      const deliveries = [1, 2].map((n) => nthDelivery(n, { subscription: { lease: 300 } }));
      const source = new Subject<Arrival>();
      const seen: Outcome[] = [];
      const handler = ({ event }: Delivery): unknown => {
        if (event.id === '1') return NEVER;
        stop.next();
        return work();
      };

      const arrivals: Observable<Arrival> = synchronous ? concat(of(...deliveries), NEVER) : source;
      arrivals
        .pipe(handle(handler, { concurrency: 2, scheduler: time }), settle(), takeUntil(stop))
        .subscribe((outcome) => seen.push(outcome));
      for (const delivery of deliveries) source.next(delivery);
      await promises();

      expect(settlements(deliveries)).toEqual([['nak 0'], ['nak 0']]);
      expect([seen, time.pending]).toEqual([[], 0]);
    });
  });

  it('a handler, does not even begin what that one returns', () => {
    const stop = new Subject<void>();
    const source = new Subject<Arrival>();
    let begun = false;
    const work = new Observable<never>(() => {
      begun = true;
    });
    const handler = (): Observable<never> => {
      stop.next();
      return work;
    };

    source.pipe(handle(handler, { scheduler: virtualTime() }), takeUntil(stop)).subscribe();
    source.next(nthDelivery(1));

    expect(begun).toBe(false);
  });

  it('a handler, hands its promise back only when it settles', async () => {
    const stop = new Subject<void>();
    const source = new Subject<Arrival>();
    const delivery = nthDelivery(1);
    let end: (() => void) | undefined;
    const handler = (): Promise<void> => {
      stop.next();
      return new Promise((resolve) => {
        end = resolve;
      });
    };

    source.pipe(handle(handler, { scheduler: virtualTime() }), takeUntil(stop)).subscribe();
    source.next(delivery);
    await promises();
    const before = settlements([delivery]);
    end?.();
    await promises();

    expect([before, settlements([delivery])]).toEqual([[[]], [['nak 0']]]);
  });

  it('the subscription of a handler, stops it', () => {
    const stop = new Subject<void>();
    const delivery = nthDelivery(1);
    const source = new Subject<Arrival>();
    let stopped = false;
    const work = new Observable<never>(() => {
      stop.next();
      return () => {
        stopped = true;
      };
    });
    const time = virtualTime();

    source
      .pipe(
        handle(() => work, { scheduler: time }),
        takeUntil(stop),
      )
      .subscribe();
    source.next(delivery);

    expect([stopped, settlements([delivery]), time.pending]).toEqual([true, [['nak 0']], 0]);
  });

  it.each([
    { source: 'a source that is synchronous', synchronous: true },
    { source: 'a source that is not', synchronous: false },
  ])('whoever gets an outcome, leaves that one to it, and keeps no lease: $source', ({ synchronous }) => {
    const time = virtualTime();
    const deliveries = [1, 2, 3].map((n) => nthDelivery(n, { subscription: { lease: 300 } }));
    const source = new Subject<Arrival>();
    const seen: Outcome[] = [];

    const arrivals: Observable<Arrival> = synchronous ? concat(of(...deliveries), NEVER) : source;
    arrivals
      .pipe(
        handle(() => 5, { scheduler: time }),
        take(1),
      )
      .subscribe((outcome) => seen.push(outcome));
    for (const delivery of deliveries) source.next(delivery);

    expect(seen.map(({ delivery }) => delivery.event.id)).toEqual(['1']);
    expect(settlements(deliveries)).toEqual([[], [], []]); // the others never arrived
    expect(time.pending).toBe(0);
  });

  it('whoever gets an outcome, hands back the others that were being handed back with it', () => {
    const draining = new AbortController();
    const deliveries = [1, 2, 3, 4].map((n) => nthDelivery(n, { subscription: { draining: draining.signal } }));

    concat(of(...deliveries), NEVER)
      .pipe(
        handle(() => NEVER, { concurrency: 1, scheduler: virtualTime() }),
        take(1),
        settle(),
      )
      .subscribe();
    draining.abort();

    expect(settlements(deliveries)).toEqual([['nak 0'], ['nak 0'], ['nak 0'], ['nak 0']]);
  });
});

describe('handle, when its source fails', () => {
  it(
    'hands back what waits, and passes the error when what runs is done',
    marbles(({ deliveries, cold, expectOutcomes }) => {
      const source = deliveries('  abc-#', undefined, { error: boom });
      const work = cold('          ---------|');
      const expected = '           ----(bc)-(a#)';

      expectOutcomes(source.pipe(handle(() => work, { concurrency: 1 }))).toBe(
        expected,
        { b: 'retry b 0', c: 'retry c 0' },
        boom,
      );
    }),
  );

  it('passes the error at once where nothing runs', () => {
    const seen: unknown[] = [];

    concat(of(nthDelivery(1)), new Observable<never>((subscriber) => subscriber.error(boom)))
      .pipe(handle(() => 5))
      .subscribe({ next: ({ kind }) => seen.push(kind), error: (error) => seen.push(error) });

    expect(seen).toEqual(['succeeded', boom]);
  });
});
