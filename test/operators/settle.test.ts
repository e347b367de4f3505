import { type Backoff, constant, maxAttempts, type Outcome, STOP, settle } from 'millrace';
import { type FakeDelivery, fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, delay, EMPTY, map, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, retried, skipped, succeeded } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

const receipt = { address: 'test.dlq', stored: true, duplicate: false };

const outcomes: Record<string, (delivery: Delivery) => Outcome> = {
  a: (delivery) => succeeded(delivery),
  b: (delivery) => skipped(delivery),
  c: (delivery) => retried(delivery, 7),
  d: (delivery) => ({ kind: 'deadLettered', delivery, error: boom, receipt }),
  e: (delivery) => failed(delivery),
};

const outcomeOf = (delivery: Delivery): Outcome => outcomes[delivery.event.id]?.(delivery) as Outcome;

/** A delivery whose settlement takes time, as with an asynchronous dedup commit. */
function slow(settling: Observable<void>, id = '1'): FakeDelivery {
  return Object.assign(Object.create(nthDelivery(1, { id })), { settling }) as FakeDelivery;
}

function run(source: Observable<Outcome>, options?: Parameters<typeof settle>[0]) {
  const seen = { outcomes: [] as Outcome[], end: 'open' as unknown };
  const subscription = source.pipe(settle(options)).subscribe({
    next: (outcome) => seen.outcomes.push(outcome),
    error: (error) => Object.assign(seen, { end: error }),
    complete: () => Object.assign(seen, { end: 'complete' }),
  });
  return Object.assign(seen, { subscription });
}

describe('settle', () => {
  operatorLaws<Outcome, Outcome>(
    (scheduler) => settle({ scheduler }),
    (n) => succeeded(nthDelivery(n)),
  );

  it(
    'settles each delivery by what became of it',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b-c-d-e-|');
      const expected = '           -a-b-c-d-e-|';
      const result = source.pipe(map(outcomeOf), settle({ backoff: constant(500) }));

      expectOutcomes(result).toBe(expected, {
        b: 'skipped b duplicate',
        c: 'retry c 7',
        d: 'deadLettered d',
        e: 'failed e boom',
      });
      expectSettlements(source, { show: ['refused'] }).toBe('-a-b-c-d-e', {
        c: 'c nak 7',
        d: 'd term boom',
        e: 'e nak 500',
      });
    }),
  );

  it('emits an outcome when it is settled, and not before', () => {
    const delivery = fakeDelivery();
    const settled: boolean[] = [];

    of<Outcome>(succeeded(delivery))
      .pipe(settle())
      .subscribe((outcome) => settled.push(outcome.delivery.settled));

    expect(settled).toEqual([true]);
  });

  it('hands back a failure by the default backoff, which is never without a delay', () => {
    const delivery = fakeDelivery();

    run(of<Outcome>(failed(delivery)));

    const [call] = delivery.calls;
    expect(call).toMatchObject({ kind: 'nak', accepted: true });
    expect(call?.delay).toBeGreaterThanOrEqual(100);
    expect(call?.delay).toBeLessThanOrEqual(200);
  });

  it('tells the policy the attempt, and how long the event is in the stream', () => {
    const told: unknown[] = [];
    const backoff: Backoff = (attempt, elapsed) => told.push([attempt, elapsed]);
    const scheduler = virtualTime({ start: 4_500 });

    run(of<Outcome>(failed(fakeDelivery({ attempt: 3, position: { time: 1_000 } }))), { backoff, scheduler });
    run(of<Outcome>(failed(fakeDelivery({ attempt: 2, position: undefined }))), { backoff, scheduler });

    expect(told).toEqual([
      [3, 3_500],
      [2, 0],
    ]);
  });

  it.each([
    { name: 'stops', backoff: maxAttempts(constant(5), 1) },
    { name: 'returns STOP itself', backoff: (): typeof STOP => STOP },
  ])('waits half a minute where the policy $name: there is nobody to give it to', ({ backoff }) => {
    const delivery = fakeDelivery();

    run(of<Outcome>(failed(delivery)), { backoff });

    expect(delivery.calls).toMatchObject([{ kind: 'nak', delay: 30_000, accepted: true }]);
  });

  it.each([
    {
      name: 'throws',
      backoff: () => {
        throw boom;
      },
      error: boom,
    },
    { name: 'says NaN', backoff: () => Number.NaN, error: expect.any(RangeError) },
  ])('hands the delivery back all the same where the policy $name, and says so', ({ backoff, error }) => {
    const delivery = fakeDelivery();

    const seen = run(of<Outcome>(failed(delivery)), { backoff });

    expect(delivery.calls).toMatchObject([{ kind: 'nak', delay: 30_000, accepted: true }]);
    expect(seen.outcomes).toMatchObject([{ kind: 'failed', settleError: error }]);
    expect(seen.end).toBe('complete');
  });

  it.each([
    { error: new Error('poison'), reason: 'poison' },
    { error: 'a text', reason: 'a text' },
    { error: undefined, reason: 'undefined' },
    { error: Object.create(null) as unknown, reason: '[object Object]' },
  ])('gives the reason when it gives a delivery up: $reason', ({ error, reason }) => {
    const delivery = fakeDelivery();

    run(of<Outcome>({ kind: 'deadLettered', delivery, error, receipt }));

    expect(delivery.calls).toMatchObject([{ kind: 'term', reason, accepted: true }]);
  });

  it('leaves a delivery alone that was settled before', () => {
    const delivery = fakeDelivery();
    delivery.ack();

    const seen = run(of<Outcome>(failed(delivery)));

    expect(delivery.calls.map(({ kind, accepted }) => [kind, accepted])).toEqual([
      ['ack', true],
      ['nak', false],
    ]);
    expect(seen.outcomes).toEqual([failed(delivery)]);
  });

  it('shows a settlement that throws, and goes on', () => {
    const broken = Object.assign(fakeDelivery({ id: 'a' }), {
      ack: () => {
        throw boom;
      },
    });
    const next = fakeDelivery({ id: 'b' });

    const seen = run(of<Outcome[]>(succeeded(broken), succeeded(next)));

    expect(seen.outcomes).toEqual([{ ...succeeded(broken), settleError: boom }, succeeded(next)]);
    expect(next.settled).toBe(true);
    expect(seen.end).toBe('complete');
  });

  it('waits for a settlement that takes time, and lets faster ones overtake it', () => {
    const commit = new Subject<void>();
    const [a, b] = [slow(commit, 'a'), nthDelivery(2, { id: 'b' })];

    const seen = run(concat(of<Outcome[]>(succeeded(a), succeeded(b)), NEVER));
    const before = seen.outcomes.map(({ delivery }) => delivery.event.id);
    commit.complete();

    expect(before).toEqual(['b']);
    expect(seen.outcomes.map(({ delivery }) => delivery.event.id)).toEqual(['b', 'a']);
    seen.subscription.unsubscribe();
  });

  it('shows a settlement that fails in time', () => {
    const commit = new Subject<void>();
    const delivery = slow(commit);

    const seen = run(of<Outcome>(succeeded(delivery)));
    commit.error(boom);

    expect(seen.outcomes).toEqual([{ ...succeeded(delivery), settleError: boom }]);
    expect(seen.end).toBe('complete');
  });

  it.each([
    { end: 'complete', source: EMPTY },
    { end: boom, source: throwError(() => boom) },
  ])('ends with $end only when the last settlement is done', ({ end, source }) => {
    const commits = [new Subject<void>(), new Subject<void>()] as const;

    const seen = run(
      concat(of<Outcome[]>(succeeded(slow(commits[0])), succeeded(slow(commits[1]))), source as Observable<never>),
    );
    const ends: unknown[] = [seen.end];
    for (const commit of commits) {
      commit.complete();
      ends.push(seen.end);
    }

    expect(ends).toEqual(['open', 'open', end]);
    expect(seen.outcomes).toHaveLength(2);
  });

  it(
    'passes an error of the source on at once where nothing is pending',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-#', undefined, { error: boom });
      const expected = '           -a-#';

      expectOutcomes(source.pipe(map(outcomeOf), settle())).toBe(expected, undefined, boom);
      expectSettlements(source).toBe('-a');
    }),
  );

  it(
    'settles nothing more after it was unsubscribed',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b-');
      const unsub = '              --!';
      const expected = '           -a-';

      expectOutcomes(source.pipe(map(outcomeOf), settle()), unsub).toBe(expected);
      expectSettlements(source).toBe('-a');
    }),
  );
});

