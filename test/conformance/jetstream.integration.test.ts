import { jetstreamTransport } from 'millrace/nats';
import { type ContractContext, type ProvisionOptions, transportContract } from 'millrace/testing';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { jetstreamApi } from '../../src/transports/nats/jetstream-api.ts';
import { wireOf } from '../../src/transports/nats/wire.ts';
import { clients, type NatsClient } from '../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../support/nats/nats-server.ts';
import { describeOnEachServer } from '../support/nats/servers.ts';

const LEASE = 500;

/** What the oldest server cannot do. */
const needs210: ReadonlySet<string> = new Set(['delivers what its consumer filters for, and nothing else']);

interface JetStreamContext extends ContractContext {
  close(): Promise<void>;
}

async function jetstreamContext(client: NatsClient, url: string, address: string): Promise<JetStreamContext> {
  const connection = await client.open(url);
  const transport = jetstreamTransport(connection);
  const api = jetstreamApi(wireOf(connection));
  const stream = `CONTRACT-${address.replaceAll('.', '-')}`;
  let consumers = 0;

  return {
    transport,
    address,
    lease: LEASE,
    advance: (duration) => new Promise((resolve) => setTimeout(resolve, duration)),
    async provision({
      lease = 3_600_000,
      maxDeliver = -1,
      maxAckPending,
      filter,
      from = 'all',
    }: ProvisionOptions = {}) {
      const name = `consumer-${++consumers}`;
      if (consumers === 1)
        await firstValueFrom(
          api.ask(`STREAM.CREATE.${stream}`, { name: stream, subjects: [`${address}.>`], storage: 'memory' }),
        );
      const start =
        typeof from === 'string'
          ? { deliver_policy: from }
          : 'sequence' in from
            ? { deliver_policy: 'by_start_sequence', opt_start_seq: from.sequence }
            : { deliver_policy: 'by_start_time', opt_start_time: new Date(from.time).toISOString() };
      await firstValueFrom(
        api.ask(`CONSUMER.DURABLE.CREATE.${stream}.${name}`, {
          stream_name: stream,
          config: {
            durable_name: name,
            ack_policy: 'explicit',
            ack_wait: lease * 1e6,
            max_deliver: maxDeliver,
            max_ack_pending: maxAckPending,
            ...(typeof filter === 'string' ? { filter_subject: filter } : filter ? { filter_subjects: filter } : {}),
            ...start,
          },
        }),
      );
      return { stream, consumer: name };
    },
    async close() {
      await lastValueFrom(transport.drain({ grace: 0 }));
      await connection.close();
    },
  };
}

describeOnEachServer('jetstreamTransport', (binary) => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  describe.each(clients)('on $name', (client) => {
    for (const [index, { name, requires = [], run }] of transportContract.entries()) {
      it.concurrent(name, async ({ skip, onTestFinished }) => {
        const context = await jetstreamContext(client, server.url, `contract.${client.version}.${index}`);
        onTestFinished(() => context.close());
        const missing = requires.find((capability) => !context.transport.capabilities[capability]);
        skip(missing !== undefined, `does not claim ${missing}`);
        skip(binary.version.startsWith('2.9') && needs210.has(name), 'needs nats-server 2.10: several filters');

        await run(context);
      });
    }
  });
});
