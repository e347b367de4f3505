import { AckPolicy } from 'nats';
import { expect, it } from 'vitest';
import { connectNats2 } from './connect.ts';
import { startNatsCluster, testNatsCluster } from './nats-cluster.ts';
import { describeOnEachServer, describeOnLatestServer } from './servers.ts';
import { until } from './wait-for.ts';

const patient = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };

describeOnEachServer('startNatsCluster', (binary) => {
  it('makes a cluster with a leader for each stream of three replicas', async () => {
    const cluster = await testNatsCluster({ binary });
    const connection = await connectNats2({ ...patient, servers: [...cluster.urls] });
    const manager = await connection.jetstreamManager();

    await manager.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });

    expect(cluster.nodes).toContain(await cluster.streamLeader('ORDERS'));
    await cluster.replicated('ORDERS');
  });
});

describeOnLatestServer('startNatsCluster', () => {
  it('elects another leader when the one of a stream is killed, and loses nothing', async () => {
    const cluster = await testNatsCluster();
    const connection = await connectNats2({ ...patient, servers: [...cluster.urls] });
    const manager = await connection.jetstreamManager({ timeout: 1_000 });
    await manager.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 });
    await manager.consumers.add('ORDERS', { durable_name: 'billing', ack_policy: AckPolicy.Explicit });
    await connection.jetstream().publish('orders', 'one');
    const first = await cluster.streamLeader('ORDERS');

    await first.kill();
    const second = await cluster.streamLeader('ORDERS');

    expect(second.name).not.toBe(first.name);
    const { state } = await until(() => manager.streams.info('ORDERS'));
    expect(state.messages).toBe(1);
    expect(cluster.nodes).toContain(await cluster.consumerLeader('ORDERS', 'billing'));
    await cluster.restart();
    await cluster.replicated('ORDERS');
  });

  it('leaves no process behind when it is stopped', async () => {
    const cluster = await startNatsCluster();

    await cluster.stop();

    expect(cluster.nodes.map(({ running }) => running)).toEqual([false, false, false]);
  });
});
