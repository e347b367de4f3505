// pipeline-heap: how much the heap grows while 1 M events go through a handler that is slower than they come.
//
// The handler takes 10 ms of virtual time, 32 run at a time, and up to 5,000 events wait in the stream. The figure is
// events per MB of growth, at its highest: more is better, and growth below 1 MB counts as 1 MB. The heap is looked at,
// with its garbage collected, before the first event, and in the middle and at the end of every 50,000. What ours is to
// keep: growth under 20 MB, the memory of 100,000 seen events included, and never more deliveries out than `prefetch`.
//
// The peers are RxJS's mergeMap, with the same promises written by hand:
// - `mergeMap` reads the same work queue. As it acks when it is done, the broker holds back for it, too.
// - `mergeMap, pushed` has a source that cannot be held back, as an event emitter or a subject cannot, so what mergeMap
//   cannot run yet waits in its buffer. Measured when all events have been pushed: working them off, one `shift` of an
//   array of a million for each, would take hours.
import assert from 'node:assert/strict';
import {
  constant,
  type Delivery,
  deadLetter,
  dedupe,
  handle,
  maxAttempts,
  memoryDedupeStore,
  type Publisher,
  redeliver,
  settle,
} from 'millrace';
import { virtualTime } from 'millrace/testing';
import { type Observable, type SchedulerLike, Subject, timer } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { eventsPerMB, heapGauge } from './harness/heap.ts';
import { mergeMapAsync } from './peers/merge-map.ts';
import { consumption } from './workload/consumption.ts';
import {
  ATTEMPTS,
  CONCURRENCY,
  charge,
  type Order,
  orders,
  REMEMBERED,
  RETRY_DELAY,
  type Settled,
} from './workload/orders.ts';
import { unsettledGauge } from './workload/unsettled.ts';
import { workQueue } from './workload/work-queue.ts';

type Pipeline = (
  deliveries: Observable<Delivery<Order>>,
  publisher: Publisher,
  time: SchedulerLike,
) => Observable<Settled>;

const CHUNK = 5_000;
const CHUNKS_PER_SAMPLE = 10;
const PREFETCH = 256;

/** How long the handler takes, in ms of virtual time. */
const WORK = 10;

function chargeSlowly(time: SchedulerLike): (delivery: Delivery<Order>) => Promise<void> {
  return (delivery) =>
    new Promise((resolve, reject) => {
      timer(WORK, time).subscribe(() => {
        try {
          resolve(charge(delivery));
        } catch (error) {
          reject(error);
        }
      });
    });
}

const millrace: Pipeline = (deliveries, publisher, scheduler) =>
  deliveries.pipe(
    dedupe(memoryDedupeStore({ max: REMEMBERED, scheduler }), { scheduler }),
    handle(chargeSlowly(scheduler), { concurrency: CONCURRENCY, scheduler }),
    redeliver(maxAttempts(constant(RETRY_DELAY), ATTEMPTS), { scheduler }),
    deadLetter(publisher, { scheduler }),
    settle({ scheduler }),
  );

const mergeMapPulling: Pipeline = (deliveries, publisher, scheduler) =>
  mergeMapAsync(deliveries, publisher, chargeSlowly(scheduler));

/** Measures a pipeline that reads a work queue. */
function pulled(pipeline: Pipeline): Side {
  return async function* (total) {
    const time = virtualTime();
    const queue = await workQueue({ scheduler: time, prefetch: PREFETCH });
    const unsettled = unsettledGauge();
    const heap = heapGauge();
    const consumer = consumption(pipeline(queue.deliveries.pipe(unsettled.watch), queue.transport, time));
    const enough = (CHUNK / CONCURRENCY) * WORK; // ms for a chunk, but for its retries
    for (let first = 0; first < total; first += CHUNK) {
      const sampled = (first / CHUNK) % CHUNKS_PER_SAMPLE === 0;
      const finished = consumer.finish(CHUNK);
      queue.publish(orders(first, CHUNK));
      await time.advanceBy(enough / 2);
      if (sampled) heap.sample();
      await time.advanceBy(enough);
      await finished;
      if (!sampled) continue;
      heap.sample();
      yield;
    }
    assert.equal(await queue.left(), 0);
    const { growthMB, peakMB } = heap.growth();
    consumer.unsubscribe();
    return { value: eventsPerMB(total, peakMB), growthMB, peakMB, maxBuffered: unsettled.most, prefetch: PREFETCH };
  };
}

/** Measures the peer whose source does not wait. */
const mergeMapPushed: Side = async function* (total) {
  const time = virtualTime();
  const { transport } = await workQueue({ scheduler: time });
  const source = new Subject<Delivery<Order>>();
  const heap = heapGauge();
  const running = mergeMapAsync(source, transport, chargeSlowly(time)).subscribe();
  for (let first = 0; first < total; first += CHUNK) {
    for (const event of orders(first, CHUNK)) source.next({ event, attempt: 1 } as Delivery<Order>);
    yield;
  }
  heap.sample();
  running.unsubscribe();
  const { growthMB, peakMB } = heap.growth();
  return { value: eventsPerMB(total, peakMB), growthMB, peakMB, maxBuffered: total };
};

export const pipelineHeap: Bench = {
  name: 'pipeline-heap',
  unit: 'events/MB',
  events: { full: 1_000_000, smoke: 5_000 },
  ours: pulled(millrace),
  peers: { mergeMap: pulled(mergeMapPulling), 'mergeMap, pushed': mergeMapPushed },
  limits: [
    { detail: 'peakMB', atMost: 20 },
    { detail: 'maxBuffered', atMost: PREFETCH, always: true },
  ],
  ratios: {},
};
