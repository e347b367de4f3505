import { randomUUID } from 'node:crypto';
import { createEvent, type Event, type Receipt } from 'millrace';
import { asyncScheduler, lastValueFrom, type Observable, toArray } from 'rxjs';
import { addressing } from '../../../src/core/addressing.ts';
import { type TransportLife, transportLife } from '../../../src/core/transport-life.ts';
import { jetstreamApi } from '../../../src/transports/nats/jetstream-api.ts';
import {
  type JetStreamPublisher,
  type JetStreamPublisherOptions,
  jetstreamPublisher,
} from '../../../src/transports/nats/jetstream-publisher.ts';
import { type Wire, wireOf } from '../../../src/transports/nats/wire.ts';
import { connectNats2, type RawConnection, type RawConnectionOptions } from '../../support/nats/connect.ts';
import { type NatsServerOptions, type NatsServerProcess, testNatsServer } from '../../support/nats/nats-server.ts';
import { type TcpProxy, testTcpProxy } from '../../support/nats/proxy.ts';

/** A message as a stream has it. */
export interface Stored {
  readonly subject: string;
  readonly headers: string;
  readonly data: string;
}

/** Looks at the streams of a server. */
export interface StreamView {
  ask<T>(subject: string, body?: unknown): Promise<T>;
  /** How many messages a stream has. */
  count(stream: string): Promise<number>;
  at(stream: string, sequence: number): Promise<Stored>;
}

/** A server, a connection to it, and a publisher on that. */
export interface PublisherRig extends JetStreamPublisher, StreamView {
  readonly server: NatsServerProcess;
  readonly connection: RawConnection;
  readonly wire: Wire;
  readonly life: TransportLife;
  /** How many messages were sent on streams' subjects. */
  sent(): number;
  /** Makes a stream; its subjects are all those below its name unless `config` says otherwise. */
  stream(name: string, config?: object): Promise<unknown>;
}

/** A rig whose connection goes through a proxy; `direct` looks at the server past it. */
export interface ProxiedRig extends PublisherRig {
  readonly proxy: TcpProxy;
  readonly direct: StreamView;
}

/** Options for {@link publisherRig}. */
export interface PublisherRigOptions extends JetStreamPublisherOptions {
  readonly server?: NatsServerOptions;
  readonly connect?: (options: RawConnectionOptions) => Promise<RawConnection>;
}

/** Starts a server with a publisher for the test that runs; both end with it. */
export async function publisherRig(options: PublisherRigOptions = {}): Promise<PublisherRig> {
  const server = await testNatsServer(options.server);
  return rigOn(server, server.url, options);
}

/** Starts a server with a publisher that reaches it through a proxy. */
export async function proxiedRig(options: PublisherRigOptions = {}): Promise<ProxiedRig> {
  const server = await testNatsServer(options.server);
  const proxy = await testTcpProxy(server.port);
  const rig = await rigOn(server, proxy.url, options);
  return { ...rig, proxy, direct: viewOf(wireOf(await connectNats2(server.url))) };
}

async function rigOn(server: NatsServerProcess, url: string, options: PublisherRigOptions): Promise<PublisherRig> {
  const { connect = connectNats2 } = options;
  const connection = await connect({
    servers: url,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
    ignoreClusterUpdates: true,
  });
  const wire = wireOf(connection);
  const life = transportLife({ name: 'rig', scheduler: asyncScheduler });
  const view = viewOf(wire);
  let sent = 0;
  const counted: Wire = Object.create(wire, {
    publish: {
      value: (...args: Parameters<Wire['publish']>) => {
        if (!args[0].startsWith('$')) sent += 1;
        wire.publish(...args);
      },
    },
  });

  return {
    server,
    connection,
    wire,
    life,
    ...view,
    sent: () => sent,
    ...jetstreamPublisher(counted, addressing({ name: 'rig' }), life, options),
    stream: (name, config) => view.ask(`STREAM.CREATE.${name}`, { name, subjects: [`${name}.>`], ...config }),
  };
}

function viewOf(wire: Wire): StreamView {
  const api = jetstreamApi(wire, { timeout: 2_000 });
  const ask = <T>(subject: string, body?: unknown) => lastValueFrom(api.ask<T>(subject, body));

  return {
    ask,
    async count(stream) {
      const { state } = await ask<{ state: { messages: number } }>(`STREAM.INFO.${stream}`);
      return state.messages;
    },
    async at(stream, seq) {
      const { message } = await ask<{ message: { subject: string; hdrs?: string; data?: string } }>(
        `STREAM.MSG.GET.${stream}`,
        { seq },
      );
      const text = (base64 = '') => Buffer.from(base64, 'base64').toString();
      return { subject: message.subject, headers: text(message.hdrs), data: text(message.data) };
    },
  };
}

/** Makes an event with an id. */
export function sample(id: string = randomUUID(), data: unknown = { id }): Event {
  return createEvent({ id, source: '/rig', type: 'rig.sampled', data });
}

export function samples(count: number, prefix = 'e'): Event[] {
  return Array.from({ length: count }, (_, index) => sample(`${prefix}${index + 1}`));
}

/** Collects the receipts of a publish. */
export function receipts(published: Observable<Receipt>): Promise<Receipt[]> {
  return lastValueFrom(published.pipe(toArray()));
}

/** What a publish fails with. */
export async function failureOf(published: Observable<Receipt>): Promise<unknown> {
  try {
    await receipts(published);
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}
