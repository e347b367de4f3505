import { afterAll, beforeAll, expect, it } from 'vitest';
import { wireOf } from '../../../src/transports/nats/wire.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, anAddress, bytesOf, coreRig, failureOf, idsOf, sample } from './core-rig.ts';

describeOnLatestServer('late replies', () => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server.stop());

  it('of raw responders are counted: a second one to a request for one, and one after the timeout', async () => {
    const { transport, connection, ofKind } = await coreRig(server.url);
    const [address, silent] = [anAddress(), anAddress()];
    const inboxes: string[] = [];
    const reply = bytesOf(JSON.stringify(sample('reply')));
    connection.subscribe(address, {
      callback: (_: unknown, { reply: inbox }: { readonly reply: string }) => {
        for (const data of [reply, reply, reply, new Uint8Array(0)]) connection.publish(inbox, data);
      },
    } as object);
    connection.subscribe(silent, {
      callback: (_: unknown, request: { readonly reply: string }) => inboxes.push(request.reply),
    } as object);
    await connection.flush();

    expect(idsOf(await all(transport.request(sample(), { address })))).toEqual(['reply']);
    await until(() => ofKind('dropped').length === 2);
    await failureOf(transport.request(sample(), { address: silent, timeout: 50 }));
    connection.publish(inboxes[0] as string, reply);
    await until(() => ofKind('dropped').length === 3);

    const reason = 'a reply that nobody waits for any more';
    expect(ofKind('dropped')).toEqual([
      { kind: 'dropped', address, reason, total: 1 },
      { kind: 'dropped', address, reason, total: 2 },
      { kind: 'dropped', address: silent, reason, total: 3 },
    ]);
  });

  it('to others on the connection are left to them', async () => {
    const { transport, connection, ofKind, flushed } = await coreRig(server.url);
    const { inbox } = wireOf(connection);
    await failureOf(transport.request(sample(), { address: anAddress() }));
    const nobody = { receive: () => undefined, timedOut: () => undefined, disconnected: () => undefined };
    const entry = inbox.open(nobody);
    await flushed();
    entry.close();

    for (const address of [entry.address, `${inbox.prefix}no-token`]) connection.publish(address, bytesOf('{}'));
    await flushed();
    await flushed();

    expect(ofKind('dropped')).toEqual([]);
  });
});
