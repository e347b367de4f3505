import type { SchedulerLike, Subscription } from 'rxjs';
import { type Leased, leases } from './leases.ts';
import { LONGEST_DELAY } from './longest-delay.ts';
import { nextTurn } from './next-turn.ts';

/** What has a time by which it must be over, watched by one timer for all. */
export interface Deadlines<T> {
  readonly size: number;
  /** Starts an item's time, or starts it again. */
  start(item: T, length: number): void;
  end(item: T): void;
  /** Forgets all, and the timer, which else lasts until the last deadline that it was set for. */
  stop(): void;
  [Symbol.iterator](): Generator<T>;
}

/**
 * Makes an empty set of deadlines; `expired` is called with each item whose time is over.
 *
 * Nothing is done per item but linking and unlinking it. A timer that comes late says that the process was busy: what
 * else is due by then, a reply in the socket above all, gets its turn before anything expires.
 */
export function deadlines<T extends Leased<T>>(scheduler: SchedulerLike, expired: (item: T) => void): Deadlines<T> {
  const items = leases<T>();
  let timer: Subscription | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  function arm(): void {
    const at = items.nextDeadline;
    if (at >= timerAt) return;
    timer?.unsubscribe();
    timerAt = at;
    timer = scheduler.schedule(tick, Math.min(LONGEST_DELAY, Math.max(0, at - scheduler.now())));
  }

  function tick(): void {
    if (scheduler.now() > timerAt) nextTurn(scheduler, expire);
    else expire();
  }

  function expire(): void {
    if (timer === undefined) return;
    timer = undefined;
    timerAt = Number.POSITIVE_INFINITY;
    if (items.size === 0) return;
    const now = scheduler.now();
    for (let item = items.takeExpired(now); item !== undefined; item = items.takeExpired(now)) expired(item);
    arm();
  }

  function stop(): void {
    timer?.unsubscribe();
    timer = undefined;
    timerAt = Number.POSITIVE_INFINITY;
    for (const item of items) items.end(item);
  }

  return {
    get size() {
      return items.size;
    },
    start(item, length) {
      items.start(item, length, scheduler.now());
      if (item.deadline < timerAt) arm();
    },
    end: (item) => items.end(item), // and not the timer: where items come and go, there would be one for each
    stop,
    [Symbol.iterator]: () => items[Symbol.iterator](),
  };
}
