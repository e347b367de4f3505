import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Backoff,
  cap,
  constant,
  defaultBackoff,
  delays,
  exponential,
  jitter,
  linear,
  maxAttempts,
  maxElapsed,
  naturalExponential,
  never,
  STOP,
  stopAbove,
} from '../../src/core/backoff.ts';

/** What a policy says after each of the first `count` attempts. */
function series(backoff: Backoff, count: number): (number | typeof STOP)[] {
  return Array.from({ length: count }, (_, index) => backoff(index + 1, 0));
}

/** The same in seconds, rounded to whole ones as the origin of some vectors does. */
function inSeconds(backoff: Backoff, count: number): number[] {
  return series(backoff, count).map((delay) => Math.round(Number(delay) / 1000));
}

const lowest = () => 0;
const highest = () => 1 - Number.EPSILON / 2;

describe('never', () => {
  it('stops after the first attempt', () => {
    expect(never()(1, 0)).toBe(STOP);
  });
});

describe('constant', () => {
  it('waits the same time after every attempt', () => {
    expect(series(constant(5_000), 3)).toEqual([5_000, 5_000, 5_000]);
  });
});

describe('delays', () => {
  it('repeats the last delay', () => {
    expect(series(delays([5_000, 10_000]), 3)).toEqual([5_000, 10_000, 10_000]);
  });

  it('keeps what it was given when the list changes later', () => {
    const list = [1, 2];
    const backoff = delays(list);

    list[0] = 9;
    list.length = 1;

    expect(series(backoff, 3)).toEqual([1, 2, 2]);
  });

  it('refuses an empty list', () => {
    expect(() => delays([])).toThrow(new RangeError('delays must hold at least one delay'));
  });

  it('names the delay that is none', () => {
    expect(() => delays([1, Number.NaN])).toThrow(/^delays\[1\] must be a delay/);
  });
});

describe('linear', () => {
  it('grows by the step up to the maximum', () => {
    const backoff = linear({ initial: 5_000, step: 2_000, max: 15_000 });

    expect(inSeconds(backoff, 7)).toEqual([5, 7, 9, 11, 13, 15, 15]);
  });

  it('starts with the initial delay', () => {
    expect(series(linear({ initial: 2_000, step: 1_000, max: 10_000 }), 3)).toEqual([2_000, 3_000, 4_000]);
  });
});

describe('exponential', () => {
  it.each([
    [{ initial: 1_000, factor: 2 }, [1_000, 2_000, 4_000]],
    [{ initial: 1_000, factor: 3 }, [1_000, 3_000, 9_000]],
    [{ initial: 5_000, max: 10_000 }, [5_000, 10_000, 10_000]],
    [{ max: 5_000 }, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]],
  ])('multiplies the delay up to the maximum: %j', (options, expected) => {
    expect(series(exponential({ ...options, jitter: 0 }), expected.length)).toEqual(expected);
  });

  it('leaves half of the delay to chance by default, and never exceeds it', () => {
    expect(exponential({ initial: 200, random: lowest })(2, 0)).toBe(400);
    expect(exponential({ initial: 200, random: highest })(2, 0)).toBeCloseTo(200);
  });

  it('leaves all of it to chance with full jitter, but never comes to 0', () => {
    const delay = exponential({ initial: 200, jitter: 1, random: highest })(1, 0);

    expect(delay).toBeCloseTo(0);
    expect(delay).toBeGreaterThan(0);
  });

  it('permits as many attempts as maxAttempts', () => {
    const backoff = exponential({ initial: 200, max: 30_000, maxAttempts: 3, jitter: 0 });

    expect(series(backoff, 4)).toEqual([200, 400, STOP, STOP]);
  });

  it('permits attempts as long as maxElapsed', () => {
    const backoff = exponential({ initial: 200, maxElapsed: 1_000, jitter: 0 });

    expect(backoff(1, 1_000)).toBe(200);
    expect(backoff(1, 1_001)).toBe(STOP);
  });

  it('does not overflow, however many attempts fail', () => {
    expect(exponential({ max: 1_000, jitter: 0 })(5_000, 0)).toBe(1_000);
    expect(exponential({ initial: 0, jitter: 0 })(5_000, 0)).toBe(0);
  });
});

