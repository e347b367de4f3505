import type { SchedulerLike, Subscription } from 'rxjs';

/**
 * How a limit on concurrency follows what becomes of the work: it grows by a share of itself in each interval that saw
 * successes only, and shrinks by a share in each that saw a failure.
 */
export interface AdaptiveOptions {
  /** The limit to begin with. @defaultValue `1` */
  readonly initial?: number;
  /** How often the limit is set anew, in ms. @defaultValue `100` */
  readonly interval?: number;
  /** The share by which it grows, rounded down, and at least by 1. @defaultValue `0.1` */
  readonly increase?: number;
  /** The share by which it shrinks, rounded down, and at least by 1. @defaultValue `0.15` */
  readonly decrease?: number;
}

/** What happened in one interval. */
export interface AdaptiveTally {
  readonly succeeded: number;
  readonly failed: number;
}

/** Returns the step from one limit to the next, between 1 and `max`: multiplicative increase, multiplicative decrease. */
export function adaptiveStep(
  max: number,
  options: AdaptiveOptions = {},
): (limit: number, tally: AdaptiveTally) => number {
  const { increase, decrease } = withDefaults(options);
  return (limit, { succeeded, failed }) => {
    if (failed > 0) return Math.max(1, limit - Math.max(1, Math.floor(limit * decrease)));
    if (succeeded > 0) return Math.min(max, limit + Math.max(1, Math.floor(limit * increase)));
    return limit;
  };
}

/** A limit that moves. */
export interface AdaptiveLimit {
  readonly current: number;
  succeeded(): void;
  failed(): void;
  stop(): void;
}

/** Throws where the options contradict each other, or the concurrency that bounds them. */
export function checkAdaptive(max: number, options: AdaptiveOptions): void {
  const { initial, interval, increase, decrease } = withDefaults(options);
  if (!(initial >= 1)) throw new RangeError(`'adaptive.initial' must be at least 1, not ${initial}`);
  if (initial > max) throw new TypeError(`'adaptive.initial' (${initial}) must not exceed 'concurrency' (${max})`);
  if (!(interval > 0)) throw new RangeError(`'adaptive.interval' must be above 0 ms, not ${interval}`);
  if (!(increase > 0)) throw new RangeError(`'adaptive.increase' must be above 0, not ${increase}`);
  if (!(decrease > 0 && decrease < 1))
    throw new RangeError(`'adaptive.decrease' must be between 0 and 1, not ${decrease}`);
}

/** Makes a limit that moves while work is done, and rests, without a timer, while none is. */
export function adaptiveLimit(
  max: number,
  options: AdaptiveOptions,
  scheduler: SchedulerLike,
  grown: () => void,
): AdaptiveLimit {
  const { initial, interval } = withDefaults(options);
  const step = adaptiveStep(max, options);
  let current = initial;
  let succeeded = 0;
  let failed = 0;
  let timer: Subscription | undefined;

  function tick(): void {
    timer = undefined;
    const before = current;
    current = step(current, { succeeded, failed });
    succeeded = 0;
    failed = 0;
    if (current > before) grown();
  }

  function armed(): void {
    timer ??= scheduler.schedule(tick, interval);
  }

  return {
    get current() {
      return current;
    },
    succeeded() {
      succeeded += 1;
      armed();
    },
    failed() {
      failed += 1;
      armed();
    },
    stop() {
      timer?.unsubscribe();
    },
  };
}

function withDefaults(options: AdaptiveOptions): Required<AdaptiveOptions> {
  const { initial = 1, interval = 100, increase = 0.1, decrease = 0.15 } = options;
  return { initial, interval, increase, decrease };
}
