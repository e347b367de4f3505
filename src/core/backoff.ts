import { LONGEST_DELAY } from './longest-delay.ts';

/** What a policy returns when there is to be no further attempt. */
export const STOP: unique symbol = Symbol.for('millrace.stop');

/**
 * Decides how long to wait after a failed attempt.
 *
 * @param attempt - The attempt that failed; the first is `1`.
 * @param elapsed - Time since the first attempt, in ms.
 * @returns The delay in ms before the next attempt, or {@link STOP}.
 */
export type Backoff = (attempt: number, elapsed: number) => number | typeof STOP;

/** Options for {@link linear}. */
export interface LinearOptions {
  /** Delay after the first attempt, in ms. */
  readonly initial: number;
  /** What each further attempt adds, in ms. */
  readonly step: number;
  /** The longest delay, in ms. @defaultValue `2_147_483_647` */
  readonly max?: number;
}

/** Options for {@link exponential}. */
export interface ExponentialOptions {
  /** Delay after the first attempt, in ms, before jitter. @defaultValue `100` */
  readonly initial?: number;
  /** What each further attempt multiplies the delay by, from `1` up. @defaultValue `2` */
  readonly factor?: number;
  /** The longest delay, in ms. @defaultValue `30_000` */
  readonly max?: number;
  /** The part of each delay, from `0` to `1`, that is left to chance. It only ever shortens. @defaultValue `0.5` */
  readonly jitter?: number;
  /** Attempts permitted in all, the first included. @defaultValue unlimited */
  readonly maxAttempts?: number;
  /** Time since the first attempt, in ms, after which there is no further one. @defaultValue unlimited */
  readonly maxElapsed?: number;
  /** Source of chance: numbers from `0` up to, but not including, `1`. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** Options for {@link naturalExponential}. */
export interface NaturalExponentialOptions {
  /** Delay after the first attempt, in ms. */
  readonly initial: number;
  /** What the growth is multiplied by, in ms. */
  readonly scale: number;
  /** How fast it grows: the exponent that each further attempt adds. */
  readonly rate: number;
  /** The longest delay, in ms. @defaultValue `2_147_483_647` */
  readonly max?: number;
}

/** Options for {@link jitter}; at most one of `factor` and `by`. */
export interface JitterOptions {
  /** The part of the delay, from `0` to `1`, by which it may be longer or shorter. @defaultValue `0.5` */
  readonly factor?: number;
  /** The time, in ms, by which the delay may be longer or shorter. */
  readonly by?: number;
  /** Source of chance: numbers from `0` up to, but not including, `1`. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** What retries use where no policy is given: 200 ms, doubling up to 30 s, each shortened by up to a half; never STOP. */
export const defaultBackoff: Backoff = /* @__PURE__ */ exponential({ initial: 200, max: 30_000 });

/** Makes a policy that permits no further attempt. */
export function never(): Backoff {
  return () => STOP;
}

/**
 * Makes a policy that always waits the same time.
 *
 * @throws RangeError when `delay` is negative, not a number, or longer than timers keep (2³¹ − 1 ms).
 */
export function constant(delay: number): Backoff {
  checkDelay('delay', delay);
  return () => delay;
}

/**
 * Makes a policy from a list of delays in ms; the last one repeats.
 *
 * @example
 * ```ts
 * maxAttempts(delays([1_000, 5_000, 60_000]), 10);
 * ```
 *
 * @throws RangeError when the list is empty, or holds what is not a delay.
 */
export function delays(list: readonly number[]): Backoff {
  if (list.length === 0) throw new RangeError('delays must hold at least one delay');
  for (const [index, delay] of list.entries()) checkDelay(`delays[${index}]`, delay);

  const copy = [...list];
  const last = copy[copy.length - 1] as number;
  return (attempt) => copy[attempt - 1] ?? last;
}

/**
 * Makes a policy whose delay grows by the same step each time: `initial + step * (attempt - 1)`, up to `max`.
 *
 * @throws RangeError when a field is not a delay, TypeError when `initial` exceeds `max`.
 */
export function linear(options: LinearOptions): Backoff {
  const { initial, step, max = LONGEST_DELAY } = options;
  checkDelay('initial', initial);
  checkDelay('step', step);
  checkMax(initial, max);

  return (attempt) => Math.min(max, initial + step * (attempt - 1));
}

/**
 * Makes a policy whose delay multiplies each time: `initial * factor ** (attempt - 1)`, up to `max`.
 *
 * By default half of each delay is left to chance, so that many that failed together do not come back together: the
 * delay lies between a half and the whole of what the formula says. `jitter: 1` is "full jitter", `jitter: 0` none.
 *
 * @example
 * ```ts
 * redeliver(exponential({ initial: 200, max: 30_000, maxAttempts: 6 }));
 * ```
 *
 * @throws RangeError when a field is out of its range, TypeError when `initial` exceeds `max`.
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  const { initial = 100, factor = 2, max = 30_000, jitter: share = 0.5, random = Math.random } = options;
  checkDelay('initial', initial);
  checkMax(initial, max);
  checkShare('jitter', share);
  if (!(factor >= 1 && Number.isFinite(factor))) throw new RangeError(`factor must be at least 1, not ${factor}`);

  const grow: Backoff = (attempt) => {
    const delay = Math.min(max, initial * finite(factor ** (attempt - 1)));
    return share === 0 ? delay : delay * (1 - share * random());
  };
  const counted = options.maxAttempts === undefined ? grow : maxAttempts(grow, options.maxAttempts);
  return options.maxElapsed === undefined ? counted : maxElapsed(counted, options.maxElapsed);
}

/**
 * Makes a policy that grows with the natural exponential: `initial + scale * (e ** (rate * (attempt - 1)) - 1)`, up to
 * `max`. It has no jitter of its own; see {@link jitter}.
 *
 * @throws RangeError when a field is negative or not a number, TypeError when `initial` exceeds `max`.
 */
export function naturalExponential(options: NaturalExponentialOptions): Backoff {
  const { initial, scale, rate, max = LONGEST_DELAY } = options;
  checkDelay('initial', initial);
  checkDelay('scale', scale);
  checkMax(initial, max);
  if (!(rate >= 0 && Number.isFinite(rate))) throw new RangeError(`rate must be a positive number or 0, not ${rate}`);

  return (attempt) => Math.min(max, initial + scale * finite(Math.expm1(rate * (attempt - 1))));
}

/**
 * Moves each delay of a policy up or down by chance, never below 0. STOP stays STOP.
 *
 * A capped policy may so exceed its cap; put {@link cap} outermost to keep it.
 *
 * @throws RangeError when a field is out of its range, TypeError when both `factor` and `by` are given.
 */
export function jitter(backoff: Backoff, options: JitterOptions = {}): Backoff {
  const { factor, by, random = Math.random } = options;
  if (factor !== undefined && by !== undefined)
    throw new TypeError("Give either 'factor' or 'by' for jitter, not both");
  if (factor !== undefined) checkShare('factor', factor);
  if (by !== undefined) checkDelay('by', by);

  return mapDelay(backoff, (delay) => {
    const reach = by ?? delay * (factor ?? 0.5);
    return Math.min(LONGEST_DELAY, Math.max(0, delay + reach * (2 * random() - 1)));
  });
}

/**
 * Shortens every delay of a policy to `max` ms. STOP stays STOP.
 *
 * @throws RangeError when `max` is not a delay.
 */
export function cap(backoff: Backoff, max: number): Backoff {
  checkDelay('max', max);
  return mapDelay(backoff, (delay) => Math.min(max, delay));
}

/**
 * Permits `count` attempts in all, the first included: STOP once attempt `count` has failed.
 *
 * @throws RangeError when `count` is not a whole number from 1 up, or `Infinity`.
 */
export function maxAttempts(backoff: Backoff, count: number): Backoff {
  if (!(count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY))) {
    throw new RangeError(`maxAttempts must be a whole number from 1 up, not ${count}`);
  }
  return (attempt, elapsed) => (attempt >= count ? STOP : backoff(attempt, elapsed));
}

/**
 * Permits attempts to follow as long as no more than `duration` ms have passed since the first: STOP after that.
 *
 * It looks at the time of the failure, so the delay that it permits last may end later.
 *
 * @throws RangeError when `duration` is negative or not a number.
 */
export function maxElapsed(backoff: Backoff, duration: number): Backoff {
  if (!(duration >= 0)) throw new RangeError(`maxElapsed must be a time in ms, not ${duration}`);
  return (attempt, elapsed) => (elapsed > duration ? STOP : backoff(attempt, elapsed));
}

/**
 * Gives up as soon as a policy asks for a delay longer than `max` ms: STOP then, and STOP stays STOP.
 *
 * @throws RangeError when `max` is negative or not a number.
 */
export function stopAbove(backoff: Backoff, max: number): Backoff {
  if (!(max >= 0)) throw new RangeError(`max must be a time in ms, not ${max}`);
  return mapDelay(backoff, (delay) => (delay > max ? STOP : delay));
}

function mapDelay(backoff: Backoff, change: (delay: number) => number | typeof STOP): Backoff {
  return (attempt, elapsed) => {
    const delay = backoff(attempt, elapsed);
    return delay === STOP ? STOP : change(delay);
  };
}

/** Keeps an overflow a number, so that 0 times it is 0. */
function finite(value: number): number {
  return Math.min(value, Number.MAX_VALUE);
}

function checkDelay(field: string, delay: number): void {
  if (delay >= 0 && delay <= LONGEST_DELAY) return;
  throw new RangeError(`${field} must be a delay from 0 to ${LONGEST_DELAY} ms, not ${delay}`);
}

function checkMax(initial: number, max: number): void {
  checkDelay('max', max);
  if (initial > max) throw new TypeError(`initial (${initial} ms) must not exceed max (${max} ms)`);
}

function checkShare(field: string, share: number): void {
  if (share >= 0 && share <= 1) return;
  throw new RangeError(`${field} must be from 0 to 1, not ${share}`);
}
