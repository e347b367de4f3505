// request: events asked of a raw echo responder, 512 at a time. request-latency: one at a time.
//
// Ours is `request` of the core transport: events checked on both ways, a timeout for each, the responder told how long
// is waited. The peer is `request` of `nats`, with the same events as JSON. Client, server and responder are three
// processes, so that this is the machine's limit as much as the client's.
import assert from 'node:assert/strict';
import type { Event } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect, type NatsConnection } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { ECHO, echo } from './workload/echo.ts';
import { type Order, plainOrders } from './workload/orders.ts';

/** Asks, and calls one of the two when it is answered. */
type Ask = (event: Event<Order>, answered: (event: Event<Order>) => void, failed: (error: unknown) => void) => void;

const IN_FLIGHT = 512;
const CHUNK = 20_000;
const TIMEOUT = 5_000;

const millrace = (connection: NatsConnection): Ask => {
  const transport = natsTransport(connection);
  const options = { address: ECHO, timeout: TIMEOUT };
  return (event, next, error) => transport.request<Order>(event, options).subscribe({ next, error });
};

const raw = (connection: NatsConnection): Ask => {
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
  return (event, answered, failed) => {
    connection
      .request(ECHO, encoder.encode(JSON.stringify(event)), { timeout: TIMEOUT })
      .then(({ data }) => answered(JSON.parse(decoder.decode(data)) as Event<Order>))
      .catch(failed);
  };
};

/** Asks all, so many at a time, and resolves to the sum of the numbers in the answers. */
function askAll(ask: Ask, events: readonly Event<Order>[], inFlight: number): Promise<number> {
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
    for (let asked = 0; asked < inFlight; asked += 1) askNext();
  });
}

function rate(open: (connection: NatsConnection) => Ask, inFlight: number, chunk: number): Side {
  return async function* (total) {
    const size = Math.min(chunk, total);
    const { url, stop } = await echo();
    const connection = await connect({ servers: url });
    const ask = open(connection);
    const watch = stopwatch();
    let sum = 0;
    for (let first = 0; first <= total; first += size) {
      const events = plainOrders(first, size);
      if (first > 0) watch.start();
      sum += await askAll(ask, events, inFlight);
      if (first > 0) watch.stop();
      yield;
    }
    await connection.close();
    stop();
    const numbers = total + size;
    assert.equal(sum, (numbers * (numbers - 1)) / 2);
    const { elapsedMs, cpuMs } = watch.elapsed();
    return { value: (total / elapsedMs) * 1_000, elapsedMs, cpuMs, microseconds: (elapsedMs / total) * 1_000 };
  };
}

export const request: Bench = {
  name: 'request',
  unit: 'requests/s',
  events: { full: 200_000, smoke: 2_000 },
  ours: rate(millrace, IN_FLIGHT, CHUNK),
  peers: { nats: rate(raw, IN_FLIGHT, CHUNK) },
  limits: [],
  ratios: { nats: 4.5 },
};

export const requestLatency: Bench = {
  name: 'request-latency',
  unit: 'requests/s',
  events: { full: 20_000, smoke: 200 },
  ours: rate(millrace, 1, CHUNK / 10),
  peers: { nats: rate(raw, 1, CHUNK / 10) },
  limits: [],
  ratios: { nats: 0.95 },
};
