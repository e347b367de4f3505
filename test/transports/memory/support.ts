import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Delivery, DrainReport, Event, PublishOptions, Receipt, Status } from 'millrace';
import {
  type ConsumerConfig,
  type ConsumerInfo,
  consumerInfo,
  ensureConsumer,
  ensureStream,
  type MemoryBroker,
  type MemoryBrokerOptions,
  type MemorySubscribeOptions,
  type MemoryTransport,
  memoryBroker,
  memoryTransport,
  type StreamConfig,
  type StreamInfo,
  streamInfo,
} from 'millrace/memory';
import { type VirtualTime, virtualTime } from 'millrace/testing';
import type { Observable } from 'rxjs';
import { expect } from 'vitest';

/** What the clock shows when a test begins. */
export const START: number = Date.UTC(2026, 0, 1);

/** Everything that came from a subscription. */
export interface Inbox {
  readonly deliveries: readonly Delivery[];
  /** The ids of the events, in the order in which they came. */
  readonly ids: readonly string[];
  readonly attempts: readonly number[];
  readonly end: 'completed' | 'failed' | undefined;
  readonly error: unknown;
  /** The delivery at `index`, which must have come. */
  at(index: number): Delivery;
  close(): void;
}

/** A broker with a clock and a transport. */
export interface World {
  readonly time: VirtualTime;
  readonly broker: MemoryBroker;
  readonly transport: MemoryTransport;
}

/** A world with a stream `SHOP` on `shop.>`. */
export interface Shop extends World {
  /** Changes the stream. */
  change(config: Partial<StreamConfig>): StreamInfo;
  consumer(name: string, config?: Partial<ConsumerConfig>): ConsumerInfo;
  /** Publishes an event for each of the ids, which are separated by spaces, to `shop.orders` unless told otherwise. */
  publish(ids: string, options?: PublishOptions): readonly Receipt[];
  /** Subscribes to a consumer of the stream, or with any options, and lets what is due come. */
  open(options: string | Partial<MemorySubscribeOptions>, settle?: (delivery: Delivery) => void): Promise<Inbox>;
  info(): StreamInfo;
  consumerInfo(name: string): ConsumerInfo;
  /** The ids of the events in the stream, separated by spaces. */
  stored(): string;
}

/** Makes an event. What `attributes` has wins. */
export function sample(id: string, attributes: Readonly<Record<string, unknown>> = {}): Event {
  return { specversion: '1.0', id, source: '/test', type: 'shop.orders', ...attributes };
}

/** The last value of an Observable that ends at once. Throws its error. */
export function lastOf<T>(source: Observable<T>): T {
  const values = allOf(source);
  expect(values.length, 'the number of values').toBeGreaterThan(0);
  return values.at(-1) as T;
}

/** The values of an Observable that ends at once. Throws its error. */
export function allOf<T>(source: Observable<T>): readonly T[] {
  const values: T[] = [];
  const end = endOf(source, (value) => values.push(value));
  if (end.kind === 'failed') throw end.error;
  expect(end.kind).toBe('completed');
  return values;
}

/** The error of an Observable that fails at once. */
export function errorOf(source: Observable<unknown>): unknown {
  const end = endOf(source, () => undefined);
  expect(end.kind).toBe('failed');
  return end.error;
}

/** Runs the clock until an Observable has ended, and returns its last value. Throws its error. */
export async function resultOf<T>(time: VirtualTime, source: Observable<T>, patience = 60_000): Promise<T> {
  const values: T[] = [];
  const end = endOf(source, (value) => values.push(value));
  for (let waited = 0; end.kind === 'open' && waited <= patience; waited += 100) await time.advanceBy(100);
  if (end.kind === 'failed') throw end.error;
  expect(end.kind).toBe('completed');
  return values.at(-1) as T;
}

interface End {
  kind: 'open' | 'completed' | 'failed';
  error: unknown;
}

