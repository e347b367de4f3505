import { expect, it } from 'vitest';
import { deleteStream, ensureStream, streamInfo } from '../../../src/transports/nats/streams.ts';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { ask, failure, provisioningRig } from './provisioning-rig.ts';

describeOnEachServer('ensureStream', (binary) => {
  const rig = provisioningRig(binary);

  it.each(clients)('makes a stream over $name', async (client) => {
    const connection = await rig.connect(client);
    const name = rig.unique();

    const made = await ask(ensureStream(connection, { name, subjects: [`${name}.>`] }));

    expect(made.config).toMatchObject({ name, subjects: [`${name}.>`], storage: 'file', replicas: 1 });
    expect(await ask(streamInfo(connection, name))).toMatchObject({ config: made.config, messages: 0 });
  });

  it('tells whether there was a stream to delete', async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    await ask(ensureStream(connection, { name }));

    expect(await ask(deleteStream(connection, name))).toBe(true);
    expect(await ask(deleteStream(connection, name))).toBe(false);
    expect(await failure(streamInfo(connection, name))).toMatchObject({ name: 'StreamNotFoundError', stream: name });
  });
});
