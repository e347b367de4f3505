// request-event: events published to JetStream, and their responses awaited, with the responder in the same process.
//
// Ours is `requestEvent` and `listen`: per round trip two events stored, with receipts, two delivered, decoded and
// checked, one acked, and a timeout. The responses to all 4,096 that are pending at a time come over one consumer. The
// stream is a file, as streams are by default.
//
// The peers write the same with `nats` and JSON, and a consumer for each request, whose response has an address of its
// own: once as the client makes consumers by default, and once kept in memory. They are so much slower that they do fewer
// requests, 64 at a time, where they are quickest: a server by default lets no stream have thousands of consumers.
import assert from 'node:assert/strict';
import { type Delivery, type Event, eventSource, listen, requestEvent } from 'millrace';
import { jetstreamTransport } from 'millrace/nats';
import { connect, type NatsConnection } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { type Ask, consumerPerRequest } from './peers/consumer-per-request.ts';
import { type Order, plainOrders } from './workload/orders.ts';
import { provisionOrders } from './workload/request-event.ts';

const CHUNK = 20_000;
const PEER_SHARE = 40;

/** How many requests are pending at a time: what each does best with. */
const PENDING = 4_096;
const PEER_PENDING = 64;

async function millrace(connection: NatsConnection): Promise<Ask> {
  const transport = jetstreamTransport(connection, { inFlight: 1_024 });
  const source = eventSource(transport, { stream: 'S', prefetch: 1_024 });
  const handlers = { 'shop.order': ({ event }: Delivery) => ({ type: 'shop.paid', data: event.data }) };
  const options = { stream: 'S', consumer: 'C', prefetch: 1_024, concurrency: 512, dedupe: false } as const;
  listen(transport, handlers, options).subscribe();
  return (event, next, error) => requestEvent<Order>(source, event, ['shop.paid']).subscribe({ next, error });
}

/** Asks all, so many at a time, and resolves to the sum of the numbers in the responses. */
function askAll(ask: Ask, events: readonly Event<Order>[], pending: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let left = events.length;
    let sum = 0;
    const answered = ({ data }: Event<Order>) => {
      sum += data?.number ?? Number.NaN;
      left -= 1;
      if (left === 0) resolve(sum);
      else askNext();
    };
    const askNext = () => {
      const event = events[next];
      if (event === undefined) return;
      next += 1;
      ask(event, answered, reject);
    };
    for (let asked = 0; asked < pending; asked += 1) askNext();
  });
}

function rate(open: (connection: NatsConnection) => Promise<Ask>, pending: number, share: number): Side {
  return async function* (events) {
    const total = Math.max(pending, Math.floor(events / share));
    const size = Math.min(CHUNK, total);
    const server = await natsServer();
    const connection = await connect({ servers: server.url });
    await provisionOrders(connection);
    const ask = await open(connection);
    const watch = stopwatch();
    let sum = 0;
    let asked = 0;
    for (let first = 0; first <= total; first += size) {
      const orders = plainOrders(first, size);
      if (first > 0) watch.start();
      sum += await askAll(ask, orders, pending);
      if (first > 0) watch.stop();
      asked += size;
      yield;
    }
    await connection.close();
    server.stop();
    assert.equal(sum, (asked * (asked - 1)) / 2);
    const { elapsedMs, cpuMs } = watch.elapsed();
    return {
      value: ((asked - size) / elapsedMs) * 1_000,
      tripsPerSecond: ((asked - size) / elapsedMs) * 1_000,
      elapsedMs,
      cpuMs,
    };
  };
}

export const requestEventTrips: Bench = {
  name: 'request-event',
  unit: 'round trips/s',
  events: { full: 100_000, smoke: 1_000 },
  ours: rate(millrace, PENDING, 1),
  peers: {
    'consumer per request': rate(consumerPerRequest({}), PEER_PENDING, PEER_SHARE),
    'in memory': rate(consumerPerRequest({ mem_storage: true }), PEER_PENDING, PEER_SHARE),
  },
  limits: [{ detail: 'tripsPerSecond', atLeast: 15_000 }],
  ratios: { 'consumer per request': 10, 'in memory': 5 },
};
