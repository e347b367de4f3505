import { type Arrival, handle, LeaseLostError, type Outcome, settle } from 'millrace';
import { type FakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, delay, NEVER, of, Subject, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { nthDelivery } from '../support/made.ts';

const workings = ({ calls }: FakeDelivery): number[] =>
  calls.filter(({ kind }) => kind === 'working').map(({ time }) => time);

/** Deliveries with leases that run out, on one clock. */
function leased(count: number, lease = 300) {
  const time = virtualTime();
  const deliveries = Array.from({ length: count }, (_, index) =>
    nthDelivery(index + 1, { subscription: { lease } }, { scheduler: time }),
  );
  return { time, deliveries };
}

describe('handle, with leases', () => {
  it(
    'keeps them at a third of their length, of what runs and of what waits',
    marbles(({ deliveries, cold, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  ab', undefined, { subscription: { lease: 30 } });
      const work = cold('          25ms |');
      const unsub = '              60ms !';
      const expected = '           25ms a 24ms b';
      const calls = '              10ms (xy) 6ms (xy) 1ms a 4ms y 9ms y 9ms b';
      const result = source.pipe(
        handle(() => work, { concurrency: 1 }),
        settle(),
      );

      expectOutcomes(result, unsub).toBe(expected);
      expectSettlements(source, { show: ['working'] }).toBe(calls, { x: 'a working', y: 'b working' });
    }),
  );

  it('keeps the leases of what runs, of what waits and of what was emitted, until they are settled', async () => {
    const { time, deliveries } = leased(3);
    const [, second] = deliveries;
    const works = [of(1), timer(950, time), NEVER];
    const outcomes: Outcome[] = [];

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(handle(() => works.shift(), { concurrency: 1, scheduler: time }))
      .subscribe((outcome) => outcomes.push(outcome));
    await time.advanceBy(900);
    second?.ack(); // by hand, while it runs
    await time.advanceBy(300);
    const lost = deliveries.map((delivery) => delivery.lost);
    const kept = deliveries.map(workings);
    subscription.unsubscribe();

    const thirds = [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_100, 1_200];
    expect(lost).toEqual([false, false, false]);
    expect(kept).toEqual([thirds, thirds.slice(0, 9), thirds]);
    expect(outcomes.map(({ delivery }) => delivery.event.id)).toEqual(['1', '2']);
  });

  it('uses one timer for all, and none when all are settled', async () => {
    const time = virtualTime();
    const deliveries = Array.from({ length: 100 }, (_, n) => nthDelivery(n + 1, { subscription: { lease: 300 } }));
    const works = deliveries.map(() => new Subject<never>());
    const open = works.slice();

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(
        handle(() => open.shift(), { concurrency: 10, timeout: Number.POSITIVE_INFINITY, scheduler: time }),
        settle(),
      )
      .subscribe();
    await time.advanceBy(250);
    const { pending } = time;
    for (const work of works) work.complete();
    await time.advanceBy(100);

    expect([pending, time.pending]).toEqual([1, 0]);
    expect(deliveries.every(({ settled }) => settled)).toBe(true);
    subscription.unsubscribe();
  });

  it('keeps the lease of what waits downstream for its settlement, even after the source has completed', async () => {
    const { time, deliveries } = leased(1);
    const [delivery] = deliveries as [FakeDelivery];

    of(delivery)
      .pipe(
        handle(() => 5, { scheduler: time }),
        delay(1_000, time),
        settle(),
      )
      .subscribe();
    await time.advanceBy(1_000);

    expect(delivery.calls.at(-1)).toMatchObject({ kind: 'ack', accepted: true, late: false });
    expect(workings(delivery)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
    await time.advanceBy(100);
    expect(time.pending).toBe(0);
  });

  it('keeps the shortest of several leases', async () => {
    const time = virtualTime();
    const long = nthDelivery(1, { subscription: { lease: 3_000 } }, { scheduler: time });
    const source = new Subject<Arrival>();
    const subscription = source.pipe(handle(() => NEVER, { scheduler: time })).subscribe();

    source.next(long);
    await time.advanceBy(500);
    const short = nthDelivery(2, { subscription: { lease: 60 } }, { scheduler: time });
    source.next(short);
    await time.advanceBy(100);

    expect([long.lost, short.lost]).toEqual([false, false]);
    expect(workings(short)).toEqual([520, 540, 560, 580, 600]);
    subscription.unsubscribe();
  });

  it('sets no timer where there are no leases, or none that ends', () => {
    const time = virtualTime();
    const endless = nthDelivery(2, { subscription: { lease: Number.POSITIVE_INFINITY } });

    const subscription = concat(of(nthDelivery(1), endless), NEVER)
      .pipe(handle(() => NEVER, { timeout: Number.POSITIVE_INFINITY, scheduler: time }))
      .subscribe();

    expect(time.pending).toBe(0);
    subscription.unsubscribe();
  });

  it('does not wake all the time for a lease that is longer than timers are', async () => {
    const { time, deliveries } = leased(1, 1e11);
    const [delivery] = deliveries as [FakeDelivery];

    const subscription = concat(of(delivery), NEVER)
      .pipe(handle(() => NEVER, { timeout: Number.POSITIVE_INFINITY, scheduler: time }))
      .subscribe();
    await time.advanceBy(2 ** 31);

    expect(workings(delivery)).toEqual([2 ** 31 - 1]);
    subscription.unsubscribe();
  });

  it('hands back, and does not run, what was lost while it waited', async () => {
    const { time, deliveries } = leased(2);
    const [first, second] = deliveries as [FakeDelivery, FakeDelivery];
    const deaf = Object.create(second, { working: { value: () => undefined } }) as FakeDelivery; // its broker hears nothing
    const work = new Subject<never>();
    const ran: string[] = [];
    const outcomes: Outcome[] = [];
    const handler = ({ event }: Delivery): unknown => {
      ran.push(event.id);
      return work;
    };

    const subscription = concat(of(first, deaf), NEVER)
      .pipe(handle(handler, { concurrency: 1, scheduler: time }))
      .subscribe((outcome) => outcomes.push(outcome));
    await time.advanceBy(300);
    work.complete();

    expect(ran).toEqual(['1']);
    expect(outcomes).toMatchObject([
      { kind: 'succeeded' },
      { kind: 'retry', delay: 0, error: new LeaseLostError(300), delivery: { event: { id: '2' } } },
    ]);
    subscription.unsubscribe();
  });

  it('gives up what was lost on its last attempt: nothing would come again', () => {
    const init = { attempt: 3, subscription: { lease: 300, maxDeliver: 3 } };
    const lost = Object.create(nthDelivery(1, init), { lost: { value: true } }) as FakeDelivery;
    const outcomes: Outcome[] = [];

    of(lost)
      .pipe(handle(() => 5))
      .subscribe((outcome) => outcomes.push(outcome));

    expect(outcomes).toEqual([{ kind: 'failed', delivery: lost, error: new LeaseLostError(300) }]);
  });

  it('keeps no lease of what somebody settled elsewhere', async () => {
    const { time, deliveries } = leased(1);
    const [delivery] = deliveries as [FakeDelivery];

    const subscription = concat(of(delivery), NEVER)
      .pipe(handle(() => NEVER, { scheduler: time }))
      .subscribe();
    await time.advanceBy(100);
    delivery.ack();
    await time.advanceBy(1_000);

    expect(workings(delivery)).toEqual([100]);
    subscription.unsubscribe();
  });
});
