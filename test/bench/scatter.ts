// scatter: a question to one hundred who all answer, of whom the slowest takes a second, until 51 of them agree.
//
// Ours is `requestMany` with `quorum(51)`: each answer decoded and checked, votes compared by value, the responders told
// when it is enough, and what comes later counted. Held against it: that no gathering waits for the slowest (`longestMs`).
//
// The peers do the same by hand with `requestMany` of `nats`: votes parsed as JSON and counted, until 51 agree; and with the
// strategy that the client has for an unknown number of answers, which ends 100 ms after the last one. Client, server
// and responders are three processes.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createEvent, type Event, quorum, requestMany } from 'millrace';
import { natsTransport } from 'millrace/nats';
import { connect, type NatsConnection, RequestStrategy } from 'nats';
import { lastValueFrom } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { natsServer } from './harness/nats-server.ts';
import { stopwatch } from './harness/stopwatch.ts';

/** Asks, and resolves to the vote that has the majority. */
type Gather = (question: Event) => Promise<unknown>;

const ADDRESS = 'vote';
const MAJORITY = 51;
const CHUNK = 20;
const IN_FLIGHT = 4;
const TIMEOUT = 5_000;
const RESPONDERS = fileURLToPath(new URL('./peers/hundred-responders.js', import.meta.url));

const millrace = (connection: NatsConnection): Gather => {
  const transport = natsTransport(connection);
  const options = { address: ADDRESS, until: quorum(MAJORITY), timeout: TIMEOUT };
  return async (question) => {
    const end = await lastValueFrom(requestMany(transport, question, options));
    assert.ok(end.kind === 'end' && end.reason.kind === 'quorum', 'It did not end with a quorum');
    return end.reason.agreed[0]?.data;
  };
};

const byHand =
  (strategy: RequestStrategy) =>
  (connection: NatsConnection): Gather => {
    const encoder = new TextEncoder();
    const options = { strategy, maxWait: TIMEOUT, maxMessages: 100, jitter: 100 };
    return async (question) => {
      const votes = new Map<unknown, number>();
      for await (const message of await connection.requestMany(
        ADDRESS,
        encoder.encode(JSON.stringify(question)),
        options,
      )) {
        const { data } = message.json<Event>();
        const count = (votes.get(data) ?? 0) + 1;
        votes.set(data, count);
        if (count === MAJORITY && strategy === RequestStrategy.Count) break;
      }
      return [...votes].find(([, count]) => count >= MAJORITY)?.[0];
    };
  };

function rate(open: (connection: NatsConnection) => Gather, share: number): Side {
  return async function* (gatherings) {
    const total = Math.max(CHUNK, Math.floor(gatherings / share));
    const server = await natsServer();
    const responders = fork(RESPONDERS, [server.url, ADDRESS], { execArgv: [] });
    await once(responders, 'message');
    const connection = await connect({ servers: server.url });
    const gather = open(connection);
    const watch = stopwatch();
    let longestMs = 0;
    let asked = 0;

    async function gatherAll(last: number): Promise<void> {
      while (asked < last) {
        const question = createEvent({ type: 'vote.asked', source: '/bench', id: `question-${asked}` });
        asked += 1;
        const startedAt = performance.now();
        assert.equal(await gather(question), 'yes');
        longestMs = Math.max(longestMs, performance.now() - startedAt);
      }
    }

    for (let first = 0; first <= total; first += CHUNK) {
      if (first > 0) watch.start();
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => gatherAll(first + CHUNK)));
      if (first > 0) watch.stop();
      yield;
    }
    await connection.close();
    responders.kill();
    server.stop();
    const { elapsedMs, cpuMs } = watch.elapsed();
    return { value: (total / elapsedMs) * 1_000, elapsedMs, cpuMs, longestMs };
  };
}

export const scatter: Bench = {
  name: 'scatter',
  unit: 'gatherings/s',
  events: { full: 2_000, smoke: 20 },
  ours: rate(millrace, 1),
  peers: {
    nats: rate(byHand(RequestStrategy.Count), 1),
    'nats, jitter': rate(byHand(RequestStrategy.JitterTimer), 10),
  },
  limits: [{ detail: 'longestMs', atMost: 500, always: true }],
  ratios: {},
};
