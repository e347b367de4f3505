import {
  type ConsumeOptions,
  consume,
  createEvent,
  type Delivery,
  type Event,
  type MemoryDedupeStore,
  memoryDedupeStore,
  type Outcome,
  type Receipt,
  type Status,
} from 'millrace';
import {
  type ConsumerConfig,
  consumerInfo,
  ensureConsumer,
  ensureStream,
  type JetStreamSubscribeOptions,
  type JetStreamTransport,
  jetstreamTransport,
  type StreamConfig,
} from 'millrace/nats';
import { type Anomalies, formatHistory, type History, type HistoryReport, history } from 'millrace/testing';
import { firstValueFrom, lastValueFrom, type Observable, Subscription, tap, timer, toArray } from 'rxjs';
import { expect, type TestContext } from 'vitest';
import { clients, type NatsClient, type RawConnection } from '../support/nats/connect.ts';
import { type NatsServerOptions, type NatsServerProcess, startNatsServer } from '../support/nats/nats-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/nats/proxy.ts';
import { until } from '../support/nats/wait-for.ts';

export const STREAM = 'SHOP';
export const CONSUMER = 'billing';

/** Options for {@link faultRig}. */
export interface FaultRigOptions {
  /** Where the pipeline connects. */
  readonly servers: string | readonly string[];
  /** Where the publisher connects, and who looks. @defaultValue as the pipeline */
  readonly direct?: string | readonly string[];
  readonly client?: NatsClient | undefined;
  /** The stream's, where a server has several. @defaultValue SHOP */
  readonly name?: string;
  /** @defaultValue 2,000 */
  readonly lease?: number;
  readonly stream?: Partial<StreamConfig>;
  readonly consumer?: Partial<ConsumerConfig>;
  /** How many keys the events have in turn. @defaultValue 8 */
  readonly keys?: number;
}

/** A pipeline that runs. */
export interface Pipeline {
  readonly outcomes: readonly Outcome[];
  /** What the pipeline failed with. */
  readonly error: unknown;
  readonly ended: boolean;
  stop(): void;
}

/** Options for {@link FaultRig.start}. */
export interface StartOptions extends ConsumeOptions {
  readonly transport?: JetStreamTransport;
  readonly subscribe?: Partial<JetStreamSubscribeOptions>;
  /** What is done for each event. @defaultValue waits for some milliseconds */
  readonly work?: (delivery: Delivery) => Observable<unknown>;
}

/** A stream of orders, a consumer, and a record of all that happens to them. */
export interface FaultRig {
  readonly record: History;
  readonly connection: RawConnection;
  readonly transport: JetStreamTransport;
  /** What the transport has told. */
  readonly statuses: readonly Status[];
  /** A connection past what is broken. */
  readonly direct: RawConnection;
  /** Which events were handled successfully, and how often. */
  readonly effects: ReadonlyMap<string, number>;
  readonly store: MemoryDedupeStore;
  /** Makes a further transport, on a connection of its own. */
  another(servers?: string): Promise<JetStreamTransport>;
  provision(): Promise<void>;
  /** Publishes so many more events; resolves when each has its receipt. */
  publish(count: number): Promise<Receipt[]>;
  /** Runs the whole pipeline, with its lanes by subject, until the test is over. */
  start(options?: StartOptions): Pipeline;
  /** Resolves when so many different events were handled. */
  handled(count: number, deadline?: number): Promise<void>;
  /** Resolves when everything published was handled, and the server has every ack. */
  done(deadline?: number): Promise<void>;
  /** Fails where the history shows what must not happen. */
  verify(options?: { readonly allow?: readonly (keyof Anomalies)[] }): HistoryReport;
}

/** Starts a server for a test that runs beside others. */
export async function serverFor(test: TestContext, options: NatsServerOptions = {}): Promise<NatsServerProcess> {
  const server = await startNatsServer(options);
  test.onTestFinished(() => server.stop());
  test.onTestFailed(() => {
    process.stderr.write(`${test.task.name}: the server said last:\n${server.log.split('\n').slice(-30).join('\n')}\n`);
  });
  return server;
}

/** Starts a proxy for a test that runs beside others. */
export async function proxyFor(test: TestContext, server: NatsServerProcess): Promise<TcpProxy> {
  const proxy = await startTcpProxy(server.port);
  test.onTestFinished(() => proxy.close());
  return proxy;
}

