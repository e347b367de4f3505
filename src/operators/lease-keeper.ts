import type { SchedulerLike, Subscription } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { LONGEST_DELAY } from '../core/longest-delay.ts';

/** Keeps the leases of deliveries until they are settled, from one timer for all. */
export interface LeaseKeeper {
  keep(delivery: Delivery): void;
  /** Nothing more comes: stops as soon as all are settled, and at once if they are. */
  finish(): void;
  /** Stops at once, whatever is still unsettled. */
  stop(): void;
}

const MIN_SWEEP = 64;

/** Makes a keeper that calls `working` at a third of the shortest lease that it has seen. */
export function leaseKeeper(scheduler: SchedulerLike): LeaseKeeper {
  /** May hold one twice, when it was kept again at a later stage. An array, since a set that churns is garbage that lives long. */
  let kept: Delivery[] = [];
  let sweepAt = MIN_SWEEP;
  let period = LONGEST_DELAY;
  let timer: Subscription | undefined;

  /** Forgets what needs no lease any more. Done at each doubling, so that it costs each delivery a constant share. */
  function sweep(): void {
    kept = kept.filter((delivery) => !delivery.settled && delivery.lost !== true);
    sweepAt = Math.max(MIN_SWEEP, kept.length * 2);
  }

  function tick(): void {
    timer = undefined;
    kept = [...new Set(kept)];
    sweep();
    for (const delivery of kept) delivery.working();
    if (kept.length > 0) timer = scheduler.schedule(tick, period);
  }

  return {
    keep(delivery) {
      const { lease } = delivery.subscription;
      if (lease === undefined || lease === Number.POSITIVE_INFINITY) return;
      if (kept.length >= sweepAt) sweep();
      kept.push(delivery);
      if (timer !== undefined && lease >= 3 * period) return;
      timer?.unsubscribe();
      period = Math.min(period, lease / 3);
      timer = scheduler.schedule(tick, period);
    },
    finish() {
      sweep();
      if (kept.length === 0) timer?.unsubscribe();
    },
    stop() {
      timer?.unsubscribe();
      timer = undefined;
      kept = [];
    },
  };
}
