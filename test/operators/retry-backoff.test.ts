import {
  constant,
  exponential,
  fatal,
  maxAttempts,
  maxElapsed,
  never,
  RetryExhaustedError,
  retryAt,
  retryBackoff,
} from 'millrace';
import { marbles, virtualTime } from 'millrace/testing';
import { defer, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

describe('retryBackoff', () => {
  operatorLaws<number, number>(
    (scheduler) => retryBackoff(constant(1), { shouldRetry: () => false, scheduler }),
    (n) => n,
  );

  it(
    'waits longer before each retry',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('  #', undefined, boom);
      const subs = [
        '                    (^!)',
        '                    -(^!)',
        '                    ---(^!)',
        '                    -------(^!)',
      ];
      const unsub = '        ---------!';
      const expected = '     ----------';

      expectObservable(source.pipe(retryBackoff(exponential({ initial: 1, jitter: 0 }))), unsub).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'goes on with what the retried source emits, and completes with it',
    marbles(({ cold, expectObservable }) => {
      const attempts = [cold('-a-#'), cold('-b#'), cold('c-d-|')];
      const unsub = '         ------------!';
      const expected = '      -a---b-c-d-|';
      const source = defer(() => attempts.shift() ?? NEVER);

      expectObservable(source.pipe(retryBackoff(constant(1))), unsub).toBe(expected);
    }),
  );

  it(
    'passes on the last failure, wrapped, once the policy stops',
    marbles(({ cold, expectObservable }) => {
      const source = cold('-#', undefined, boom);
      const unsub = '      -------!';
      const expected = '   -----#'; // three attempts of one frame, two delays of one frame

      const result = source.pipe(retryBackoff(maxAttempts(constant(1), 3)));

      expectObservable(result, unsub).toBe(expected, undefined, new RetryExhaustedError(3, { cause: boom }));
    }),
  );

  it(
    'stops when the time is over',
    marbles(({ cold, expectObservable }) => {
      const source = cold('-#', undefined, boom);
      const unsub = '      ----------!';
      const expected = '   -----#'; // fails at 1, 3 and 5; the time is over after 4

      const result = source.pipe(retryBackoff(maxElapsed(constant(1), 4)));

      expectObservable(result, unsub).toBe(expected, undefined, new RetryExhaustedError(3, { cause: boom }));
    }),
  );

  it(
    'starts the policy afresh after a value',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a#', undefined, boom);
      const subs = ['      ^!', '--^!', '----^!'];
      const unsub = '      -----!';
      const expected = '   a-a-a-';

      const backoff = maxAttempts(exponential({ initial: 1, jitter: 0 }), 2);

      expectObservable(source.pipe(retryBackoff(backoff)), unsub).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it(
    'starts the time afresh after a value, too',
    marbles(({ cold, expectObservable }) => {
      const source = cold('a#', undefined, boom);
      const unsub = '      -------!';
      const expected = '   a-a-a-a-';

      expectObservable(source.pipe(retryBackoff(maxElapsed(constant(1), 1))), unsub).toBe(expected);
    }),
  );

  it(
    'counts on over values where it is told to',
    marbles(({ cold, expectObservable }) => {
      const source = cold('a#', undefined, boom);
      const unsub = '      -------!';
      const expected = '   a-a#';
      const result = source.pipe(retryBackoff(maxAttempts(constant(1), 2), { resetOnSuccess: false }));

      expectObservable(result, unsub).toBe(expected, undefined, new RetryExhaustedError(2, { cause: boom }));
    }),
  );

  it(
    'reckons the time on over values where it is told to',
    marbles(({ cold, expectObservable }) => {
      const source = cold('a#', undefined, boom);
      const unsub = '      -------!';
      const expected = '   a-a#';
      const result = source.pipe(retryBackoff(maxElapsed(constant(1), 1), { resetOnSuccess: false }));

      expectObservable(result, unsub).toBe(expected, undefined, new RetryExhaustedError(2, { cause: boom }));
    }),
  );

  it(
    'passes on, as it is, what shouldRetry refuses',
    marbles(({ cold, expectObservable }) => {
      const source = cold('-#', undefined, boom);
      const unsub = '      -------!';
      const expected = '   ---#';
      const shouldRetry = (_: unknown, attempt: number) => attempt < 2;

      expectObservable(source.pipe(retryBackoff(constant(1), { shouldRetry })), unsub).toBe(expected, undefined, boom);
    }),
  );

  it('tells shouldRetry the failure and the attempt', async () => {
    const time = virtualTime();
    const asked: unknown[] = [];
    const shouldRetry = (error: unknown, attempt: number) => asked.push([error, attempt]) < 3;

    throwError(() => boom)
      .pipe(retryBackoff(constant(1), { shouldRetry, scheduler: time }))
      .subscribe({ error: (error) => asked.push(error) });
    await time.flush();

    expect(asked).toEqual([[boom, 1], [boom, 2], [boom, 3], boom]);
  });

  it('passes a fatal failure on as it is, without asking', () => {
    const seen: unknown[] = [];
    const error = fatal('never');
    const shouldRetry = () => {
      throw new Error('asked');
    };

    throwError(() => error)
      .pipe(retryBackoff(constant(1), { shouldRetry }))
      .subscribe({ error: (failure) => seen.push(failure) });

    expect(seen).toEqual([error]);
  });

  it(
    'waits until the time that the failure names',
    marbles(({ cold, expectObservable }) => {
      const attempts = [cold('-#', undefined, retryAt(6)), cold('a#', undefined, retryAt(3)), cold('b|')];
      const unsub = '         ---------!';
      const expected = '      ------ab|'; // the second names a time that is past: at once
      const source = defer(() => attempts.shift() ?? NEVER);

      expectObservable(source.pipe(retryBackoff(constant(1))), unsub).toBe(expected);
    }),
  );

  it(
    'cancels a pending delay on unsubscribe',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-#', undefined, boom);
      const subs = '       ^!';
      const unsub = '      --!';
      const expected = '   ---';

      expectObservable(source.pipe(retryBackoff(constant(5))), unsub).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it('leaves no timer when it is unsubscribed during a delay', () => {
    const time = virtualTime();

    const subscription = throwError(() => boom)
      .pipe(retryBackoff(constant(5), { scheduler: time }))
      .subscribe();
    const before = time.pending;
    subscription.unsubscribe();

    expect([before, time.pending]).toEqual([1, 0]);
  });

  it('fails with both when the policy throws', () => {
    const broken = new Error('policy');
    const seen: unknown[] = [];

    throwError(() => boom)
      .pipe(
        retryBackoff(() => {
          throw broken;
        }),
      )
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toMatchObject([{ message: 'The backoff policy failed', errors: [boom, broken] }]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])('takes %s for no delay', (nonsense) => {
    const seen: unknown[] = [];

    throwError(() => boom)
      .pipe(retryBackoff(() => nonsense as number))
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toMatchObject([{ message: 'The backoff policy failed', errors: [boom, expect.any(RangeError)] }]);
  });

  it('fails with both when shouldRetry throws', () => {
    const broken = new Error('asked');
    const seen: unknown[] = [];

    throwError(() => boom)
      .pipe(
        retryBackoff(constant(1), {
          shouldRetry: () => {
            throw broken;
          },
        }),
      )
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toMatchObject([{ errors: [boom, broken] }]);
  });

  it('does not count one subscription as attempts of another', () => {
    const seen: unknown[] = [];
    const result = throwError(() => boom).pipe(retryBackoff(never()));

    for (const _ of [1, 2]) result.subscribe({ error: (error) => seen.push(error) });

    expect(seen).toEqual([new RetryExhaustedError(1, { cause: boom }), new RetryExhaustedError(1, { cause: boom })]);
  });

  it('leaves a source alone that does not fail', () => {
    const seen: number[] = [];

    of(1, 2, 3)
      .pipe(retryBackoff(never()))
      .subscribe((value) => seen.push(value));

    expect(seen).toEqual([1, 2, 3]);
  });
});
