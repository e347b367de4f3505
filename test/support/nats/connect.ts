import {
  type NodeConnectionOptions as ConnectionOptions3,
  connect as connect3,
  type NatsConnection as NatsConnection3,
} from '@nats-io/transport-node';
import {
  type ConnectionOptions as ConnectionOptions2,
  connect as connect2,
  type NatsConnection as NatsConnection2,
} from 'nats';
import { onTestFinished } from 'vitest';

/** A connection of either client. */
export type RawConnection = NatsConnection2 | NatsConnection3;

/** Options that both clients understand. */
export type RawConnectionOptions = ConnectionOptions2 & ConnectionOptions3;

/** One of the two clients that a transport stands on. */
export interface NatsClient {
  readonly name: 'nats 2' | '@nats-io 3';
  readonly version: 2 | 3;
  /** Connects, and closes the connection when the test that runs is over. */
  connect(options: string | RawConnectionOptions): Promise<RawConnection>;
  /** Connects, for a test that runs beside others and closes what it opens by itself. */
  open(options: string | RawConnectionOptions): Promise<RawConnection>;
}

export const clients: readonly NatsClient[] = [
  { name: 'nats 2', version: 2, connect: connectNats2, open: (options) => connect2(asOptions(options)) },
  { name: '@nats-io 3', version: 3, connect: connectNats3, open: (options) => connect3(asOptions(options)) },
];

/** Connects with `nats` 2, until the test is over. */
export async function connectNats2(options: string | RawConnectionOptions): Promise<NatsConnection2> {
  const connection = await connect2(asOptions(options));
  onTestFinished(() => close(connection));
  return connection;
}

/** Connects with `@nats-io/transport-node` 3, until the test is over. */
export async function connectNats3(options: string | RawConnectionOptions): Promise<NatsConnection3> {
  const connection = await connect3(asOptions(options));
  onTestFinished(() => close(connection));
  return connection;
}

function asOptions(options: string | RawConnectionOptions): RawConnectionOptions {
  return typeof options === 'string' ? { servers: options } : options;
}

/** A test may have closed it already, or left its server dead. */
async function close(connection: RawConnection): Promise<void> {
  if (!connection.isClosed()) await connection.close();
}
