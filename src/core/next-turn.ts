import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { macrotask } from './macrotask.ts';

/**
 * Runs `work` when timers and I/O have had their turn.
 *
 * On RxJS's default scheduler that is the host's next macrotask: a zero delay would idle for a millisecond. On any other,
 * virtual ones above all, it is a zero delay.
 */
export function nextTurn(scheduler: SchedulerLike, work: () => void): void {
  if (scheduler === asyncScheduler) macrotask(work);
  else scheduler.schedule(work);
}
