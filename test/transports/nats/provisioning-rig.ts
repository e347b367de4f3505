import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';
import { afterAll, beforeAll } from 'vitest';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { answerIn, jetstreamApi } from '../../../src/transports/nats/jetstream-api.ts';
import { requestRaw } from '../../../src/transports/nats/request-raw.ts';
import { wireOf } from '../../../src/transports/nats/wire.ts';
import { clients, type NatsClient } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import type { NatsServerBinary } from '../../support/nats/servers.ts';

/** A server for the tests of a `describe`. */
export interface ProvisioningRig {
  connect(client?: NatsClient): Promise<NatsConnectionLike>;
  /** A name that no other test has. */
  unique(): string;
}

/** Starts a server for the tests of the `describe` that this is called in. */
export function provisioningRig(binary: NatsServerBinary): ProvisioningRig {
  let server: NatsServerProcess;
  let count = 0;
  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());
  return {
    connect: (client = clients[0]!) => client.connect(server.url),
    unique() {
      count += 1;
      return `T${count}`;
    },
  };
}

/** The one thing that is emitted. */
export function ask<T>(source: Observable<T>): Promise<T> {
  return firstValueFrom(source);
}

/** What a request fails with. */
export async function failure(source: Observable<unknown>): Promise<Error> {
  let emitted: unknown;
  try {
    emitted = await lastValueFrom(source, { defaultValue: undefined });
  } catch (error) {
    return error as Error;
  }
  throw new Error(`It did not fail, but emitted ${JSON.stringify(emitted)}`);
}

/** Has a text stored, and returns its sequence. */
export async function store(connection: NatsConnectionLike, address: string, text = 'x'): Promise<number> {
  const { seq } = await ask(
    requestRaw(wireOf(connection), address, new TextEncoder().encode(text), { timeout: 5_000 }, ({ data }) =>
      answerIn<{ readonly seq: number }>(data),
    ),
  );
  return seq;
}

/** Asks JetStream's API directly, as an operator's tool would. */
export function operator<T = { readonly config: Readonly<Record<string, unknown>> }>(
  connection: NatsConnectionLike,
  subject: string,
  body?: unknown,
): Promise<T> {
  return ask(jetstreamApi(wireOf(connection)).ask<T>(subject, body));
}
