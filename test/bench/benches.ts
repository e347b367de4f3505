import type { Bench } from './harness/bench.ts';
import { jetstreamConsume } from './jetstream-consume.ts';
import { lanes } from './lanes.ts';
import { pipelineAsync, pipelineSync } from './pipeline.ts';
import { pipelineHeap } from './pipeline-heap.ts';
import { virtualDay, virtualDayJitter } from './virtual-day.ts';

/** Every bench, in the order of the table. */
export const benches: readonly Bench[] = [
  pipelineSync,
  pipelineAsync,
  jetstreamConsume,
  pipelineHeap,
  lanes,
  virtualDay,
  virtualDayJitter,
];
