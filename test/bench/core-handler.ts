// core-handler: publish on core NATS → typed handler, CloudEvents in and out, with both connections in one process.
//
// Ours is one `publish` for each event, and subscribe, handle (32 at a time) and settle at the other end: events are
// checked on both ways, deliveries counted and bounded. The peer `raw` encodes and decodes the same JSON in a callback of
// `nats`, and does nothing else. The peer `nestjs` is NestJS' own transport: `emit` of a client proxy and an event handler
// of a microservice, with the same events as its payloads.
//
// Each step publishes 20,000 events and waits until the handler has seen all of them. One goes before, untimed, while V8
// compiles.
import assert from 'node:assert/strict';
import { handle, settle } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { coreRaw } from './peers/core-raw.ts';
import { type CoreLink, nestjs } from './peers/nestjs.ts';
import { CONCURRENCY, type Order, plainOrders } from './workload/orders.ts';

const CHUNK = 20_000;
const ADDRESS = 'shop.order';

const millrace: CoreLink = async (url, handler) => {
  const [publishing, listening] = [await connect({ servers: url }), await connect({ servers: url })];
  const publisher = natsTransport(publishing);
  const options = { address: ADDRESS };
  natsTransport(listening)
    .subscribe<Order>(options)
    .pipe(
      handle(({ event }) => handler(event), { concurrency: CONCURRENCY }),
      settle(),
    )
    .subscribe();
  await listening.flush();
  return (event) => publisher.publish(event, options).subscribe();
};

function throughput(open: CoreLink): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const server = await natsServer();
    const watch = stopwatch();
    let seen = 0;
    let sum = 0;
    let finished = () => {};
    const publish = await open(server.url, ({ data }) => {
      sum += data?.number ?? Number.NaN;
      seen += 1;
      if (seen === size) finished();
    });
    for (let first = 0; first <= total; first += size) {
      const events = plainOrders(first, size);
      seen = 0;
      const finish = new Promise<void>((resolve) => {
        finished = resolve;
      });
      if (first > 0) watch.start();
      for (const event of events) publish(event);
      await finish;
      if (first > 0) watch.stop();
      yield;
    }
    server.stop();
    const numbers = total + size;
    assert.equal(sum, (numbers * (numbers - 1)) / 2);
    const eventsPerSecond = (total / watch.elapsed().elapsedMs) * 1_000;
    return { value: eventsPerSecond, ...watch.elapsed() };
  };
}

export const coreHandler: Bench = {
  name: 'core-handler',
  unit: 'events/s',
  events: { full: 400_000, smoke: 2_000 },
  ours: throughput(millrace),
  peers: { raw: throughput(coreRaw(ADDRESS)), nestjs: throughput(nestjs(ADDRESS)) },
  limits: [],
  ratios: { raw: 0.9, nestjs: 1.8 },
};
