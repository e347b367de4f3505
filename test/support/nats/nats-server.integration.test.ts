import { expect, it } from 'vitest';
import { clients, connectNats2 } from './connect.ts';
import { startNatsServer, testNatsServer } from './nats-server.ts';
import { describeOnEachServer, describeOnLatestServer } from './servers.ts';
import { until } from './wait-for.ts';

describeOnEachServer('startNatsServer', (binary) => {
  it.each(clients)('takes connections of $name', async ({ connect }) => {
    const server = await testNatsServer({ binary });

    const connection = await connect(server.url);

    expect(connection.info).toMatchObject({ version: binary.version, port: server.port, jetstream: true });
  });

  it('keeps what JetStream has acknowledged when it is killed and started again', async () => {
    const server = await testNatsServer({ binary });
    const connection = await connectNats2({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
    const manager = await connection.jetstreamManager({ timeout: 200 });
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    await connection.jetstream().publish('kept', 'one');
    const { pid, port } = server;

    await server.kill();
    await server.restart();

    const info = await until(() => manager.streams.info('KEPT'));
    expect(info.state.messages).toBe(1);
    expect(server).toMatchObject({ running: true, port });
    expect(server.pid).not.toBe(pid);
  });

  it('answers nothing while it is paused', async () => {
    const server = await testNatsServer({ binary });
    const connection = await connectNats2(server.url);

    await server.pause();
    const answer = connection.rtt();

    await expect(Promise.race([answer, until(() => false, { deadline: 200 })])).rejects.toThrow('in vain');
    server.resume();
    await expect(answer).resolves.toBeGreaterThanOrEqual(200);
  });

  it('tells its clients when it becomes a lame duck', async () => {
    const server = await testNatsServer({ binary });
    const connection = await connectNats2(server.url);
    const seen: string[] = [];
    // The client leaves this loop waiting when it closes.
    (async () => {
      for await (const { type } of connection.status()) seen.push(type);
    })().catch(() => {});

    server.lameDuck();

    await until(() => seen.includes('ldm'), { describe: () => `ldm among ${seen}` });
  });
});

describeOnLatestServer('startNatsServer', () => {
  it('takes more configuration, also at a restart', async () => {
    const server = await testNatsServer({ config: 'authorization { token: "sesame" }' });

    await expect(connectNats2(server.url)).rejects.toThrow(/authorization/i);
    await server.restart('max_payload: 1KB');

    const connection = await connectNats2(server.url);
    expect(connection.info?.max_payload).toBe(1024);
  });

  it('shows the log of a server that does not start', async () => {
    await expect(startNatsServer({ config: 'max_payload: many' })).rejects.toThrow(/ended:\s.*server\.conf:6:1/);
  });

  it('leaves no process behind when it is stopped', async () => {
    const server = await startNatsServer();
    const { pid } = server;

    await server.stop();

    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
