import type { SchedulerLike, Subscription } from 'rxjs';
import { LONGEST_DELAY } from '../core/longest-delay.ts';
import { nextTurn } from '../core/next-turn.ts';

/** Something that is to be over by a certain time. */
export interface Timed {
  /** When its time is up, in ms since the epoch; set by {@link Timeouts.start}. */
  deadline: number;
  readonly done: boolean;
}

/** Ends what takes longer than one timeout, which all share, from one timer. */
export interface Timeouts<T extends Timed> {
  start(item: T): void;
  stop(): void;
}

const MIN_SWEEP = 64;

/** Makes a set of timeouts of `timeout` ms; `expired` is called with each item whose time is up before it is done. */
export function timeouts<T extends Timed>(
  timeout: number,
  scheduler: SchedulerLike,
  expired: (item: T) => void,
): Timeouts<T> {
  /** In the order of their deadlines, since the timeout is the same for all; done ones may still be among them. */
  let items: T[] = [];
  let sweepAt = MIN_SWEEP;
  let timer: Subscription | undefined;

  function sweep(): void {
    items = items.filter(({ done }) => !done);
    sweepAt = Math.max(MIN_SWEEP, items.length * 2);
  }

  function arm(): void {
    const first = items[0];
    if (first === undefined) return;
    timer = scheduler.schedule(tick, Math.min(LONGEST_DELAY, Math.max(0, first.deadline - scheduler.now())));
  }

  /** A late timer says that the process was busy: what else is due by now gets its turn before anything expires. */
  function tick(): void {
    const first = items[0];
    if (first !== undefined && scheduler.now() > first.deadline) nextTurn(scheduler, expire);
    else expire();
  }

  function expire(): void {
    if (timer === undefined) return;
    timer = undefined;
    const now = scheduler.now();
    sweep();
    const late = items.filter(({ deadline }) => deadline <= now);
    items = items.slice(late.length);
    for (const item of late) if (!item.done) expired(item);
    if (timer === undefined) arm();
  }

  return {
    start(item) {
      item.deadline = scheduler.now() + timeout;
      if (items.length >= sweepAt) sweep();
      items.push(item);
      if (timer === undefined) arm();
    },
    stop() {
      timer?.unsubscribe();
      timer = undefined;
      items = [];
    },
  };
}
