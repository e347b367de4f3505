// pipeline-sync, pipeline-async: the whole pipeline beside the same job written by hand.
//
// Ours is dedupe, handle (32 at a time), redeliver, deadLetter and settle. The peers are RxJS's mergeMap and p-limit, with
// the same promises written by hand: at most 32 handlers, a bounded memory of 100,000 events that says which one is done
// and which one is running, a nak with a delay after a failure, the dead letter stored before the term, the ack after
// success. They leave out what ours does besides: leases kept, handlers timed out, the memory's time to live, drain.
//
// All sides read the same kind of work queue on a broker in memory, with the same events: see workload/orders.ts for
// how many fail. 1 M events are published 50,000 at a time; what is timed is from there until the last one is settled.
// Deliveries are events and their retries. One more chunk goes before, untimed, while V8 compiles. The garbage is not
// collected by hand in between: with nothing in flight, V8 would forget the shapes of deliveries, and its code with them.
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
import type { Observable } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { stopwatch } from './harness/stopwatch.ts';
import type { OrderHandler } from './peers/by-hand.ts';
import { mergeMapAsync, mergeMapSync } from './peers/merge-map.ts';
import { withPLimit } from './peers/p-limit.ts';
import { consumption } from './workload/consumption.ts';
import {
  ATTEMPTS,
  CONCURRENCY,
  charge,
  chargeInTime,
  expectedCounts,
  type Order,
  orders,
  REMEMBERED,
  RETRY_DELAY,
  type Settled,
} from './workload/orders.ts';
import { workQueue } from './workload/work-queue.ts';

type Pipeline<H> = (deliveries: Observable<Delivery<Order>>, publisher: Publisher, handler: H) => Observable<Settled>;

const CHUNK = 50_000;
const events = { full: 1_000_000, smoke: 10_000 };

/** The pipeline of the bench's name. */
function millrace(
  deliveries: Observable<Delivery<Order>>,
  publisher: Publisher,
  handler: OrderHandler,
): Observable<Settled> {
  return deliveries.pipe(
    dedupe(memoryDedupeStore({ max: REMEMBERED })),
    handle(handler, { concurrency: CONCURRENCY }),
    redeliver(maxAttempts(constant(RETRY_DELAY), ATTEMPTS)),
    deadLetter(publisher),
    settle(),
  );
}

/** Measures deliveries per second. */
function throughput<H>(pipeline: Pipeline<H>, handler: H): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const queue = await workQueue();
    const consumer = consumption(pipeline(queue.deliveries, queue.transport, handler));
    const watch = stopwatch();
    let warmUp = 0;
    for (let first = 0; first <= total; first += size) {
      const finished = consumer.finish(size);
      queue.publish(orders(first, size));
      if (first > 0) watch.start();
      await finished;
      if (first > 0) watch.stop();
      else warmUp = consumer.settled;
      yield;
    }
    assert.deepEqual(consumer.counts, expectedCounts(total + size));
    assert.equal(await queue.left(), 0);
    const deliveries = consumer.settled - warmUp;
    const deliveriesPerSecond = (deliveries / watch.elapsed().elapsedMs) * 1_000;
    return { value: deliveriesPerSecond, deliveries, deliveriesPerSecond, ...watch.elapsed() };
  };
}

export const pipelineSync: Bench = {
  name: 'pipeline-sync',
  unit: 'deliveries/s',
  events,
  ours: throughput(millrace, charge),
  peers: { mergeMap: throughput(mergeMapSync, charge), 'p-limit': throughput(withPLimit, charge) },
  limits: [{ detail: 'deliveriesPerSecond', atLeast: 500_000 }],
  ratios: { mergeMap: 1, 'p-limit': 1 },
};

export const pipelineAsync: Bench = {
  name: 'pipeline-async',
  unit: 'deliveries/s',
  events,
  ours: throughput(millrace, chargeInTime),
  peers: { mergeMap: throughput(mergeMapAsync, chargeInTime), 'p-limit': throughput(withPLimit, chargeInTime) },
  limits: [{ detail: 'deliveriesPerSecond', atLeast: 200_000 }],
  ratios: { mergeMap: 1, 'p-limit': 1 },
};