/** Connects a transport and a publisher, and makes the stream and the consumer. */
export async function faultRig(test: TestContext, options: FaultRigOptions): Promise<FaultRig> {
  const { servers, direct: past = servers, client = clients[0] as NatsClient, keys = 8, lease = 2_000 } = options;
  const { name: stream = STREAM } = options;
  const address = `${stream}.orders`;
  const connection = await open(servers);
  const direct = await open(past);
  const record = history();
  const effects = new Map<string, number>();
  const store = memoryDedupeStore();
  const statuses: Status[] = [];
  const pipelines = new Subscription();
  test.onTestFinished(() => pipelines.unsubscribe());
  let published = 0;

  async function open(urls: string | readonly string[]): Promise<RawConnection> {
    const opened = await client.open({
      servers: [urls].flat(),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      ignoreClusterUpdates: true,
    });
    test.onTestFinished(async () => {
      if (!opened.isClosed()) await opened.close();
    });
    return opened;
  }

  function transportOn(on: RawConnection): JetStreamTransport {
    const made = jetstreamTransport(on, { name: 'faults' });
    pipelines.add(made.status$.subscribe((status) => statuses.push(status)));
    return made;
  }

  const transport = transportOn(connection);
  const publisher = record.publisher(jetstreamTransport(direct, { name: 'faults' }));

  async function provision(): Promise<void> {
    await firstValueFrom(ensureStream(direct, { name: stream, subjects: [`${stream}.>`], ...options.stream }));
    await firstValueFrom(ensureConsumer(direct, { stream, name: CONSUMER, ackWait: lease, ...options.consumer }));
  }

  // A cluster that has just got a node back may refuse for a moment.
  await until(() => provision().then(() => true));

  const rig: FaultRig = {
    record,
    connection,
    transport,
    statuses,
    direct,
    effects,
    store,
    another: async (urls) => transportOn(await open(urls ?? past)),
    provision,

    publish(count) {
      const events = Array.from({ length: count }, () => order(published++, keys));
      return lastValueFrom(publisher.publish(events, { address }).pipe(toArray()));
    },

    start({ transport: on = transport, subscribe = {}, work = shortWork, ...consuming } = {}) {
      const outcomes: Outcome[] = [];
      const state = { error: undefined as unknown, ended: false };
      const handler = record.handler((delivery: Delivery) => {
        const { id } = delivery.event;
        return work(delivery).pipe(tap({ complete: () => effects.set(id, (effects.get(id) ?? 0) + 1) }));
      });
      const running = on
        .subscribe({ stream, consumer: CONSUMER, prefetch: 64, ...subscribe })
        .pipe(
          record.deliveries(),
          consume(handler, { dedupe: { store, busyDelay: 200 }, orderBy: subjectOf, ...consuming }),
          record.outcomes(),
        )
        .subscribe({
          next: (outcome) => outcomes.push(outcome),
          error(error: unknown) {
            state.error = error;
            state.ended = true;
          },
          complete() {
            state.ended = true;
          },
        });
      pipelines.add(running);
      return {
        outcomes,
        get error() {
          return state.error;
        },
        get ended() {
          return state.ended;
        },
        stop: () => running.unsubscribe(),
      };
    },

    async handled(count, deadline = 15_000) {
      await until(() => effects.size >= count, {
        deadline,
        interval: 2,
        describe: () => `${count} handled, of which ${effects.size} are`,
      });
    },

    async done(deadline = 20_000) {
      await rig.handled(published, deadline);
      let last = '';
      await until(
        async () => {
          const info = await firstValueFrom(consumerInfo(direct, stream, CONSUMER));
          last = JSON.stringify(info);
          return info.pending === 0 && info.unsettled === 0;
        },
        { deadline, describe: () => `a consumer with nothing left: ${last}` },
      );
    },

    verify({ allow = [] } = {}) {
      const report = record.check({ orderBy: subjectOf, allow });
      expect(report.ok, formatHistory(report)).toBe(true);
      expect(report.handled).toBe(published);
      expect([...effects.values()].filter((times) => times > 1)).toEqual([]);
      expect(settledTwice(record)).toEqual([]);
      return report;
    },
  };
  return rig;
}

/** The ids of events that were received again although they had come only after the fault was over. */
export function unexplained({ entries }: History, faultEnd: number): string[] {
  const received = entries.filter(({ kind }) => kind === 'received').map(({ event }) => event.id);
  const before = new Set(
    entries
      .slice(0, faultEnd)
      .filter(({ kind }) => kind === 'received')
      .map(({ event }) => event.id),
  );
  return received.filter((id, index) => !before.has(id) && received.indexOf(id) !== index);
}

/**
 * The events of deliveries of which two settlements were taken. A server that was killed gives the numbers by which the
 * checker tells deliveries apart once more, and so there it is to be allowed what this looks for.
 */
function settledTwice({ entries }: History): string[] {
  const taken = entries.filter((entry) => entry.kind === 'settled' && entry.accepted);
  const seen = new Set<unknown>();
  return taken.flatMap((entry) => {
    if (entry.kind !== 'settled') return [];
    if (seen.has(entry.delivery)) return entry.event.id;
    seen.add(entry.delivery);
    return [];
  });
}

/** How many deliveries there were of events that had been delivered before. */
export function repeated({ entries }: History): number {
  const received = entries.filter(({ kind }) => kind === 'received').map(({ event }) => event.id);
  return received.length - new Set(received).size;
}

function subjectOf({ event }: Pick<Delivery, 'event'>): unknown {
  return event.subject;
}

function order(index: number, keys: number): Event {
  return createEvent({
    id: `order-${index}`,
    source: '/shop',
    type: 'shop.order.placed',
    subject: `customer-${index % keys}`,
    data: { index },
  });
}

/** Unequal, so that what keeps its order does so for a reason. */
function shortWork({ event }: Delivery): Observable<unknown> {
  return timer((event.data as { readonly index: number }).index % 7);
}
