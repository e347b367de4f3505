import {
  type Backoff,
  constant,
  exponential,
  fatal,
  maxAttempts,
  maxElapsed,
  never,
  type Outcome,
  redeliver,
  retryAt,
  STOP,
} from 'millrace';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, retried, skipped, succeeded } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

/** What becomes of one failure. */
function decide(backoff: Backoff, delivery: Delivery, error: unknown = boom, now = 0): Outcome {
  const outcomes: Outcome[] = [];
  of<Outcome>(failed(delivery, error))
    .pipe(redeliver(backoff, { scheduler: virtualTime({ start: now }) }))
    .subscribe((outcome) => outcomes.push(outcome));
  expect(outcomes).toHaveLength(1);
  return outcomes[0] as Outcome;
}

describe('redeliver', () => {
  operatorLaws<Outcome, Outcome>(
    (scheduler) => redeliver(constant(200), { scheduler }),
    (n) => failed(nthDelivery(n)),
  );

  it(
    'turns a failure into a retry, at once',
    marbles(({ deliveries, expectOutcomes }) => {
      const source = deliveries('-a-(bc)-d-|');
      const expected = '         -a-(bc)-d-|';
      const outcomes = source.pipe(map((delivery) => failed(delivery)));
      const values = { a: 'retry a 200', b: 'retry b 200', c: 'retry c 200', d: 'retry d 200' };

      expectOutcomes(outcomes.pipe(redeliver(constant(200)))).toBe(expected, values);
    }),
  );

  it(
    'settles nothing',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('-a-b-|');
      const outcomes = source.pipe(map((delivery) => failed(delivery)));

      expectOutcomes(outcomes.pipe(redeliver(maxAttempts(constant(1), 1)))).toBe('-a-b-|', {
        a: 'failed a boom',
        b: 'failed b boom',
      });
      expectSettlements(source, { show: ['working', 'abort', 'refused'] }).toBe('');
    }),
  );

  it(
    'takes the attempt from the broker',
    marbles(({ deliveries, expectOutcomes }) => {
      const source = deliveries('a-a-a-a|'); // the same event, delivered again and again
      const expected = '         a-b-c-d|';
      const outcomes = source.pipe(map((delivery) => failed(delivery)));
      const backoff = exponential({ initial: 100, jitter: 0, maxAttempts: 4 });

      expectOutcomes(outcomes.pipe(redeliver(backoff))).toBe(expected, {
        a: 'retry a 100',
        b: 'retry a 200',
        c: 'retry a 400',
        d: 'failed a boom',
      });
    }),
  );

  it(
    'lets other outcomes pass',
    marbles(({ deliveries, expectOutcomes }) => {
      const made: Record<string, (delivery: Delivery) => Outcome> = {
        a: (delivery) => succeeded(delivery, 5),
        b: (delivery) => skipped(delivery),
        c: (delivery) => retried(delivery, 7),
      };
      const outcomes = deliveries('a-b-c|').pipe(map((d) => made[d.event.id]?.(d) as Outcome));

      expectOutcomes(outcomes.pipe(redeliver(never()))).toBe('a-b-c|', {
        a: 'succeeded a 5',
        b: 'skipped b duplicate',
        c: 'retry c 7',
      });
    }),
  );

  it('keeps a failure that the policy stops at', () => {
    const delivery = fakeDelivery({ attempt: 6 });

    expect(decide(exponential({ maxAttempts: 6 }), delivery)).toEqual(failed(delivery));
  });

  it('keeps a fatal failure, whatever the policy says', () => {
    const error = new Error('wrapped', { cause: fatal('never') });

    expect(decide(constant(1), fakeDelivery(), error).kind).toBe('failed');
  });

  it.each([
    { attempt: 2, maxDeliver: 3, kind: 'retry' },
    { attempt: 3, maxDeliver: 3, kind: 'failed' },
    { attempt: 4, maxDeliver: 3, kind: 'failed' },
    { attempt: 1, maxDeliver: 1, kind: 'failed' },
  ])('says $kind on attempt $attempt of the $maxDeliver that the broker makes', ({ attempt, maxDeliver, kind }) => {
    const delivery = fakeDelivery({ attempt, subscription: { maxDeliver } });

    expect(decide(constant(1), delivery).kind).toBe(kind);
  });

  it('keeps the failure on the last attempt that the broker makes, even where it names its time', () => {
    const delivery = fakeDelivery({ attempt: 3, subscription: { maxDeliver: 3 } });

    expect(decide(constant(1), delivery, retryAt(10_000)).kind).toBe('failed');
  });

  it('retries when the failure says so, not when the policy does', () => {
    const error = new Error('429', { cause: retryAt(5_000) });

    expect(decide(constant(1), fakeDelivery(), error, 2_000)).toMatchObject({ kind: 'retry', delay: 3_000 });
  });

  it('lets the policy stop what names its own time', () => {
    expect(decide(never(), fakeDelivery(), retryAt(5_000)).kind).toBe('failed');
  });

  it.each([
    { name: 'a policy that says 0', backoff: constant(0), error: boom },
    { name: 'a policy that says less', backoff: () => -5, error: boom },
    { name: 'a time that is past', backoff: constant(500), error: retryAt(1_000) },
    { name: 'the very time', backoff: constant(500), error: retryAt(2_000) },
  ])('never hands back without a delay: $name', ({ backoff, error }) => {
    expect(decide(backoff, fakeDelivery(), error, 2_000)).toMatchObject({ kind: 'retry', delay: 1 });
  });

  it('tells the policy how long the event is in the stream', () => {
    const told: unknown[] = [];
    const backoff: Backoff = (attempt, elapsed) => told.push([attempt, elapsed]);

    decide(backoff, fakeDelivery({ attempt: 3, position: { time: 1_000 } }), boom, 4_500);
    decide(backoff, fakeDelivery({ attempt: 2, position: undefined }), boom, 4_500);

    expect(told).toEqual([
      [3, 3_500],
      [2, 0],
    ]);
  });

  it('gives up when its time is over', () => {
    const delivery = fakeDelivery({ position: { time: 0 } });
    const backoff = maxElapsed(constant(1), 1_000);

    expect(decide(backoff, delivery, boom, 1_000).kind).toBe('retry');
    expect(decide(backoff, delivery, boom, 1_001).kind).toBe('failed');
  });

  it('keeps both failures when the policy throws', () => {
    const broken = new Error('policy');
    const delivery = fakeDelivery();

    const outcome = decide(() => {
      throw broken;
    }, delivery);

    expect(outcome).toMatchObject({ kind: 'failed', delivery, error: { message: 'The backoff policy failed' } });
    expect((outcome as { error: AggregateError }).error.errors).toEqual([boom, broken]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, null, '200'])('takes %s for no delay', (nonsense) => {
    const outcome = decide(() => nonsense as number, fakeDelivery());

    expect(outcome).toMatchObject({ kind: 'failed', error: { message: 'The backoff policy failed' } });
    expect((outcome as { error: AggregateError }).error.errors).toEqual([boom, expect.any(RangeError)]);
  });

  it('stops where the policy returns STOP itself', () => {
    expect(decide(() => STOP, fakeDelivery()).kind).toBe('failed');
  });

  it('has a default that never gives up', () => {
    const outcomes: Outcome[] = [];

    of<Outcome>(failed(fakeDelivery({ attempt: 1_000 })))
      .pipe(redeliver())
      .subscribe((outcome) => outcomes.push(outcome));

    expect(outcomes).toMatchObject([{ kind: 'retry' }]);
  });

  it('refuses what is no policy', () => {
    expect(() => redeliver({ initial: 200 } as never)).toThrow(
      new TypeError("'backoff' must be a policy such as exponential(), not object"),
    );
  });
});
