import { codecDecode, codecDecodeBinary, codecEncode, codecEncodeBinary } from './codec.ts';
import { coreHandler } from './core-handler.ts';
import { drain } from './drain.ts';
import type { Bench } from './harness/bench.ts';
import { jetstreamConsume } from './jetstream-consume.ts';
import { jetstreamPublish, jetstreamPublishEach } from './jetstream-publish.ts';
import { lanes } from './lanes.ts';
import { pipelineAsync, pipelineSync } from './pipeline.ts';
import { pipelineHeap } from './pipeline-heap.ts';
import { request, requestLatency } from './request.ts';
import { requestEventTrips } from './request-event.ts';
import { requestEventHeap } from './request-event-heap.ts';
import { requestLeak } from './request-leak.ts';
import { scatter } from './scatter.ts';
import { sessionMany, sessionOne } from './session.ts';
import { sessionIdle } from './session-idle.ts';
import { virtualDay, virtualDayJitter } from './virtual-day.ts';

/** Every bench, in the order of the table. */
export const benches: readonly Bench[] = [
  pipelineSync,
  pipelineAsync,
  jetstreamConsume,
  jetstreamPublish,
  jetstreamPublishEach,
  pipelineHeap,
  lanes,
  virtualDay,
  virtualDayJitter,
  coreHandler,
  request,
  requestLatency,
  requestLeak,
  requestEventTrips,
  requestEventHeap,
  drain,
  scatter,
  sessionOne,
  sessionMany,
  sessionIdle,
  codecDecode,
  codecDecodeBinary,
  codecEncode,
  codecEncodeBinary,
];
