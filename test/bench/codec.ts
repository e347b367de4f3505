// codec-decode, codec-decode-binary, codec-encode, codec-encode-binary: this package's codec beside that of `cloudevents`.
//
// The events are about 290 bytes as JSON, each with an id, a time and data of its own. The peer's are `HTTP.toEvent`, of
// messages in structured and in binary mode, and `HTTP.binary`: it has no NATS binding. What it does not do is left out of
// its time: its messages have their headers taken apart and their payload as text, where ours are the bytes that a client
// hands out; and it neither validates what it reads nor percent-encodes what it writes, which ours does.
//
// 50,000 messages at a time, and as many before, untimed, while V8 compiles. All of them are made beforehand.
import assert from 'node:assert/strict';
import { CloudEvent, HTTP, type Message } from 'cloudevents';
import { createEvent, type Event } from 'millrace';
import { cloudEventsCodec, type NatsMessage } from 'millrace/nats';
import type { Bench, Side } from './harness/bench.ts';
import { stopwatch } from './harness/stopwatch.ts';

const CHUNK = 50_000;
const events = { full: 500_000, smoke: 2_000 };

const structured = cloudEventsCodec();
const binary = cloudEventsCodec({ mode: 'binary' });

function orderEvents(first: number, count: number): Event[] {
  return Array.from({ length: count }, (_, i) => {
    const order = `order-${first + i}`;
    return createEvent({
      source: 'https://shop.example.com/orders',
      type: 'com.example.order.placed',
      subject: order,
      data: { order, lines: 3, total: 12.5 },
    });
  });
}

/** Measures events per second: `prepare` is not timed, and `work` returns how much it made, so that none is left out. */
function throughput<T>(prepare: (event: Event) => T, work: (prepared: T) => number): Side {
  return async function* (total) {
    const size = Math.min(CHUNK, total);
    const watch = stopwatch();
    let made = 0;
    for (let first = 0; first <= total; first += size) {
      const prepared = orderEvents(first, size).map(prepare);
      if (first > 0) watch.start();
      for (const one of prepared) made += work(one);
      if (first > 0) watch.stop();
      yield;
    }
    assert.ok(made >= total + size);
    const { elapsedMs, cpuMs } = watch.elapsed();
    const eventsPerSecond = (total / elapsedMs) * 1_000;
    return { value: eventsPerSecond, microseconds: (elapsedMs / total) * 1_000, elapsedMs, cpuMs };
  };
}

const linesOf = (event: { data?: unknown }) => (event.data as { lines: number }).lines;

const decoding = (write: (event: Event) => NatsMessage) =>
  throughput(write, (message) => linesOf(structured.decode(message)));
const encoding = (codec: typeof structured) =>
  throughput(
    (event) => event,
    (event) => codec.encode(event).data.length,
  );

const toEventOf = (write: (event: CloudEvent<unknown>) => Message) =>
  throughput(
    (event) => write(new CloudEvent({ ...event })),
    (message) => linesOf(HTTP.toEvent(message) as CloudEvent),
  );
const httpBinary = throughput(
  (event) => new CloudEvent({ ...event }),
  (event) => String(HTTP.binary(event).body).length,
);

const shared = { unit: 'events/s', events, limits: [] };

export const codecDecode: Bench = {
  ...shared,
  name: 'codec-decode',
  ours: decoding(structured.encode),
  peers: { 'toEvent-structured': toEventOf(HTTP.structured), 'toEvent-binary': toEventOf(HTTP.binary) },
  ratios: { 'toEvent-structured': 10, 'toEvent-binary': 10 },
};

export const codecDecodeBinary: Bench = {
  ...shared,
  name: 'codec-decode-binary',
  ours: decoding(binary.encode),
  peers: { 'toEvent-binary': toEventOf(HTTP.binary) },
  ratios: {},
};

export const codecEncode: Bench = {
  ...shared,
  name: 'codec-encode',
  ours: encoding(structured),
  peers: { 'HTTP.binary': httpBinary },
  ratios: { 'HTTP.binary': 3 },
};

export const codecEncodeBinary: Bench = {
  ...shared,
  name: 'codec-encode-binary',
  ours: encoding(binary),
  peers: { 'HTTP.binary': httpBinary },
  ratios: {},
};
