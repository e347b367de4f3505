import { atLeast0, wholeNumber } from '../../core/check-options.ts';

/** How the two sides of sessions know that the other one is there. */
export interface HeartbeatOptions {
  /** How often, in ms, a producer asks each of its consumers which sessions it has. @defaultValue `10_000` */
  readonly interval?: number;
  /** How long, in ms, the last answer that counts may take. @defaultValue `5_000` */
  readonly timeout?: number;
  /**
   * After how many beats without a sign of life the other side is taken for gone: `interval` for all but the last of
   * them, and `timeout`, after it was last heard. @defaultValue `3`
   */
  readonly misses?: number;
}

export type Heartbeat = Required<HeartbeatOptions>;

/** Fills in the defaults. @throws RangeError */
export function heartbeatOf({ interval = 10_000, timeout = 5_000, misses = 3 }: HeartbeatOptions = {}): Heartbeat {
  if (!(interval > 0)) throw new RangeError(`'heartbeat.interval' must be above 0 ms, not ${interval}`);
  atLeast0('heartbeat.timeout', timeout);
  wholeNumber('heartbeat.misses', misses);
  return { interval, timeout, misses };
}

/** How long, in ms, the other side may be silent. */
export function patienceOf({ interval, timeout, misses }: Heartbeat): number {
  return interval * (misses - 1) + timeout;
}
