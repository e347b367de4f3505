// session-one: one session at full speed, from an iterable of orders on one connection to a subscriber on another.
// session-many: 10,000 sessions at a time, which share the values.
//
// Ours are sequence numbers, credit, and a heartbeat. The peer `raw` publishes the same values in the same encoding from
// subject to subject, and has nothing of that: to one subscription, or for many, to one with a wildcard that finds the
// session in a map. It sends 20,000 values at a time and waits for them, or it would fill the memory of both sides.
//
// Each step sends all values once. Of many it is also told how fair they were: what the slowest session had, as a share of
// the mean, at the moment when half of all had come.
import assert from 'node:assert/strict';
import { openSession, serveSessions } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect, type NatsConnection } from 'nats';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { readFrame, sendFrame } from './peers/raw-frames.ts';

interface Value {
  readonly number: number;
  readonly item: string;
}

/** Sends so many values through each of so many sessions; `received` is called with the number of the session. */
type Run = (sessions: number, values: number, received: (session: number, value: Value) => void) => Promise<void>;

const WINDOW = 1_024;
const CHUNK = 20_000;
const SESSIONS = 10_000;

function lamp(number: number): Value {
  return { number, item: 'a lamp with a green shade' };
}

function* values(count: number): Generator<Value> {
  for (let number = 0; number < count; number += 1) yield lamp(number);
}

async function millrace(producing: NatsConnection, consuming: NatsConnection): Promise<Run> {
  const [producer, consumer] = [natsTransport(producing), natsTransport(consuming)];
  serveSessions<number, Value>(producer, 'values', (count) => values(count)).subscribe();
  await producing.flush();
  return (sessions, count, received) =>
    new Promise((resolve, reject) => {
      let left = sessions;
      const window = Math.max(16, Math.min(WINDOW, Math.ceil(CHUNK / sessions)));
      for (let session = 0; session < sessions; session += 1) {
        openSession<Value>(consumer, 'values', count, { window, openTimeout: 60_000 }).subscribe({
          next: (value) => received(session, value),
          error: reject,
          complete() {
            left -= 1;
            if (left === 0) resolve();
          },
        });
      }
    });
}

async function raw(producing: NatsConnection, consuming: NatsConnection): Promise<Run> {
  const sessions = new Map<string, number>();
  let take: (session: number, value: Value) => void = () => undefined;
  consuming.subscribe('raw.*', {
    callback: (_, message) => {
      const session = sessions.get(message.subject);
      if (session !== undefined) take(session, readFrame<Value>(message.data));
    },
  });
  await consuming.flush();
  return async (count, each, received) => {
    for (let session = 0; session < count; session += 1) sessions.set(`raw.${session}`, session);
    let [sent, come] = [0, 0];
    let chunkDone: () => void = () => undefined;
    take = (session, value) => {
      received(session, value);
      come += 1;
      if (come === sent) chunkDone();
    };
    for (let number = 0; number < each * count; ) {
      const done = new Promise<void>((resolve) => {
        chunkDone = resolve;
      });
      const end = Math.min(number + CHUNK, each * count);
      sent = end;
      for (; number < end; number += 1) sendFrame(producing, `raw.${number % count}`, lamp(Math.floor(number / count)));
      await done;
    }
  };
}

function speed(open: (producing: NatsConnection, consuming: NatsConnection) => Promise<Run>, most: number): Side {
  return async function* (total) {
    const server = await natsServer();
    const run = await open(await connect({ servers: server.url }), await connect({ servers: server.url }));
    const count = Math.min(most, Math.ceil(total / 10));
    const each = Math.ceil(total / count);
    const watch = stopwatch();
    const rounds = 3;
    let slowest = 1;
    await run(count, Math.max(1, Math.ceil(each / 10)), () => undefined);
    for (let round = 0; round < rounds; round += 1) {
      const had = new Uint32Array(count);
      let [sum, come] = [0, 0];
      watch.start();
      await run(count, each, (session, { number }) => {
        had[session] = (had[session] ?? 0) + 1;
        sum += number;
        come += 1;
        if (come === (count * each) >> 1) slowest = Math.min(slowest, Math.min(...had) / (come / count));
      });
      watch.stop();
      assert.ok(had.every((values) => values === each));
      assert.equal(sum, (count * each * (each - 1)) / 2);
      yield;
    }
    server.stop();
    return { value: ((rounds * count * each) / watch.elapsed().elapsedMs) * 1_000, slowest, ...watch.elapsed() };
  };
}

export const sessionOne: Bench = {
  name: 'session-one',
  unit: 'values/s',
  events: { full: 200_000, smoke: 1_000 },
  ours: speed(millrace, 1),
  peers: { raw: speed(raw, 1) },
  limits: [],
  ratios: { raw: 0.7 },
};

export const sessionMany: Bench = {
  name: 'session-many',
  unit: 'values/s',
  events: { full: 500_000, smoke: 1_000 },
  ours: speed(millrace, SESSIONS),
  peers: { raw: speed(raw, SESSIONS) },
  limits: [{ detail: 'slowest', atLeast: 0.5 }],
  ratios: { raw: 0.7 },
};
