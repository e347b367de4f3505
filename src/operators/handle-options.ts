import type { LimitFunction } from 'p-limit';
import type { SchedulerLike } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import type { Handler } from '../core/outcome.ts';
import { type AdaptiveOptions, checkAdaptive } from './adaptive-limit.ts';

/** Options for `handle`. */
export interface HandleOptions<T = unknown> {
  /** How many handlers run at a time: a number, or a `p-limit` limiter that several streams share. @defaultValue `16` */
  readonly concurrency?: number | LimitFunction;
  /** Lets the concurrency follow successes and failures, up to `concurrency`, which must then be a number. */
  readonly adaptive?: AdaptiveOptions;
  /**
   * The ordering key of a delivery: those of one key are handled one after the other, in the stream's order, each only
   * when the one before it is acked, termed or dead-lettered. `undefined` is no key. @defaultValue no order
   */
  readonly orderBy?: (delivery: Delivery<T>) => unknown;
  /** The largest number of keys at a time that run or wait for a retry; what exceeds it goes back. @defaultValue `100_000` */
  readonly maxLanes?: number;
  /** How many deliveries may wait behind a retry of their key; more go back until it is due. @defaultValue half of the source's prefetch */
  readonly maxBlocked?: number;
  /** How many deliveries may wait for a free slot; more go back. @defaultValue `100_000` */
  readonly maxWaiting?: number;
  /** Time, in ms, that a handler may take; `Infinity` for no end. @defaultValue `30_000` */
  readonly timeout?: number;
  /** Clock for timeouts and leases. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

export const DEFAULT_CONCURRENCY = 16;
export const DEFAULT_TIMEOUT = 30_000;
export const DEFAULT_BOUND = 100_000;

/** Throws where the options are wrong, or contradict each other. */
export function checkHandle<T, R>(handler: Handler<T, R>, options: HandleOptions<T>): void {
  if (typeof handler !== 'function') throw new TypeError(`'handler' must be a function, not ${typeof handler}`);
  const { concurrency = DEFAULT_CONCURRENCY, adaptive, orderBy, timeout = DEFAULT_TIMEOUT } = options;
  if (typeof concurrency !== 'function') atLeast1('concurrency', concurrency);
  else if (adaptive !== undefined) {
    throw new TypeError("'adaptive' needs a number as 'concurrency': a shared limiter has its own limit");
  }
  if (adaptive !== undefined) checkAdaptive(concurrency as number, adaptive);
  if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
  if (orderBy !== undefined && typeof orderBy !== 'function') throw new TypeError("'orderBy' must be a function");
  for (const field of ['maxLanes', 'maxWaiting'] as const) atLeast1(field, options[field] ?? DEFAULT_BOUND);
  for (const field of ['maxLanes', 'maxBlocked'] as const) {
    if (options[field] !== undefined && orderBy === undefined) throw new TypeError(`'${field}' needs 'orderBy'`);
  }
  const { maxBlocked = 0 } = options;
  if (!(maxBlocked >= 0)) throw new RangeError(`'maxBlocked' must be at least 0, not ${maxBlocked}`);
}

function atLeast1(field: string, value: number): void {
  if (!(value >= 1)) throw new RangeError(`'${field}' must be at least 1, not ${value}`);
}
