import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { PublishError } from 'millrace';
import { describe, expect, it, onTestFinished } from 'vitest';
import { wireOf } from '../../../src/transports/nats/wire.ts';
import { clients } from '../../support/nats/connect.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { testTcpProxy } from '../../support/nats/proxy.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, anAddress, coreRig, idsOf, sample, samples, see } from './core-rig.ts';

describeOnEachServer('natsTransport', (binary) => {
  describe.each(clients)('on $name', (client) => {
    it('lives on when its connection is cut', async () => {
      const server = await testNatsServer({ binary });
      const proxy = await testTcpProxy(server.port);
      const { transport, flushed, told, ofKind } = await coreRig(proxy.url, { client });
      const publisher = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));
      const served = see(transport.requests({ address: `${address}.ask` }), (request) =>
        request.reply(sample('reply')),
      );
      await flushed();

      proxy.cut();
      await until(() => ofKind('connected').length === 2);
      await flushed();
      await all(publisher.transport.publish(sample('after'), { address }));

      await seen.came(1);
      expect(idsOf(seen.values)).toEqual(['after']);
      expect(idsOf(await all(publisher.transport.request(sample(), { address: `${address}.ask` })))).toEqual(['reply']);
      expect([seen.end, served.end]).toEqual([undefined, undefined]);
      expect(told.map(({ kind }) => kind).filter((kind) => kind !== 'reconnecting')).toEqual([
        'connected',
        'disconnected',
        'connected',
      ]);
    });

    it('lives on when the server is killed and started again', async () => {
      const server = await testNatsServer({ binary });
      const { transport, flushed, ofKind } = await coreRig(server.url, { client });
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));
      await flushed();

      await server.kill();
      await until(() => ofKind('reconnecting').length > 1);
      await server.restart();
      await until(() => ofKind('connected').length === 2);
      await all(transport.publish(samples(3), { address }));

      await seen.came(3);
      expect(idsOf(seen.values)).toEqual(['1', '2', '3']);
      expect(
        ofKind('reconnecting')
          .map(({ attempt }) => attempt)
          .slice(0, 2),
      ).toEqual([1, 2]);
    });

    it('keeps what is published while there is no connection, in order, until there is one', async () => {
      const server = await testNatsServer({ binary });
      const { transport, flushed, ofKind } = await coreRig(server.url, { client });
      const address = anAddress();
      const seen = see(transport.subscribe({ address, buffer: 2_000 }), (delivery) => delivery.ack());
      await flushed();

      await server.kill();
      await until(() => ofKind('disconnected').length === 1);
      const receipts = await all(transport.publish(samples(1_000), { address }));
      const flushing = see(transport.publish(sample('last'), { address, flush: true }));
      expect([receipts.length, flushing.values.length]).toEqual([1_000, 0]);
      await server.restart();

      await seen.came(1_001);
      await flushing.ended();
      expect(flushing.end).toBe('completed');
      expect(idsOf(seen.values)).toEqual([...idsOf(samples(1_000)), 'last']);
    });

    it('fails a request at once when the connection is lost while it waits', async () => {
      const server = await testNatsServer({ binary });
      const proxy = await testTcpProxy(server.port);
      const { transport, connection } = await coreRig(proxy.url, { client });
      const responder = await coreRig(server.url);
      const address = anAddress();
      const asked = see(responder.transport.requests({ address }), (request) => request.reply(sample('1')));
      await responder.flushed();
      const question = see(transport.request(sample(), { address, timeout: 600_000, many: true }));
      await question.came(1);
      await asked.came(1);

      proxy.cut();

      await question.ended();
      expect(question.error).toMatchObject({ name: 'ConnectionLostError', code: 'CONNECTION_LOST' });
      expect(wireOf(connection).inbox.size).toBe(0);
    });

    it('sends a request that is made while there is no connection when there is one', async () => {
      const server = await testNatsServer({ binary });
      const proxy = await testTcpProxy(server.port);
      const { transport, ofKind } = await coreRig(proxy.url, { client });
      const responder = await coreRig(server.url);
      const address = anAddress();
      see(responder.transport.requests({ address }), (request) => request.reply(sample('reply')));
      await responder.flushed();
      proxy.refuse();
      proxy.cut();
      await until(() => ofKind('disconnected').length === 1);

      const question = see(transport.request(sample(), { address }));
      await proxy.accept();

      await question.ended();
      expect(idsOf(question.values)).toEqual(['reply']);
    });

    it('says unknown of what the server has not confirmed when the connection is lost', async () => {
      const server = await testNatsServer({ binary });
      const proxy = await testTcpProxy(server.port);
      const { transport } = await coreRig(proxy.url, { client });
      proxy.block();
      const publish = see(transport.publish(samples(2), { address: anAddress(), flush: true }));

      proxy.cut();
      proxy.unblock();

      await publish.ended();
      expect(publish.error).toMatchObject({ name: 'PublishError' });
      expect((publish.error as PublishError).outcome).toBe('unknown');
    });

    it('fails its subscriptions when the connection is lost for good', async () => {
      const server = await testNatsServer({ binary });
      const { transport } = await coreRig(server.url, { client, connection: { maxReconnectAttempts: 1 } });
      const seen = see(transport.subscribe({ address: anAddress() }));
      const served = see(transport.requests({ address: anAddress() }));

      await server.kill();

      await seen.ended();
      await served.ended();
      expect(seen.error).toMatchObject({ name: 'ConnectionLostError', code: 'CONNECTION_LOST' });
      expect(served.error).toMatchObject({ name: 'ConnectionLostError' });
    });

    it('tells that the server is a lame duck', async () => {
      const server = await testNatsServer({ binary });
      const { ofKind } = await coreRig(server.url, { client });

      server.lameDuck();

      await until(() => ofKind('lameDuck').length > 0);
    });

    it('is cut off by the server when it does not read fast enough, tells it, and comes back', async () => {
      const server = await testNatsServer({
        binary,
        config: 'max_payload: 256KB\nmax_pending: 512KB\nwrite_deadline: "200ms"',
      });
      const proxy = await testTcpProxy(server.port);
      const { transport, flushed, ofKind } = await coreRig(proxy.url, { client });
      const publisher = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }), (delivery) => delivery.ack());
      await flushed();
      const big = sample('big', 'x'.repeat(100_000));

      proxy.block();
      await until(
        async () => {
          await all(publisher.transport.publish(Array(20).fill(big), { address, flush: true }));
          return /Slow Consumer/.test(server.log);
        },
        { interval: 1 },
      );
      proxy.unblock();

      await until(() => ofKind('disconnected').length === 1 && ofKind('connected').length === 2);
      await flushed();
      await all(publisher.transport.publish(sample('after'), { address }));
      await until(() => seen.values.at(-1)?.event.id === 'after');
      expect(seen.end).toBeUndefined();
    });
  });

  it('refuses to publish when too much waits for a connection, and still sends what waits', async () => {
    const server = await testNatsServer({ binary });
    const { transport, flushed, ofKind } = await coreRig(server.url);
    const address = anAddress();
    const seen = see(transport.subscribe({ address, buffer: 1 }), (delivery) => delivery.ack());
    await flushed();
    await server.kill();
    await until(() => ofKind('disconnected').length === 1);
    const event = sample('kept');
    await all(transport.publish(Array(65_536).fill(event), { address }));

    const refused = see(transport.publish(sample('refused'), { address }));

    expect(refused.error).toMatchObject({ outcome: 'refused', cause: { name: 'BufferOverflowError', limit: 65_536 } });
    await server.restart();
    await seen.came(65_536);
    expect(new Set(idsOf(seen.values))).toEqual(new Set(['kept']));
  });

  it('lets the responder learn from its clock that an asker has died', async () => {
    const server = await testNatsServer({ binary });
    const { transport, flushed } = await coreRig(server.url);
    const address = anAddress();
    const seen = see(transport.requests({ address }));
    await flushed();
    const asker = spawn(process.execPath, ['--input-type=module', '-e', dyingAsker(server.url, address)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    onTestFinished(() => void asker.kill('SIGKILL'));

    const [request] = await seen.came(1);
    asker.kill('SIGKILL');
    await once(asker, 'exit');

    expect(request?.signal.aborted).toBe(false);
    await until(() => request?.signal.aborted);
  });
});

/** A program that asks as millrace does, with a second to answer, and then waits. */
function dyingAsker(url: string, address: string): string {
  return `
    import { connect, headers } from 'nats';
    const connection = await connect({ servers: '${url}' });
    const terms = headers();
    terms.set('Millrace-Timeout', '1000');
    terms.set('Millrace-Replies', 'many');
    connection.publish('${address}', '${JSON.stringify(sample('1'))}', { reply: '_INBOX.dying.1', headers: terms });
    setInterval(() => {}, 1000);
  `;
}
