import { randomUUID } from 'node:crypto';
import { createEvent, type Delivery, type Event, type Status } from 'millrace';
import { type NatsTransport, type NatsTransportOptions, natsTransport } from 'millrace/nats';
import { lastValueFrom, type Observable, toArray } from 'rxjs';
import { onTestFinished } from 'vitest';
import { clients, type NatsClient, type RawConnection, type RawConnectionOptions } from '../../support/nats/connect.ts';
import { until } from '../../support/nats/wait-for.ts';

/** A transport on a connection of its own, with everything that its status has told. */
export interface CoreRig {
  readonly connection: RawConnection;
  readonly transport: NatsTransport;
  readonly told: readonly Status[];
  /** The statuses of one kind. */
  ofKind<K extends Status['kind']>(kind: K): readonly Extract<Status, { kind: K }>[];
  /** Resolves when the server has got everything that was sent before, subscriptions too. */
  flushed(): Promise<void>;
}

/** Options for {@link coreRig}. */
export interface CoreRigOptions extends NatsTransportOptions {
  readonly client?: NatsClient;
  readonly connection?: RawConnectionOptions;
}

/** Makes a transport for the test that runs. */
export async function coreRig(servers: string, options: CoreRigOptions = {}): Promise<CoreRig> {
  const { client = clients[0] as NatsClient, connection: connectionOptions, ...rest } = options;
  const connection = await client.connect({
    servers,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
    ...connectionOptions,
  });
  const transport = natsTransport(connection, rest);
  const told: Status[] = [];
  const watching = transport.status$.subscribe((status) => told.push(status));
  onTestFinished(() => watching.unsubscribe());
  return {
    connection,
    transport,
    told,
    ofKind: <K extends Status['kind']>(kind: K) =>
      told.filter((status): status is Extract<Status, { kind: K }> => status.kind === kind),
    flushed: () => connection.flush(),
  };
}

/** Everything that came from an Observable. */
export interface Seen<T> {
  readonly values: readonly T[];
  readonly end: 'completed' | 'failed' | undefined;
  readonly error: unknown;
  close(): void;
  /** Resolves when so many values have come. */
  came(count: number): Promise<readonly T[]>;
  ended(): Promise<void>;
}

/** Subscribes until the test is over. */
export function see<T>(source: Observable<T>, react: (value: T) => void = () => undefined): Seen<T> {
  const values: T[] = [];
  let end: Seen<T>['end'];
  let error: unknown;
  const subscription = source.subscribe({
    next: (value) => {
      values.push(value);
      react(value);
    },
    error: (reason: unknown) => {
      end = 'failed';
      error = reason;
    },
    complete: () => {
      end = 'completed';
    },
  });
  onTestFinished(() => subscription.unsubscribe());

  return {
    values,
    get end() {
      return end;
    },
    get error() {
      return error;
    },
    close: () => subscription.unsubscribe(),
    async came(count) {
      const describe = () => `${count} values, not ${values.length} (${end ?? 'open'}: ${error})`;
      await until(() => values.length >= count, { interval: 2, describe });
      return values;
    },
    async ended() {
      await until(() => end !== undefined, { interval: 2, describe: 'the end' });
    },
  };
}

/** Runs an Observable to its end. */
export function all<T>(source: Observable<T>): Promise<T[]> {
  return lastValueFrom(source.pipe(toArray()));
}

/** What an Observable fails with. */
export async function failureOf(source: Observable<unknown>): Promise<unknown> {
  try {
    await all(source);
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}

export function sample(id: string = randomUUID(), data: unknown = { id }): Event {
  return createEvent({ id, source: '/rig', type: 'rig.sampled', data });
}

export function samples(count: number): Event[] {
  return Array.from({ length: count }, (_, index) => sample(String(index + 1)));
}

/** An address that no other test uses. */
export function anAddress(): string {
  return `t.${randomUUID()}`;
}

export function idsOf(items: readonly (Event | Delivery)[]): string[] {
  return items.map((item) => ('ack' in item ? (item as Delivery).event.id : (item as Event).id));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: unknown): string {
  return new TextDecoder().decode(bytes as Uint8Array);
}

/** Resolves when nobody listens at an address any more, as the server tells who asks there. */
export async function deserted(connection: RawConnection, address: string): Promise<void> {
  const answer = () => connection.request(address, new Uint8Array(0), { timeout: 200 }).then(String, String);
  await until(async () => /no ?responders|503/i.test(await answer()), { describe: `nobody at ${address}` });
}