describe('naturalExponential', () => {
  it.each([
    [{ initial: 5_000, scale: 2_000, rate: 2, max: 10_000_000 }, [5, 18, 112, 810, 5_965, 10_000]],
    [{ initial: 30_000, scale: 10_000, rate: 2, max: 1_800_000 }, [30, 94, 566, 1_800, 1_800]],
  ])('grows with the natural exponential: %j', (options, expected) => {
    expect(inSeconds(naturalExponential(options), expected.length)).toEqual(expected);
  });

  it('does not round', () => {
    expect(naturalExponential({ initial: 1, scale: 1, rate: 1 })(2, 0)).toBeCloseTo(Math.E, 12);
  });

  it('does not overflow, however many attempts fail', () => {
    expect(naturalExponential({ initial: 7, scale: 0, rate: 2 })(5_000, 0)).toBe(7);
    expect(naturalExponential({ initial: 7, scale: 1, rate: 2, max: 9 })(5_000, 0)).toBe(9);
  });
});

describe('defaultBackoff', () => {
  it('doubles from 200 ms to 30 s, less up to a half', () => {
    for (let attempt = 1; attempt <= 20; attempt++) {
      const whole = Math.min(30_000, 200 * 2 ** (attempt - 1));
      const delay = Number(defaultBackoff(attempt, 0));

      expect(delay).toBeGreaterThan(whole / 2 - 1e-6);
      expect(delay).toBeLessThanOrEqual(whole);
    }
  });
});

describe('jitter', () => {
  it.each([
    [{ by: 100 }, 900, 1_100],
    [{ factor: 0.1 }, 900, 1_100],
    [{ factor: 0.75 }, 250, 1_750],
    [{}, 500, 1_500],
  ])('moves the delay down and up: %j', (options, least, most) => {
    expect(jitter(constant(1_000), { ...options, random: lowest })(1, 0)).toBeCloseTo(least, 6);
    expect(jitter(constant(1_000), { ...options, random: highest })(1, 0)).toBeCloseTo(most, 6);
  });

  it('never goes below 0', () => {
    expect(jitter(constant(50), { by: 100, random: lowest })(1, 0)).toBe(0);
  });
});

describe('cap', () => {
  it('shortens what is longer', () => {
    expect(series(cap(delays([1, 5, 9]), 5), 3)).toEqual([1, 5, 5]);
  });
});

describe('maxAttempts', () => {
  it('stops when the last permitted attempt has failed', () => {
    expect(series(maxAttempts(constant(1_000), 2), 3)).toEqual([1_000, STOP, STOP]);
  });

  it('permits none to follow a single one', () => {
    expect(maxAttempts(constant(1_000), 1)(1, 0)).toBe(STOP);
  });

  it('gives the same whether it is inside another policy or around it', () => {
    const backoff = linear({ initial: 2_000, step: 1_000, max: 10_000 });

    expect(series(maxAttempts(cap(backoff, 9_000), 3), 3)).toEqual([2_000, 3_000, STOP]);
    expect(series(cap(maxAttempts(backoff, 3), 9_000), 3)).toEqual([2_000, 3_000, STOP]);
  });
});

describe('maxElapsed', () => {
  it('stops once more time than that has passed', () => {
    const backoff = maxElapsed(constant(10), 5_000);

    expect([backoff(9, 5_000), backoff(9, 5_001)]).toEqual([10, STOP]);
  });
});

describe('stopAbove', () => {
  it('stops at the first longer delay', () => {
    const backoff = stopAbove(exponential({ initial: 1_000, jitter: 0 }), 2_000);

    expect(series(backoff, 3)).toEqual([1_000, 2_000, STOP]);
  });
});

