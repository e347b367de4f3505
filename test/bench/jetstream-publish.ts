// jetstream-publish, jetstream-publish-each: events to a stream, 512 on their way at a time, each receipt awaited.
//
// Ours is `publish` of the JetStream transport, with one list of 20,000 events, or with one call for each event. The peer
// is `publish` of `nats`, which a person would use, with a message id and the same events as JSON; what it does not do is
// check the events, mark them as CloudEvents, or send anything again. Events have about 256 bytes as JSON.
//
// The stream is in memory, so that the figures are of the clients and not of the disk; it is emptied after each step,
// untimed. Client and server are two processes. One step goes before, untimed, while V8 compiles.
import assert from 'node:assert/strict';
import { jetstreamTransport } from 'millrace/nats';
import { connect, type NatsConnection, StorageType } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { publishRaw } from './peers/jetstream-publish-raw.ts';
import { plainOrders } from './workload/orders.ts';
import { ADDRESS, IN_FLIGHT, type PublishAll } from './workload/publishing.ts';

const CHUNK = 20_000;
const NOTE = 'x'.repeat(64); // to about 256 bytes

/** One call, with the whole list. */
const publishList = (connection: NatsConnection): PublishAll => {
  const transport = jetstreamTransport(connection);
  return (events) =>
    new Promise((resolve, reject) => {
      let sum = 0;
      transport.publish(events, { address: ADDRESS }).subscribe({
        next: ({ sequence = Number.NaN }) => {
          sum += sequence;
        },
        error: reject,
        complete: () => resolve(sum),
      });
    });
};

/** One call for each event: the next one when another has its receipt. */
const publishEach = (connection: NatsConnection): PublishAll => {
  const transport = jetstreamTransport(connection);
  const options = { address: ADDRESS };
  return (events) =>
    new Promise((resolve, reject) => {
      let next = 0;
      let left = events.length;
      let sum = 0;
      const publishNext = () => {
        const event = events[next];
        if (event === undefined) return;
        next += 1;
        transport.publish(event, options).subscribe({ next: received, error: reject });
      };
      const received = ({ sequence = Number.NaN }) => {
        sum += sequence;
        left -= 1;
        if (left === 0) resolve(sum);
        else publishNext();
      };
      for (let started = 0; started < IN_FLIGHT; started += 1) publishNext();
    });
};

function rate(open: (connection: NatsConnection) => PublishAll): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const server = await natsServer();
    const connection = await connect({ servers: server.url });
    const { streams } = await connection.jetstreamManager();
    await streams.add({ name: 'S', subjects: ['orders.>'], storage: StorageType.Memory });
    const publish = open(connection);
    const watch = stopwatch();
    let sum = 0;
    for (let first = 0; first <= total; first += size) {
      const events = plainOrders(first, size).map((order) => ({ ...order, note: NOTE }));
      if (first > 0) watch.start();
      sum += await publish(events);
      if (first > 0) watch.stop();
      await streams.purge('S');
      yield;
    }
    const { state } = await streams.info('S');
    await connection.close();
    server.stop();
    const stored = total + size;
    assert.equal(state.last_seq, stored);
    assert.equal(sum, (stored * (stored + 1)) / 2);
    const { elapsedMs, cpuMs } = watch.elapsed();
    return { value: (total / elapsedMs) * 1_000, elapsedMs, cpuMs, microseconds: (elapsedMs / total) * 1_000 };
  };
}

const bench = {
  unit: 'receipts/s',
  events: { full: 200_000, smoke: 2_000 },
  peers: { nats: rate(publishRaw) },
  limits: [],
};

export const jetstreamPublish: Bench = {
  ...bench,
  name: 'jetstream-publish',
  ours: rate(publishList),
  ratios: { nats: 6 },
};

export const jetstreamPublishEach: Bench = {
  ...bench,
  name: 'jetstream-publish-each',
  ours: rate(publishEach),
  ratios: { nats: 4.5 },
};
