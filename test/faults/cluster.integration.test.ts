import { afterAll, beforeAll, expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { type NatsCluster, startNatsCluster } from '../support/nats/nats-cluster.ts';
import { describeOnLatestServer } from '../support/nats/servers.ts';
import { CONSUMER, faultRig, repeated } from './rig.ts';

/** Three replicas of everything. */
const replicated = { stream: { replicas: 3 }, lease: 3_000, keys: 4 };

/**
 * A new leader may not know of what the old one has delivered last, and gives those numbers again. What the old one had
 * sent to nobody any more comes after its lease, and so after newer events, which JetStream lets out meanwhile.
 */
const leaderChanged = ['settledTwice', 'orderViolations'] as const;

/** One event out at a time leaves nothing that newer ones could overtake. */
const oneAtATime = { consumer: { maxAckPending: 1 }, lease: 3_000, keys: 1, stream: { replicas: 3 } };

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
      const more = rig.publish(1);
      await rig.handled(handled + 1, 20_000);
      const gap = performance.now() - electedAt;
      await published;
      await more;

      expect(successor).not.toBe(leader);
      // Both clients' own consume() is silent for 43.5 s here, at its defaults.
      expect(gap).toBeLessThan(6_000);
      await rig.done();
      expect(pipeline.ended).toBe(false);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 64);
      rig.verify({ allow: leaderChanged });
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
      rig.verify({ allow: leaderChanged });
    },
  );

  it.for(clients)(
    'keeps the order, with one event out at a time, when the leader of its consumer is killed, with $name',
    { timeout: 60_000 },
    async (client, test) => {
      await cluster.restart();
      const name = `STRICT${client.version}`;
      const rig = await faultRig(test, { ...oneAtATime, servers: cluster.urls, client, name });
      const leader = await cluster.consumerLeader(name, CONSUMER);
      const [other] = cluster.nodes.filter((node) => node !== leader);
      const pipeline = rig.start({ transport: await rig.another(other!.url) });
      const published = rig.publish(100);
      await rig.handled(30);
      await leader.kill();
      await published;
      await rig.done(30_000);

      expect(pipeline.ended).toBe(false);
      rig.verify({ allow: ['settledTwice'] });
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
      await rig.publish(600);
      await rig.handled(150);

      const node = cluster.nodes.find(({ port }) => rig.connection.getServer().endsWith(`:${port}`));
      node!.lameDuck(); // its leaders step down at once, and its clients are sent away some time later
      const moved = () => rig.statuses.some(({ kind }) => kind === 'disconnected');
      for (let published = 600; !moved(); published += 50) {
        await rig.publish(50);
        await rig.handled(published - 50, 20_000);
      }
      await rig.publish(100);
      await rig.done(30_000);
      expect(rig.statuses.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['lameDuck', 'sourceRestarted']));

      expect(pipeline.ended).toBe(false);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 64);
      rig.verify({ allow: leaderChanged });
    },
  );
});
