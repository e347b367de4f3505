import assert from 'node:assert/strict';
import type { Observable, Unsubscribable } from 'rxjs';
import { type Counts, noCounts, type Settled } from './orders.ts';

/** A running pipeline whose outcomes are counted. */
export interface Consumption extends Unsubscribable {
  readonly counts: Counts;
  /** How many deliveries were settled, those for a retry included. */
  readonly settled: number;
  /** Waits until so many more events are settled for good. Ask before anything is delivered. */
  finish(events: number): Promise<void>;
}

/** Starts a pipeline. */
export function consumption(pipeline: Observable<Settled>): Consumption {
  const counts = noCounts();
  let left = 0;
  let done: () => void;
  let failed: (error: unknown) => void = (error) => {
    throw error;
  };
  const subscription = pipeline.subscribe({
    next({ kind }) {
      counts[kind] += 1;
      if (kind === 'retry') return;
      left -= 1;
      if (left === 0) done();
    },
    error: (error) => failed(error),
    complete: () => failed(new Error('The pipeline completed')),
  });

  return {
    counts,
    get settled() {
      return Object.values(counts).reduce((sum, count) => sum + count);
    },
    finish(events) {
      assert.equal(left, 0);
      left = events;
      return new Promise((resolve, reject) => {
        done = resolve;
        failed = reject;
      });
    },
    unsubscribe: () => subscription.unsubscribe(),
  };
}