function endOf<T>(source: Observable<T>, next: (value: T) => void): End {
  const end: End = { kind: 'open', error: undefined };
  source.subscribe({
    next,
    error: (error: unknown) => Object.assign(end, { kind: 'failed', error }),
    complete: () => Object.assign(end, { kind: 'completed' }),
  });
  return end;
}

/** Subscribes, and collects what comes. */
export function inbox(source: Observable<Delivery>, settle?: (delivery: Delivery) => void): Inbox {
  const deliveries: Delivery[] = [];
  let end: Inbox['end'];
  let error: unknown;
  const subscription = source.subscribe({
    next(delivery) {
      deliveries.push(delivery);
      settle?.(delivery);
    },
    error(failure: unknown) {
      end = 'failed';
      error = failure;
    },
    complete() {
      end = 'completed';
    },
  });
  return {
    deliveries,
    get ids() {
      return deliveries.map(({ event }) => event.id);
    },
    get attempts() {
      return deliveries.map(({ attempt }) => attempt);
    },
    get end() {
      return end;
    },
    get error() {
      return error;
    },
    at(index) {
      const delivery = deliveries.at(index);
      if (delivery === undefined) throw new Error(`There is no delivery ${index} among ${deliveries.length}`);
      return delivery;
    },
    close: () => subscription.unsubscribe(),
  };
}

/** Settles a delivery with an ack: for the inbox of a test that is about something else. */
export function ack(delivery: Delivery): void {
  delivery.ack();
}

export function world(options: Omit<MemoryBrokerOptions, 'scheduler'> = {}): World {
  const time = virtualTime({ start: START });
  const broker = memoryBroker({ ...options, scheduler: time });
  return { time, broker, transport: memoryTransport(broker) };
}

export function shop(stream: Partial<StreamConfig> = {}, options: Omit<MemoryBrokerOptions, 'scheduler'> = {}): Shop {
  const { time, broker, transport } = world(options);
  lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'], ...stream }));
  return {
    time,
    broker,
    transport,
    change: (config) => lastOf(ensureStream(broker, { name: 'SHOP', ...config })),
    consumer: (name, config) => lastOf(ensureConsumer(broker, { stream: 'SHOP', name, ...config })),
    publish: (ids, settings) => publish(transport, ids, { address: 'shop.orders', ...settings }),
    async open(options, settle) {
      const given = typeof options === 'string' ? { consumer: options } : options;
      const inStream = 'address' in given ? given : { stream: 'SHOP', ...given };
      const opened = inbox(transport.subscribe(inStream as MemorySubscribeOptions), settle);
      await time.advanceBy(0);
      return opened;
    },
    info: () => lastOf(streamInfo(broker, 'SHOP')),
    consumerInfo: (name) => lastOf(consumerInfo(broker, 'SHOP', name)),
    stored: () => [...broker.stream('SHOP').log.from(1)].map(({ event }) => event.id).join(' '),
  };
}

/** Publishes an event for each of the ids, which are separated by spaces. */
export function publish(transport: MemoryTransport, ids: string, options: PublishOptions): readonly Receipt[] {
  return allOf(
    transport.publish(
      ids.split(' ').map((id) => sample(id)),
      options,
    ),
  );
}

/** Collects what a transport says of itself from now on. */
export function statuses(transport: MemoryTransport): readonly Status[] {
  const seen: Status[] = [];
  transport.status$.subscribe((status) => seen.push(status));
  return seen;
}

/** Whether a report accounts for every delivery. */
export function addsUp({ received, acked, naked, termed, returned, expired, abandoned }: DrainReport): boolean {
  return received === acked + naked + termed + returned + expired + abandoned;
}

/** By how many bytes the heap has grown when `work` is done and its garbage is collected. */
export function heapGrowth(work: () => void): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  const before = process.memoryUsage().heapUsed;
  work();
  collect();
  return process.memoryUsage().heapUsed - before;
}
