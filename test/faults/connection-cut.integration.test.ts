import { Subject } from 'rxjs';
import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnEachServer, describeOnLatestServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { faultRig, proxyFor, repeated, serverFor, unexplained } from './rig.ts';

describeOnEachServer('jetstreamTransport', (binary) => {
  it.concurrent.for(clients)(
    'handles each event once when its connection is cut again and again during acks, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const proxy = await proxyFor(test, server);
      const rig = await faultRig(test, { servers: proxy.url, direct: server.url, client, lease: 1_000 });
      const published = rig.publish(600);
      const pipeline = rig.start();

      for (const mark of [50, 150, 300, 450]) {
        await rig.handled(mark);
        proxy.cut();
      }
      await until(() => rig.statuses.filter(({ kind }) => kind === 'sourceRestarted').length === 4);
      const faultEnd = rig.record.entries.length;
      await published;
      await rig.done();

      expect(unexplained(rig.record, faultEnd)).toEqual([]);
      // With each cut, what was on its way to us is lost, and what was on its way from us.
      expect(repeated(rig.record)).toBeLessThanOrEqual(4 * 2 * 64);
      expect(pipeline.ended).toBe(false);
      rig.verify();
    },
  );
});

describeOnLatestServer('jetstreamTransport', (binary) => {
  it.concurrent('has delivered again what was acked on a connection that never brought it', async (test) => {
    const server = await serverFor(test, { binary });
    const proxy = await proxyFor(test, server);
    const rig = await faultRig(test, { servers: proxy.url, direct: server.url, lease: 500 });
    const pipeline = rig.start();
    await rig.publish(10);
    await rig.done();
    proxy.delay(300);
    await rig.publish(20);
    await rig.handled(30);
    proxy.cut();
    proxy.delay(0);

    await rig.done();

    expect(pipeline.outcomes.filter(({ kind }) => kind === 'skipped')).toHaveLength(20);
    expect(repeated(rig.record)).toBe(20);
    rig.verify();
  });

  it.concurrent('keeps the acks of what was done without a connection until there is one', async (test) => {
    const server = await serverFor(test, { binary });
    const proxy = await proxyFor(test, server);
    const rig = await faultRig(test, { servers: proxy.url, direct: server.url, lease: 3_000 });
    const gate = new Subject<void>();
    rig.start({ concurrency: 64, orderBy: () => undefined, work: () => gate });
    await rig.publish(40);
    await until(() => rig.record.entries.filter(({ kind }) => kind === 'started').length === 40);

    proxy.refuse();
    proxy.cut();
    await until(() => rig.statuses.some(({ kind }) => kind === 'disconnected'));
    gate.complete();
    await rig.handled(40);
    await proxy.accept();
    await rig.done();

    expect(repeated(rig.record)).toBe(0);
    rig.verify();
  });

  it.concurrent.for(clients)(
    'has every confirmed ack at the server when the connection is cut again and again, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const proxy = await proxyFor(test, server);
      const rig = await faultRig(test, { servers: proxy.url, direct: server.url, client, lease: 1_000 });
      await rig.publish(200);
      const pipeline = rig.start({ confirm: true });

      for (const mark of [30, 80, 130]) {
        await rig.handled(mark);
        proxy.cut();
      }
      await rig.done();
      await until(() => pipeline.outcomes.filter(({ kind }) => kind === 'succeeded').length === 200);

      expect(pipeline.outcomes.filter(({ settleError }) => settleError !== undefined)).toEqual([]);
      expect(pipeline.ended).toBe(false);
      rig.verify();
    },
  );
});
