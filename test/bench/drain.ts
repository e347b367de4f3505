// drain: a worker that is drained at a seeded time in the middle of its work, 200 times, and what becomes of its stream.
//
// 600 stored orders, of which 256 may be out at a time; 32 handlers run, 1 to 10 ms each. Between 5 and 60 ms after the first
// order the worker is drained, until its connection is closed, while another one, on a connection of its own, begins to
// take what is left. The figure is drains per second of draining. Held against each drain: that its report adds up, and
// says how many were handled; that each order is handled, and once (`wrong` counts the drains of which that is not
// true); that the other one has all the rest at once, and not when a lease is over, which is 2 s (`handoverMs`, the longest).
//
// The peer is the same by hand with `nats`: what it has read ahead it naks, what runs it waits for, and then it drains the
// connection. It has neither retries nor dead letters nor a limit to its waiting.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { consume, type Event, service } from 'millrace';
import { jetstreamTransport } from 'millrace/nats';
import { seededRandom } from 'millrace/testing';
import { AckPolicy, connect, type JetStreamManager, type NatsConnection, StorageType } from 'nats';
import { firstValueFrom, type Observable, tap, timer } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { drainByHand } from './peers/drain-by-hand.ts';
import type { StartWorker } from './workload/draining.ts';
import { CONCURRENCY, type Order, plainOrders } from './workload/orders.ts';
import { storeEvents } from './workload/stored-events.ts';

const ORDERS = 600;
const PREFETCH = 256;
const LEASE = 2_000;

const millrace: StartWorker = async (connection, job, prefetch) => {
  const transport = jetstreamTransport(connection);
  const orders = transport.subscribe<Order>({ stream: 'S', consumer: 'C', prefetch });
  const work = ({ event }: { readonly event: Event<Order> }): Observable<unknown> =>
    timer(job.begin(event)).pipe(tap(() => job.end(event)));
  const app = service({
    pipelines: { orders: orders.pipe(consume(work, { concurrency: CONCURRENCY })) },
    transports: [transport],
    resources: { connection },
  });
  app.run().subscribe();
  return {
    async drain() {
      const { ok, total } = await firstValueFrom(app.drain());
      assert.ok(ok);
      return total;
    },
  };
};

/** Takes what is left as fast as it comes. */
async function takeRest(connection: NatsConnection, handled: (event: Event<Order>) => void): Promise<() => void> {
  const consumer = await connection.jetstream().consumers.get('S', 'C');
  const messages = await consumer.consume({
    max_messages: 1_000,
    callback(message) {
      message.ack();
      handled(JSON.parse(message.string()) as Event<Order>);
    },
  });
  return () => messages.stop();
}

/** How much is not acked: the server has got the acks, and may need a moment for them. That is less than a lease. */
async function leftOf(manager: JetStreamManager): Promise<number> {
  for (const lookedAt = performance.now(); ; await setTimeout(5)) {
    const { num_pending, num_ack_pending } = await manager.consumers.info('S', 'C');
    const left = num_pending + num_ack_pending;
    if (left === 0 || performance.now() - lookedAt > LEASE / 2) return left;
  }
}

function drains(start: StartWorker): Side {
  return async function* (total) {
    const server = await natsServer();
    const direct = await connect({ servers: server.url });
    const manager = await direct.jetstreamManager();
    let [drainMs, handoverMs, wrong, returned] = [0, 0, 0, 0];
    for (let seed = 0; seed < total; seed += 1) {
      await manager.streams.add({ name: 'S', subjects: ['shop.>'], storage: StorageType.Memory });
      await manager.consumers.add('S', { durable_name: 'C', ack_policy: AckPolicy.Explicit, ack_wait: LEASE * 1e6 });
      await storeEvents(direct, 'shop.order', plainOrders(0, ORDERS));
      const random = seededRandom(seed);
      const times = new Uint8Array(ORDERS);
      let handled = 0;
      let allHandled: () => void = () => undefined;
      let begun: () => void = () => undefined;
      const first = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const everything = new Promise<void>((resolve) => {
        allHandled = resolve;
      });
      const end = ({ data }: Event<Order>) => {
        const number = data?.number ?? 0;
        times[number] = (times[number] ?? 0) + 1;
        handled += 1;
        if (handled === ORDERS) allHandled();
      };
      const begin = () => {
        begun();
        return 1 + random() * 9;
      };
      const worker = await start(await connect({ servers: server.url }), { begin, end }, PREFETCH);
      await first;
      await setTimeout(5 + random() * 55);

      const [startedAt, before] = [performance.now(), handled];
      let byOthers = 0;
      const draining = worker.drain().then((report) => {
        drainMs += performance.now() - startedAt;
        return report;
      });
      const stop = await takeRest(direct, (event) => {
        byOthers += 1;
        end(event);
      });
      const report = await draining;
      await everything;
      handoverMs = Math.max(handoverMs, performance.now() - startedAt);
      stop();
      await direct.flush();
      const left = await leftOf(manager);

      assert.ok(before < ORDERS, 'It was drained when all was done');
      const addsUp = report.received === report.acked + report.returned && report.acked === ORDERS - byOthers;
      const once = times.every((time) => time === 1) && left === 0;
      if (!addsUp || !once) wrong += 1;
      returned += report.returned;
      await manager.streams.delete('S');
      yield;
    }
    await direct.close();
    server.stop();
    return { value: (total / drainMs) * 1_000, drainMs: drainMs / total, handoverMs, wrong, returned };
  };
}

export const drain: Bench = {
  name: 'drain',
  unit: 'drains/s',
  events: { full: 200, smoke: 3 },
  ours: drains(millrace),
  peers: { 'by hand': drains(drainByHand) },
  limits: [
    { detail: 'wrong', atMost: 0, always: true },
    { detail: 'handoverMs', atMost: 1_000, always: true },
  ],
  ratios: {},
};
