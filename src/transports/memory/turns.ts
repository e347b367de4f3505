import { asapScheduler, asyncScheduler, type SchedulerLike } from 'rxjs';
import { nextTurn } from '../../core/next-turn.ts';

/** Shares the event loop: work that is due runs soon, and never so long that timers and I/O have to wait. */
export interface Turns {
  /** Runs `work` soon, once, however often it is asked for until then. */
  soon(work: () => void): void;
  /** Takes one delivery out of this turn's budget. False: the turn is over, and `work` runs in the next one. */
  spend(work: () => void): boolean;
}

const DELIVERIES_PER_TURN = 1_024;

/**
 * Makes a run queue on `scheduler`.
 *
 * "Soon" is a microtask on RxJS's default scheduler, and a zero delay on any other. When a turn's budget is spent, the
 * rest waits for the next one, so that settlements which follow each other as microtasks cannot starve the event loop.
 */
export function turns(scheduler: SchedulerLike): Turns {
  const soonScheduler = scheduler === asyncScheduler ? asapScheduler : scheduler;
  const waiting = new Set<() => void>();
  let left = DELIVERIES_PER_TURN;
  let scheduled = false;
  let refilling = false;

  function run(): void {
    scheduled = false;
    const works = [...waiting];
    waiting.clear();
    for (const work of works) work();
  }

  function refill(): void {
    refilling = false;
    left = DELIVERIES_PER_TURN;
    run();
  }

  return {
    soon(work) {
      waiting.add(work);
      if (scheduled || refilling) return;
      scheduled = true;
      soonScheduler.schedule(run);
    },
    spend(work) {
      if (left > 0) {
        left -= 1;
        return true;
      }
      waiting.add(work);
      if (!refilling) {
        refilling = true;
        nextTurn(scheduler, refill);
      }
      return false;
    },
  };
}
