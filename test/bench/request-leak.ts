// request-leak: what 100,000 requests leave behind, of which every second one is unsubscribed before its reply comes.
//
// Asked of a raw echo responder, 512 at a time. Looked at, with the garbage collected, after the first 10,000 and after
// all: how much the heap has grown in between, and how many timers of the process and subscriptions of the connection
// there are more than before the first request: of these, one subscription is the inbox. The one timer that watches over all
// requests lasts until the last of them would have timed out, so that is waited for. The figure is requests for each MB of growth,
// below 1 MB as 1 MB. The peer is `request` of `nats`, which cannot be given up: what ours unsubscribes, it ignores.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Event } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect, type NatsConnection } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { eventsPerMB, heapGauge } from './harness/heap.ts';
import { ECHO, echo } from './workload/echo.ts';
import { type Order, plainOrders } from './workload/orders.ts';

/** Asks for all, gives up every second one, and resolves when the others are answered. */
type AskSome = (events: readonly Event<Order>[]) => Promise<number>;

const BATCH = 512;
const TIMEOUT = 2_000;

const millrace = (connection: NatsConnection): AskSome => {
  const transport = natsTransport(connection);
  return (events) =>
    new Promise((resolve, reject) => {
      const kept = Math.ceil(events.length / 2);
      let answers = 0;
      const next = () => {
        answers += 1;
        if (answers === kept) resolve(answers);
      };
      events.forEach((event, index) => {
        const subscription = transport
          .request<Order>(event, { address: ECHO, timeout: TIMEOUT })
          .subscribe({ next, error: reject });
        if (index % 2 === 1) subscription.unsubscribe();
      });
    });
};

const raw = (connection: NatsConnection): AskSome => {
  const encoder = new TextEncoder();
  return async (events) => {
    const asked = events.map((event) =>
      connection.request(ECHO, encoder.encode(JSON.stringify(event)), { timeout: TIMEOUT }),
    );
    const kept = asked.filter((_, index) => index % 2 === 0);
    await Promise.all(asked);
    return kept.length;
  };
};

function leak(open: (connection: NatsConnection) => AskSome): Side {
  return async function* (total) {
    const { url, stop } = await echo();
    const connection = await connect({ servers: url, pingInterval: 600_000 });
    const before = held(connection);
    const ask = open(connection);
    const warmUp = total / 10;
    let heap = heapGauge();
    let answers = 0;
    for (let first = 0; first < total; first += BATCH) {
      const events = plainOrders(first, Math.min(BATCH, total - first));
      answers += await ask(events);
      if (first >= warmUp && first < warmUp + BATCH) heap = heapGauge();
      yield;
    }
    await connection.flush(); // late replies have come before its answer
    await setTimeout(TIMEOUT + 500);
    heap.sample();
    const { growthMB, peakMB } = heap.growth();
    const after = held(connection);
    await connection.close();
    stop();
    assert.equal(answers, total / 2);
    const [timers, subscriptions] = [after.timers - before.timers, after.subscriptions - before.subscriptions];
    return { value: eventsPerMB(total, peakMB), growthMB, timers, subscriptions };
  };
}

function held(connection: NatsConnection): { readonly timers: number; readonly subscriptions: number } {
  const { protocol } = connection as unknown as { protocol: { subscriptions: { size(): number } } };
  const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  return { timers, subscriptions: protocol.subscriptions.size() };
}

export const requestLeak: Bench = {
  name: 'request-leak',
  unit: 'requests/MB',
  events: { full: 100_000, smoke: 2_000 },
  ours: leak(millrace),
  peers: { nats: leak(raw) },
  limits: [
    { detail: 'growthMB', atMost: 1 },
    { detail: 'timers', atMost: 0, always: true },
    { detail: 'subscriptions', atMost: 1, always: true },
  ],
  ratios: {},
};
