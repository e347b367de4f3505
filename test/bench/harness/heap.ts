/** Measures how much the heap grows. */
export interface HeapGauge {
  /** Collects the garbage and looks at the heap. */
  sample(): void;
  /** MB above where it began: at the last sample, and at the highest one. */
  growth(): { readonly growthMB: number; readonly peakMB: number };
}

const MB = 1_048_576;

/** Makes a gauge that reckons from now on. */
export function heapGauge(): HeapGauge {
  const before = held();
  let last = before;
  let highest = before;

  return {
    sample() {
      last = held();
      highest = Math.max(highest, last);
    },
    growth: () => ({ growthMB: (last - before) / MB, peakMB: (highest - before) / MB }),
  };
}

/**
 * How many events there were for each MB that the heap grew at most: more is better, as all figures here.
 *
 * Growth below 1 MB counts as 1 MB: it is no more than code and caches, and may even be negative.
 */
export function eventsPerMB(events: number, peakMB: number): number {
  return events / Math.max(1, peakMB);
}

/** What JavaScript holds on to: the heap, and what typed arrays have outside of it. */
function held(): number {
  globalThis.gc?.();
  globalThis.gc?.(); // what typed arrays had outside of the heap is given back by the collection after theirs
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
