import type { SchedulerLike, Subscription } from 'rxjs';
import { LONGEST_DELAY } from './longest-delay.ts';

/** One timer for the earliest of the times that it is asked for. */
export interface Alarm {
  /** When it goes off next; Infinity where it is not set. */
  readonly at: number;
  /** Sets it to a time, in ms since the epoch, unless it goes off before that anyway. */
  set(time: number): void;
  /** Puts it off; it can be set again. */
  clear(): void;
}

/** Makes an alarm that is not set. It may go off too early, for a time that no timer reaches: look what is due, and set it anew. */
export function alarm(scheduler: SchedulerLike, ring: () => void): Alarm {
  let at = Number.POSITIVE_INFINITY;
  let timer: Subscription | undefined;

  function goOff(): void {
    at = Number.POSITIVE_INFINITY;
    ring();
  }

  return {
    get at() {
      return at;
    },
    set(time) {
      if (time >= at) return;
      timer?.unsubscribe();
      at = time;
      timer = scheduler.schedule(goOff, Math.min(LONGEST_DELAY, Math.max(0, time - scheduler.now())));
    },
    clear() {
      timer?.unsubscribe();
      timer = undefined;
      at = Number.POSITIVE_INFINITY;
    },
  };
}
