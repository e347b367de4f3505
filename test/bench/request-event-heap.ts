// request-event-heap: what 10,000 requests hold on to while their responses are awaited, and how many consumers they have.
//
// Asked are events that nobody answers. The heap is looked at, with its garbage collected, before the first request and when
// all are stored. The figure is requests for each MB of growth. The peer has a consumer for each request, with `nats`, and
// does a twentieth of the requests: the server would take minutes for all.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { type Event, eventSource, requestEvent } from 'millrace';
import { jetstreamTransport } from 'millrace/nats';
import { AckPolicy, connect, DeliverPolicy, type NatsConnection, nanos } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { heapGauge } from './harness/heap.ts';
import { natsServer } from './harness/nats-server.ts';
import { type Order, plainOrders } from './workload/orders.ts';
import { provisionOrders } from './workload/request-event.ts';

/** Asks with each event, and resolves when all requests are stored. */
type AskAll = (events: readonly Event<Order>[]) => Promise<void>;

const PEER_SHARE = 20;
const TIMEOUT = 600_000;
const WARM_UP = 100;

async function millrace(connection: NatsConnection): Promise<AskAll> {
  const transport = jetstreamTransport(connection);
  const source = eventSource(transport, { stream: 'S' });
  const failures: unknown[] = [];
  const failed = (error: unknown) => failures.push(error);
  return async (events) => {
    for (const event of events)
      requestEvent(source, event, ['shop.paid'], { timeout: TIMEOUT }).subscribe({ error: failed });
    const manager = await connection.jetstreamManager();
    const isStored = async () => (await manager.streams.info('S')).state.messages >= source.size;
    while (!(await isStored())) await setTimeout(20);
    await setTimeout(100); // for the receipts
    assert.deepEqual(failures, []);
  };
}

async function consumerPerRequest(connection: NatsConnection): Promise<AskAll> {
  const [jetstream, manager] = [connection.jetstream(), await connection.jetstreamManager()];
  const encoder = new TextEncoder();
  return async (events) => {
    for (const event of events) {
      const { name } = await manager.consumers.add('S', {
        filter_subject: `shop.paid.${event.id}`,
        deliver_policy: DeliverPolicy.New,
        ack_policy: AckPolicy.None,
        mem_storage: true,
        inactive_threshold: nanos(TIMEOUT),
      });
      const consumer = await jetstream.consumers.get('S', name);
      await consumer.consume({ callback: (message) => message.ack() });
      await jetstream.publish('shop.order', encoder.encode(JSON.stringify(event)));
    }
  };
}

function held(open: (connection: NatsConnection) => Promise<AskAll>, share: number): Side {
  return async function* (events) {
    const total = Math.max(10, Math.floor(events / share));
    const server = await natsServer();
    const connection = await connect({ servers: server.url, pingInterval: 600_000 });
    await provisionOrders(connection);
    const manager = await connection.jetstreamManager();
    await manager.consumers.delete('S', 'C');
    const ask = await open(connection);
    await ask(plainOrders(0, WARM_UP));
    const orders = plainOrders(WARM_UP, total);
    yield;
    const heap = heapGauge();
    await ask(orders);
    heap.sample();
    const { growthMB } = heap.growth();
    const consumers = (await manager.streams.info('S')).state.consumer_count;
    assert.equal(orders.length, total);
    await connection.close();
    server.stop();
    return { value: total / growthMB, bytesEach: (growthMB * 1_048_576) / total, consumers, growthMB };
  };
}

export const requestEventHeap: Bench = {
  name: 'request-event-heap',
  unit: 'requests/MB',
  events: { full: 10_000, smoke: 500 },
  ours: held(millrace, 1),
  peers: { 'consumer per request': held(consumerPerRequest, PEER_SHARE) },
  limits: [
    { detail: 'bytesEach', atMost: 2_048 },
    { detail: 'consumers', atMost: 1, always: true },
  ],
  ratios: { 'consumer per request': 10 },
};