const combinators = fc.constantFrom<(backoff: Backoff) => Backoff>(
  (backoff) => jitter(backoff, { by: 1_000 }),
  (backoff) => jitter(backoff, { factor: 1 }),
  (backoff) => cap(backoff, 500),
  (backoff) => maxAttempts(backoff, 100),
  (backoff) => maxElapsed(backoff, 1_000_000),
  (backoff) => stopAbove(backoff, 1_000_000),
);

describe('every combinator', () => {
  it('keeps STOP as STOP, in any nesting', () => {
    fc.assert(
      fc.property(fc.array(combinators, { maxLength: 6 }), fc.integer({ min: 1, max: 50 }), (chain, stopsAt) => {
        const inner = maxAttempts(constant(300), stopsAt);
        const backoff = chain.reduce((wrapped, wrap) => wrap(wrapped), inner);

        expect(backoff(stopsAt, 0)).toBe(STOP);
        if (stopsAt > 1) expect(backoff(stopsAt - 1, 0)).not.toBe(STOP);
      }),
    );
  });

  it('yields delays that timers keep', () => {
    const policies = fc.constantFrom(constant(2 ** 31 - 1), exponential(), linear({ initial: 0, step: 9_999 }));
    const attempt = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(policies, fc.array(combinators, { maxLength: 3 }), attempt, (policy, chain, failed) => {
        const delay = chain.reduce((wrapped, wrap) => wrap(wrapped), policy)(failed, 0);

        if (delay !== STOP) expect(delay >= 0 && delay <= 2 ** 31 - 1).toBe(true);
      }),
    );
  });
});

describe('options of policies', () => {
  it.each<[string, () => Backoff]>([
    ['delay', () => constant(-1)],
    ['delay', () => constant(Number.NaN)],
    ['delay', () => constant(2 ** 31)],
    ['initial', () => linear({ initial: -1, step: 1 })],
    ['step', () => linear({ initial: 1, step: Number.NaN })],
    ['max', () => linear({ initial: 1, step: 1, max: Number.POSITIVE_INFINITY })],
    ['initial', () => exponential({ initial: Number.NaN })],
    ['factor', () => exponential({ factor: 0.5 })],
    ['factor', () => exponential({ factor: Number.POSITIVE_INFINITY })],
    ['max', () => exponential({ max: -1 })],
    ['jitter', () => exponential({ jitter: 1.1 })],
    ['maxAttempts', () => exponential({ maxAttempts: 0 })],
    ['maxElapsed', () => exponential({ maxElapsed: -1 })],
    ['scale', () => naturalExponential({ initial: 1, scale: -1, rate: 1 })],
    ['rate', () => naturalExponential({ initial: 1, scale: 1, rate: -1 })],
    ['factor', () => jitter(never(), { factor: 2 })],
    ['by', () => jitter(never(), { by: -1 })],
    ['max', () => cap(never(), Number.NaN)],
    ['maxAttempts', () => maxAttempts(never(), 1.5)],
    ['maxElapsed', () => maxElapsed(never(), Number.NaN)],
    ['max', () => stopAbove(never(), -1)],
  ])('are refused by name when out of range: %s', (field, make) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(new RegExp(`^${field} must be`));
  });

  it.each<[string, () => Backoff]>([
    ['initial (9 ms) must not exceed max (5 ms)', () => exponential({ initial: 9, max: 5 })],
    ['initial (9 ms) must not exceed max (5 ms)', () => linear({ initial: 9, step: 1, max: 5 })],
    ['initial (9 ms) must not exceed max (5 ms)', () => naturalExponential({ initial: 9, scale: 1, rate: 1, max: 5 })],
    ["Give either 'factor' or 'by' for jitter, not both", () => jitter(never(), { factor: 0.1, by: 5 })],
  ])('are refused when they contradict each other: %s', (message, make) => {
    expect(make).toThrow(new TypeError(message));
  });
});
