import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { connectNats2 } from './connect.ts';
import { testNatsServer } from './nats-server.ts';
import { startTcpProxy, testTcpProxy } from './proxy.ts';
import { describeOnLatestServer } from './servers.ts';
import { until } from './wait-for.ts';

const patient = { maxReconnectAttempts: -1, reconnectTimeWait: 20 };

describeOnLatestServer('startTcpProxy', () => {
  it('cuts connections, and lets the client come back', async () => {
    const server = await testNatsServer();
    const proxy = await testTcpProxy(server.port);
    const connection = await connectNats2({ ...patient, servers: proxy.url });

    const seen: string[] = [];
    // The client leaves this loop waiting when it closes.
    (async () => {
      for await (const { type } of connection.status()) seen.push(type);
    })().catch(() => {});

    proxy.cut();

    await until(() => seen.includes('reconnect'), { describe: () => `reconnect among ${seen}` });
    await until(() => connection.rtt().then(() => true));
  });

  it('refuses connections until it accepts them again', async () => {
    const server = await testNatsServer();
    const proxy = await testTcpProxy(server.port);
    proxy.refuse();

    await expect(connectNats2({ servers: proxy.url, reconnect: false })).rejects.toThrow('CONNECTION_REFUSED');
    await proxy.accept();

    await connectNats2(proxy.url);
  });

  it('holds what is sent while it blocks, and loses none of it', async () => {
    const server = await testNatsServer();
    const proxy = await testTcpProxy(server.port);
    const connection = await connectNats2(proxy.url);
    const direct = await connectNats2(server.url);
    const seen: string[] = [];
    direct.subscribe('held', { callback: (_, message) => void seen.push(message.string()) });
    await direct.flush();

    proxy.block();
    for (const text of ['one', 'two', 'three']) connection.publish('held', text);
    await expect(Promise.race([connection.flush(), until(() => false, { deadline: 100 })])).rejects.toThrow('in vain');
    await direct.flush();
    expect(seen).toEqual([]);
    proxy.unblock();

    await until(() => seen.length === 3);
    expect(seen).toEqual(['one', 'two', 'three']);
  });

  it('delays what is sent, each way, and passes it on before the end', async () => {
    const server = await testNatsServer();
    const proxy = await testTcpProxy(server.port);
    const connection = await connectNats2(proxy.url);
    const direct = await connectNats2(server.url);
    const seen: string[] = [];
    direct.subscribe('late', { callback: (_, message) => void seen.push(message.string()) });
    await direct.flush();

    proxy.delay(50);
    expect(await connection.rtt()).toBeGreaterThanOrEqual(99);
    connect(proxy.port, '127.0.0.1').resume().end('CONNECT {"verbose":false}\r\nPUB late 10\r\nlast words\r\n');

    await until(() => seen.includes('last words'));
    await until(() => proxy.connections === 1);
  });

  it('leaves nothing open when it is closed', async () => {
    const server = await testNatsServer();
    const proxy = await startTcpProxy(server.port);
    await connectNats2({ servers: proxy.url, reconnect: false });

    proxy.close();

    await until(() => proxy.connections === 0);
    await expect(connectNats2({ servers: proxy.url, reconnect: false })).rejects.toThrow('CONNECTION_REFUSED');
  });
});