describe('settle, with confirm', () => {
  const confirming = (delivery: FakeDelivery, answer: Observable<void>): FakeDelivery =>
    Object.assign(delivery, { confirm: () => answer });

  it(
    'confirms what is acked, and settles the rest as ever',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b-c-d-e-|');
      const expected = '           -a-b-c-d-e-|';
      const result = source.pipe(map(outcomeOf), settle({ confirm: true, backoff: constant(500) }));

      expectOutcomes(result).toBe(expected, {
        b: 'skipped b duplicate',
        c: 'retry c 7',
        d: 'deadLettered d',
        e: 'failed e boom',
      });
      expectSettlements(source, { show: ['refused'] }).toBe('-a-b-c-d-e', {
        a: 'a confirm',
        b: 'b confirm',
        c: 'c nak 7',
        d: 'd term boom',
        e: 'e nak 500',
      });
    }),
  );

  it('emits an outcome only when the broker says that it has the ack', async () => {
    const time = virtualTime();
    const delivery = confirming(fakeDelivery(), EMPTY.pipe(delay(5, time)));
    const answer = new Observable<void>((subscriber) => timer(5, time).subscribe(() => subscriber.complete()));

    const seen = run(of<Outcome>(succeeded(confirming(delivery, answer))), { confirm: true });
    await time.advanceBy(4);
    const before = seen.outcomes.length;
    await time.advanceBy(1);

    expect([before, seen.outcomes.length, seen.end]).toEqual([0, 1, 'complete']);
  });

  it('shows a confirmation that fails', () => {
    const delivery = confirming(
      fakeDelivery(),
      throwError(() => boom),
    );

    const seen = run(of<Outcome>(succeeded(delivery)), { confirm: true });

    expect(seen.outcomes).toEqual([{ ...succeeded(delivery), settleError: boom }]);
  });

  it('stops waiting for a confirmation when it is unsubscribed', () => {
    const answer = new Subject<void>();
    const delivery = confirming(fakeDelivery(), answer);

    const seen = run(concat(of<Outcome>(succeeded(delivery)), NEVER), { confirm: true });
    const before = answer.observed;
    seen.subscription.unsubscribe();

    expect([before, answer.observed]).toEqual([true, false]);
    expect(seen.outcomes).toEqual([]);
  });
});
