import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnLatestServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { faultRig, repeated, serverFor, unexplained } from './rig.ts';

const LEASE = 500;

describeOnLatestServer('jetstreamTransport', (binary) => {
  it.concurrent.for(clients)(
    'handles each event once when the server stands still for longer than the lease, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client, lease: LEASE });
      await rig.publish(200);
      const pipeline = rig.start();

      await rig.handled(60);
      const published = rig.publish(200);
      await server.pause();
      const atPause = rig.effects.size;
      await setTimeout(3 * LEASE);
      server.resume();
      const faultEnd = rig.record.entries.length;
      await published;
      await rig.done();

      expect(atPause).toBeLessThan(400);
      // The server took back what was out before it read that it was worked on, or settled.
      expect(unexplained(rig.record, faultEnd)).toEqual([]);
      expect(repeated(rig.record)).toBeLessThanOrEqual(4 * 64);
      expect(pipeline.ended).toBe(false);
      rig.verify({ allow: ['settledLate'] });
    },
  );

  it.concurrent('opens the pull again when the server was silent for two heartbeats', async (test) => {
    const server = await serverFor(test, { binary });
    const rig = await faultRig(test, { servers: server.url });
    rig.start({ subscribe: { heartbeat: 200 } });
    await rig.publish(20);
    await rig.done();

    await server.pause();
    await setTimeout(1_000);
    server.resume();
    const restarts = () => rig.statuses.filter(({ kind }) => kind === 'sourceRestarted').length;
    await until(() => restarts() > 0);
    await rig.publish(20);
    await rig.done();

    expect(restarts()).toBe(1);
    rig.verify();
  });
});
