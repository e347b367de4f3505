import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';
import { afterAll, beforeAll } from 'vitest';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { clients, type NatsClient } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import type { NatsServerBinary } from '../../support/nats/servers.ts';

/** A server for all tests of a `describe`, and ways to provision it. Names are unique to a test. */
export interface ProvisioningRig {
  readonly url: string;
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
    get url() {
      return server.url;
    },
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

/** What a request ends with. */
export async function failure(source: Observable<unknown>): Promise<Error> {
  try {
    await lastValueFrom(source, { defaultValue: undefined });
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail');
}
