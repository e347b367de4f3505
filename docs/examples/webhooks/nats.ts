// The broker that is a NATS server with JetStream: `npm start -- --nats nats://localhost:4222`.
import { randomUUID } from 'node:crypto';
import {
  connectNats,
  consumerInfo,
  deleteStream,
  ensureConsumer,
  ensureStream,
  jetstreamTransport,
  natsOptionsFromEnvironment,
  streamInfo,
} from 'millrace/nats';
import { combineLatest, concat, lastValueFrom, map } from 'rxjs';
import type { Broker } from './broker.ts';
import { streamsOf } from './streams.ts';

/** A connection that is lost for a moment is found again soon. Where it is not, what waits for an answer ends the run. */
const reconnect = { wait: 250 };

/**
 * Connects, and makes the streams of this run. The server may have others, and other runs at the same time; credentials
 * may stand in the environment.
 */
export async function onNats(servers: string, prefetch: number, signal: AbortSignal): Promise<Broker> {
  const connection = await connectNats({ ...natsOptionsFromEnvironment(), servers, reconnect, signal });
  const { work, dead, addressOf, provision } = streamsOf({ prefetch, run: randomUUID().slice(0, 8) });

  async function close(): Promise<void> {
    if (connection.isClosed()) return;
    try {
      await lastValueFrom(concat(deleteStream(connection, work.stream), deleteStream(connection, dead.stream)));
    } finally {
      await connection.close();
    }
  }

  try {
    const make = provision({
      stream: (config) => ensureStream(connection, config),
      consumer: (config) => ensureConsumer(connection, config),
    });
    await lastValueFrom(make);
  } catch (error) {
    await close().catch(() => connection.close()); // what could not be made need not be removed: the first error tells why
    throw error;
  }

  return {
    work,
    dead,
    server: `nats-server ${connection.info?.version}`,
    transport: jetstreamTransport(connection, { address: addressOf }),
    look: ({ stream, consumer }) =>
      combineLatest([streamInfo(connection, stream), consumerInfo(connection, stream, consumer)]).pipe(
        map(([{ messages }, { pending, unsettled, redelivering }]) => ({ messages, pending, unsettled, redelivering })),
      ),
    close,
  };
}
