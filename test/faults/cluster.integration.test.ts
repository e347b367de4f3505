import { afterAll, beforeAll, expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { type NatsCluster, startNatsCluster } from '../support/nats/nats-cluster.ts';
import { describeOnLatestServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { CONSUMER, faultRig, repeated } from './rig.ts';

/** Three replicas of everything. */
const replicated = { stream: { replicas: 3 }, lease: 3_000, keys: 4 };

/** A new leader may not know of what the old one has delivered, and gives those numbers again. */
const numberedTwice = ['settledTwice'] as const;

describeOnLatestServer('jetstreamTransport', () => {
  let cluster: NatsCluster;
  beforeAll(async () => {
    cluster = await startNatsCluster();
  });
  afterAll(() => cluster.stop());

  // One after the other, as they share the cluster.
  it.for(clients)(
    'delivers again soon after the dead leader of its consumer has a successor, at its defaults, with $name',
    { timeout: 60_000 },
    async (client, test) => {
      await cluster.restart();
      const name = `LEADER${client.version}`;
      const rig = await faultRig(test, { ...replicated, servers: cluster.urls, client, name });
      const leader = await cluster.consumerLeader(name, CONSUMER);
      const [other] = cluster.nodes.filter((node) => node !== leader);
      const pipeline = rig.start({ transport: await rig.another(other!.url) });
      const published = rig.publish(400);
      await rig.handled(150);
      await leader.kill();

      const successor = await cluster.consumerLeader(name, CONSUMER);
      const electedAt = performance.now();
      const handled = rig.effects.size;
      await rig.publish(1);
      await rig.handled(handled + 1, 20_000);
      const gap = performance.now() - electedAt;
      await published;

      expect(successor).not.toBe(leader);
      // Both clients' own consume() is silent for 43.5 s here, at its defaults.
      expect(gap).toBeLessThan(6_000);
      await rig.done();
      expect(pipeline.ended).toBe(false);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 64);
      rig.verify({ allow: numberedTwice });
    },
  );

  it.for(clients)(
    'handles each event once when the node it is connected to is killed, with $name',
    { timeout: 60_000 },
    async (client, test) => {
      await cluster.restart();
      const name = `NODE${client.version}`;
      const rig = await faultRig(test, { ...replicated, servers: cluster.urls, client, name });
      const pipeline = rig.start();
      const published = rig.publish(600);
      await rig.handled(150);

      const node = cluster.nodes.find(({ port }) => rig.connection.getServer().endsWith(`:${port}`));
      await node!.kill();
      await published;
      await rig.done(30_000);

      expect(pipeline.ended).toBe(false);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 64);
      rig.verify({ allow: numberedTwice });
    },
  );

  it.for(clients)(
    'handles each event once when its server goes into lame duck mode, with $name',
    { timeout: 60_000 },
    async (client, test) => {
      await cluster.restart();
      const name = `DUCK${client.version}`;
      const rig = await faultRig(test, { ...replicated, servers: cluster.urls, client, name });
      const pipeline = rig.start();
      const published = rig.publish(600);
      await rig.handled(150);

      const node = cluster.nodes.find(({ port }) => rig.connection.getServer().endsWith(`:${port}`));
      node!.lameDuck();
      await until(() => rig.statuses.some(({ kind }) => kind === 'lameDuck'));
      await published;
      await rig.done(30_000);

      expect(pipeline.ended).toBe(false);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 64);
      rig.verify({ allow: numberedTwice });
    },
  );
});
