// lanes: how much the heap grows when 1 M events have 1 M different ordering keys.
//
// Each event has a key of its own, whose lane opens when it arrives and is to cost nothing once it is settled. The figure
// is events per MB of growth, at its highest: more is better, and growth below 1 MB counts as 1 MB. The heap is looked at,
// with its garbage collected, before the first event and after every 50,000, when all lanes are idle. The handler returns
// a promise; no memory of seen events is part of the pipelines, so that there are only the lanes to grow.
//
// The peers keep order by hand with RxJS's groupBy, a concatMap for each key, and p-limit for 32 handlers in all:
// - `groupBy` as it is usually written: a group stays for as long as its source lives.
// - `groupBy, closed when idle` has its groups end, by `duration`, 100 ms after their last event: one timer for each.
// Both get a tenth of the events, as 1 M would take the first 2.4 GB and the second minutes. The heap of the first grows
// with every event by the same; that of the second is taken not to grow any further.
// Neither keeps the order of a key whose head waits for a retry, as lanes do; here nothing fails.
import assert from 'node:assert/strict';
import { type Delivery, handle, settle } from 'millrace';
import pLimit from 'p-limit';
import { concatMap, debounceTime, type GroupedObservable, groupBy, mergeMap, type Observable } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { eventsPerMB, heapGauge } from './harness/heap.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { consumption } from './workload/consumption.ts';
import { CONCURRENCY, type Order, plainOrders, type Settled } from './workload/orders.ts';
import { workQueue } from './workload/work-queue.ts';

type Pipeline = (deliveries: Observable<Delivery<Order>>) => Observable<Settled>;
type Key = string | undefined;

const CHUNK = 50_000;
const IDLE = 100;
const SUCCEEDED: Settled = { kind: 'succeeded' };

async function ship(): Promise<void> {
  // next to nothing, so that what is measured is the lanes
}

const keyOf = ({ event }: Delivery<Order>): Key => event.subject;

const millrace: Pipeline = (deliveries) =>
  deliveries.pipe(handle(ship, { concurrency: CONCURRENCY, orderBy: keyOf }), settle());

function grouped(idle: number | undefined): Pipeline {
  const limit = pLimit(CONCURRENCY);
  const closing =
    idle === undefined
      ? {}
      : { duration: (group: GroupedObservable<Key, Delivery<Order>>) => group.pipe(debounceTime(idle)) };

  async function work(delivery: Delivery<Order>): Promise<Settled> {
    await ship();
    delivery.ack();
    return SUCCEEDED;
  }

  return (deliveries) =>
    deliveries.pipe(
      groupBy(keyOf, closing),
      mergeMap((group) => group.pipe(concatMap((delivery) => limit(work, delivery)))),
    );
}

function growth(pipeline: Pipeline): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const queue = await workQueue();
    const heap = heapGauge();
    const consumer = consumption(pipeline(queue.deliveries));
    const watch = stopwatch();
    for (let first = 0; first < total; first += size) {
      const finished = consumer.finish(size);
      queue.publish(plainOrders(first, size));
      watch.start();
      await finished;
      watch.stop();
      heap.sample();
      yield;
    }
    assert.deepEqual(consumer.counts, { ...consumer.counts, succeeded: total, retry: 0 });
    assert.equal(await queue.left(), 0);
    const { growthMB, peakMB } = heap.growth();
    consumer.unsubscribe();
    return {
      value: eventsPerMB(total, peakMB),
      growthMB,
      peakMB,
      deliveriesPerSecond: (total / watch.elapsed().elapsedMs) * 1_000,
    };
  };
}

/** Measures with a tenth of the events. */
function aTenth(side: Side, { flat }: { readonly flat: boolean }): Side {
  return async function* (total) {
    const { value, ...details } = yield* side(total / 10);
    return { value: flat ? value * 10 : value, ...details };
  };
}

export const lanes: Bench = {
  name: 'lanes',
  unit: 'events/MB',
  events: { full: 1_000_000, smoke: 5_000 },
  ours: growth(millrace),
  peers: {
    groupBy: aTenth(growth(grouped(undefined)), { flat: false }),
    'groupBy, closed when idle': aTenth(growth(grouped(IDLE)), { flat: true }),
  },
  limits: [{ detail: 'peakMB', atMost: 5 }],
  ratios: {},
};
