import { expect, it } from 'vitest';
import { consumerInfo, deleteConsumer, ensureConsumer } from '../../../src/transports/nats/consumers.ts';
import { ensureStream } from '../../../src/transports/nats/streams.ts';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { ask, failure, provisioningRig } from './provisioning-rig.ts';

describeOnEachServer('ensureConsumer', (binary) => {
  const rig = provisioningRig(binary);

  it.each(clients)('makes a consumer over $name', async (client) => {
    const connection = await rig.connect(client);
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream, subjects: [`${stream}.>`] }));

    const made = await ask(ensureConsumer(connection, { stream, name: 'C', filter: `${stream}.a.*` }));

    expect(made).toMatchObject({ stream, name: 'C', durable: true, pending: 0 });
    expect(made.config).toMatchObject({
      filter: [`${stream}.a.*`],
      from: 'all',
      ackWait: 30_000,
      maxAckPending: 1_000,
    });
    expect(await ask(consumerInfo(connection, stream, 'C'))).toMatchObject({ config: made.config });
  });

  it('tells whether there was a consumer to delete', async () => {
    const connection = await rig.connect();
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream }));
    await ask(ensureConsumer(connection, { stream, name: 'C' }));

    expect(await ask(deleteConsumer(connection, stream, 'C'))).toBe(true);
    expect(await ask(deleteConsumer(connection, stream, 'C'))).toBe(false);
    expect(await failure(consumerInfo(connection, stream, 'C'))).toMatchObject({ name: 'ConsumerNotFoundError' });
  });
});
