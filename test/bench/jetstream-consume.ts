// jetstream-consume: consume → decode and validate → the whole pipeline with dedupe → ack, from a stream that is full.
//
// The peer `raw` is the callback of `consume` of `nats`, with JSON.parse and ack: it bounds, checks and retries nothing, so
// it is the most that there is to be had. The peer `hand-written` keeps the promises that ours keeps: at most 32 handlers,
// a bounded memory of handled events, a nak with a delay, the dead letter stored before the term.
//
// Each step fills a stream in memory with 20,000 events, in a server of its own, untimed; what is timed is from the start
// of the subscription until the last event is settled. One step goes before, untimed, while V8 compiles.
import assert from 'node:assert/strict';
import { constant, deadLetter, dedupe, handle, maxAttempts, memoryDedupeStore, redeliver, settle } from 'millrace';
import { jetstreamTransport } from 'millrace/nats';
import { AckPolicy, connect, type NatsConnection, StorageType } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { consumeByHand } from './peers/jetstream-by-hand.ts';
import { consumeRaw } from './peers/jetstream-raw.ts';
import {
  ATTEMPTS,
  CONCURRENCY,
  charge,
  expectedCounts,
  type Order,
  orders,
  REMEMBERED,
  RETRY_DELAY,
} from './workload/orders.ts';
import { storeEvents } from './workload/stored-events.ts';

/** Consumes the stream `S` by its consumer `C` until so many events are settled for good, and returns how many deliveries that took. */
export type ConsumeOrders = (connection: NatsConnection, events: number) => Promise<number>;

const CHUNK = 20_000;

const millrace: ConsumeOrders = (connection, events) =>
  new Promise((resolve, reject) => {
    const transport = jetstreamTransport(connection);
    let settled = 0;
    let left = events;
    const subscription = transport
      .subscribe<Order>({ stream: 'S', consumer: 'C', prefetch: 512 })
      .pipe(
        dedupe(memoryDedupeStore({ max: REMEMBERED })),
        handle(charge, { concurrency: CONCURRENCY }),
        redeliver(maxAttempts(constant(RETRY_DELAY), ATTEMPTS)),
        deadLetter(transport),
        settle(),
      )
      .subscribe({
        next({ kind }) {
          settled += 1;
          if (kind === 'retry') return;
          left -= 1;
          if (left > 0) return;
          subscription.unsubscribe();
          resolve(settled);
        },
        error: reject,
      });
  });

function throughput(consume: ConsumeOrders): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const server = await natsServer();
    const connection = await connect({ servers: server.url });
    const manager = await connection.jetstreamManager();
    const watch = stopwatch();
    let deliveries = 0;
    for (let first = 0; first <= total; first += size) {
      await manager.streams.add({ name: 'S', subjects: ['shop.>'], storage: StorageType.Memory });
      await manager.consumers.add('S', {
        durable_name: 'C',
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 10_000,
        filter_subject: 'shop.order',
      });
      await storeEvents(connection, 'shop.order', orders(first, size));
      if (first > 0) watch.start();
      const settled = await consume(connection, size);
      await connection.flush();
      if (first > 0) watch.stop();
      if (first > 0) deliveries += settled;
      await manager.streams.delete('S');
      yield;
    }
    await connection.close();
    server.stop();
    const deliveriesPerSecond = (deliveries / watch.elapsed().elapsedMs) * 1_000;
    assert.ok(deliveries >= total && expectedCounts(total).succeeded > 0);
    return { value: deliveriesPerSecond, deliveries, deliveriesPerSecond, ...watch.elapsed() };
  };
}

export const jetstreamConsume: Bench = {
  name: 'jetstream-consume',
  unit: 'deliveries/s',
  events: { full: 200_000, smoke: 2_000 },
  ours: throughput(millrace),
  peers: { raw: throughput(consumeRaw), 'hand-written': throughput(consumeByHand) },
  limits: [],
  ratios: { raw: 0.85, 'hand-written': 1.2 },
};
