// session-idle: what 10,000 sessions hold on to in which nothing happens, and how many messages keep them alive.
//
// Each side is measured by itself, against a plain client that says what the other side would: a consumer whose sessions
// are opened, and a producer that is asked for them. The heap is looked at, with its garbage collected, before and after.
// The figure is sessions for each MB of the larger of the two. Then both sides are put together, and the messages counted
// that go to and from the consumer in five beats.
//
// The peer `raw` is a subscription of `nats` for each session at its consumer, and nothing else.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { openSession, serveSessions, sessionHeartbeats } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect, type NatsConnection } from 'nats';
import { filter, firstValueFrom, map, NEVER, Subscription, skip, take, toArray } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { heapGauge } from './harness/heap.ts';
import { natsServer } from './harness/nats-server.ts';

const BEAT = 500;
const BEATS = 5;
const QUIET = { pingInterval: 600_000 };

/** How much the heap grows, in bytes for each session. */
async function grownBy(count: number, open: (count: number) => Promise<void>): Promise<number> {
  await open(100);
  const heap = heapGauge();
  await open(count);
  heap.sample();
  return (heap.growth().growthMB * 1_048_576) / count;
}

/** The consumer's side, whose producer is a plain client. */
async function consumerBytes(url: string, count: number): Promise<number> {
  const [mine, plain] = [await connect({ servers: url, ...QUIET }), await connect({ servers: url, ...QUIET })];
  const accept = JSON.stringify({ type: 3, accept: { control: 'nobody', interval: 600_000 } });
  const sessions$ = new Subscription();
  let opened = 0;
  plain.subscribe('idle', {
    callback: (_, message) => {
      message.respond(accept);
      opened += 1;
    },
  });
  await plain.flush();
  const transport = natsTransport(mine);
  const bytes = await grownBy(count, async (sessions) => {
    const wanted = opened + sessions;
    for (let n = 0; n < sessions; n += 1)
      sessions$.add(openSession(transport, 'idle', null).subscribe({ error: assert.ifError }));
    while (opened < wanted) await setTimeout(5);
    await plain.flush();
    await mine.flush();
  });
  sessions$.unsubscribe();
  await Promise.all([mine.close(), plain.close()]);
  return bytes;
}

/** The producer's side, whose consumer is a plain client. */
async function producerBytes(url: string, count: number): Promise<number> {
  const [mine, plain] = [await connect({ servers: url, ...QUIET }), await connect({ servers: url, ...QUIET })];
  const transport = natsTransport(mine);
  let served = 0;
  const produce = () => {
    served += 1;
    return NEVER;
  };
  const serving = serveSessions(transport, 'idle', produce, { heartbeat: { interval: 600_000 } }).subscribe();
  await mine.flush();
  const open = (stream: string) =>
    JSON.stringify({
      consumerId: '_SINBOX.plain.',
      streamId: stream,
      heartBeatRequestSub: '_HEARTBEAT._SINBOX.plain',
      body: 'bnVsbA==',
      credit: 256,
    });
  let asked = 0;
  const bytes = await grownBy(count, async (sessions) => {
    for (let n = 0; n < sessions; n += 1) {
      asked += 1;
      const stream = `abcdefghijklm${String(asked).padStart(9, '0')}`;
      plain.publish('idle', open(stream), { reply: `_SINBOX.plain.${stream}` });
    }
    while (served < asked) await setTimeout(5);
    await mine.flush();
    await plain.flush();
  });
  serving.unsubscribe();
  await Promise.all([mine.close(), plain.close()]);
  return bytes;
}

/** How many messages a consumer gets and sends in a beat. */
async function messagesPerBeat(url: string, count: number): Promise<number> {
  const [producing, consuming] = [await connect({ servers: url, ...QUIET }), await connect({ servers: url, ...QUIET })];
  const [producer, consumer] = [natsTransport(producing), natsTransport(consuming)];
  const heartbeat = { interval: BEAT, timeout: BEAT };
  const both = serveSessions(producer, 'idle', () => NEVER, { heartbeat }).subscribe();
  await producing.flush();
  for (let n = 0; n < count; n += 1)
    both.add(openSession(consumer, 'idle', null, { openTimeout: 60_000 }).subscribe({ error: assert.ifError }));
  const beats = sessionHeartbeats(producer).pipe(
    filter(({ kind }) => kind === 'answered'),
    map(() => consuming.stats().inMsgs + consuming.stats().outMsgs),
    skip(1),
    take(BEATS + 1),
    toArray(),
  );
  const messages = await firstValueFrom(beats);
  const perBeat = ((messages.at(-1) ?? 0) - (messages[0] ?? 0)) / BEATS;
  both.unsubscribe();
  await Promise.all([producing.close(), consuming.close()]);
  return perBeat;
}

const millrace: Side = async function* (total) {
  const server = await natsServer();
  const consumer = await consumerBytes(server.url, total);
  yield;
  const producer = await producerBytes(server.url, total);
  yield;
  const perBeat = await messagesPerBeat(server.url, total);
  server.stop();
  const value = 1_048_576 / Math.max(consumer, producer);
  return { value, consumerBytes: consumer, producerBytes: producer, messagesPerBeat: perBeat };
};

const raw: Side = async function* (total) {
  const server = await natsServer();
  const connection: NatsConnection = await connect({ servers: server.url, ...QUIET });
  let opened = 0;
  const bytes = await grownBy(total, async (sessions) => {
    for (let n = 0; n < sessions; n += 1) {
      opened += 1;
      connection.subscribe(`idle.${opened}`, { callback: () => undefined });
    }
    await connection.flush();
  });
  yield;
  await connection.close();
  server.stop();
  return { value: 1_048_576 / bytes, consumerBytes: bytes };
};

export const sessionIdle: Bench = {
  name: 'session-idle',
  unit: 'sessions/MB',
  events: { full: 10_000, smoke: 200 },
  ours: millrace,
  peers: { raw },
  limits: [
    { detail: 'consumerBytes', atMost: 3_072 },
    { detail: 'producerBytes', atMost: 3_072 },
    { detail: 'messagesPerBeat', atMost: 2 },
  ],
  ratios: {},
};
