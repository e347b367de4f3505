import { createServer, type Socket } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';
import { connectNats } from '../../../src/transports/nats/connect-nats.ts';
import type { ConnectNatsOptions } from '../../../src/transports/nats/connection-options.ts';
import { connectionStatus } from '../../../src/transports/nats/connection-status.ts';
import { ConnectionFailedError } from '../../../src/transports/nats/errors.ts';
import { freePorts } from '../../support/nats/free-ports.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

describeOnLatestServer('connectNats', () => {
  it('connects with the name, and to whom the environment says', async () => {
    const server = await testNatsServer({ jetstream: false, config: 'http: "127.0.0.1:-1"' });
    process.env['NATS_URL'] = server.url;
    process.env['NATS_CLIENT_ID'] = 'billing';
    onTestFinished(() => {
      delete process.env['NATS_URL'];
      delete process.env['NATS_CLIENT_ID'];
    });

    const connection = await connected();

    expect(connection.getServer()).toBe(`127.0.0.1:${server.port}`);
    const monitor = /http monitor on 127\.0\.0\.1:(\d+)/.exec(server.log)?.[1];
    const answer = await fetch(`http://127.0.0.1:${monitor}/connz`);
    const { connections } = (await answer.json()) as { connections: unknown };
    expect(connections).toMatchObject([{ name: 'billing' }]);
  });

  it('does not ask the environment when it has options', async () => {
    const server = await testNatsServer({ jetstream: false });
    process.env['NATS_TOKEN'] = 'of another server';
    onTestFinished(() => {
      delete process.env['NATS_TOKEN'];
    });

    await connected({ servers: server.url, token: 'taken by servers that ask for none' });
  });

  it('fails when nobody listens, and shows no user of a URL', async () => {
    const [port] = await freePorts(1);

    const failure = connectNats({ servers: `nats://user:s3cret@127.0.0.1:${port}` });

    await expect(failure).rejects.toBeInstanceOf(ConnectionFailedError);
    await expect(failure).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: `No connection to nats://127.0.0.1:${port}: nobody listens there`,
      servers: [`nats://127.0.0.1:${port}`],
    });
  });

  it('fails when a server says nothing in time', async () => {
    const sockets: { destroy(): void }[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await until(() => silent.listening);
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as { port: number };

    const failure = connectNats({ servers: `127.0.0.1:${port}`, timeout: 100 });

    await expect(failure).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await expect(failure).rejects.toThrow('no answer in time');
  });

  it('connects to the one server that is there', async () => {
    const server = await testNatsServer({ jetstream: false });
    const [port] = await freePorts(1);

    const connection = await connected({ servers: [`nats://127.0.0.1:${port}`, server.url] });

    expect(connection.getServer()).toBe(`127.0.0.1:${server.port}`);
  });

  it('waits for its first server on request, and tells of each try', async () => {
    const [port] = await freePorts(1);
    const failures: unknown[] = [];
    const connecting = connected({
      servers: `nats://127.0.0.1:${port}`,
      waitForFirst: true,
      reconnect: { wait: 20 },
      onFailedTry: (error) => failures.push(error),
    });

    await until(() => failures.length >= 2);
    await testNatsServer({ jetstream: false, port: port ?? 0 });

    const connection = await connecting;
    expect(connection.isClosed()).toBe(false);
    expect(failures[0]).toBeInstanceOf(ConnectionFailedError);
  });

  it('ends its wait for the first server when it is aborted', async () => {
    const [port] = await freePorts(1);
    const controller = new AbortController();
    const failures: unknown[] = [];
    const connecting = connectNats({
      servers: `nats://127.0.0.1:${port}`,
      waitForFirst: true,
      reconnect: { wait: 5 },
      onFailedTry: (error) => failures.push(error),
      signal: controller.signal,
    });
    const outcome = expect(connecting).rejects.toThrow('enough');

    await until(() => failures.length >= 1);
    controller.abort(new Error('enough'));
    await outcome;

    const tries = failures.length;
    await testNatsServer({ jetstream: false, port: port ?? 0 });
    expect(failures).toHaveLength(tries);
  });

  it('closes the connection that comes after it was aborted', async () => {
    const sockets: Socket[] = [];
    let hungUp = false;
    const slow = createServer((socket) => {
      sockets.push(socket);
      socket.on('data', () => socket.write('PONG\r\n'));
      socket.on('close', () => {
        hungUp = true;
      });
    }).listen(0, '127.0.0.1');
    await until(() => slow.listening);
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      slow.close();
    });
    const { port } = slow.address() as { port: number };
    const controller = new AbortController();
    const connecting = connectNats({ servers: `127.0.0.1:${port}`, signal: controller.signal });
    await until(() => sockets.length === 1);

    controller.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
    sockets[0]?.write('INFO {"server_id":"slow","version":"2.10.0","proto":1,"max_payload":1024}\r\n');

    await until(() => hungUp);
  });

  it('does not begin when it was aborted before', async () => {
    await expect(connectNats({ signal: AbortSignal.abort(new Error('never mind')) })).rejects.toThrow('never mind');
  });

  it('comes back after its server was away for more tries than the client makes by default', async () => {
    const server = await testNatsServer({ jetstream: false });
    const connection = await connected({ servers: server.url, reconnect: { wait: 1, jitter: 0 } });
    let tries = 0;
    const subscription = connectionStatus(connection).subscribe(({ kind }) => {
      if (kind === 'reconnecting') tries += 1;
    });
    onTestFinished(() => subscription.unsubscribe());

    await server.kill();
    await until(() => tries > 20);
    await server.restart();

    await until(async () => (await firstValueFrom(connectionStatus(connection))).kind === 'connected');
  });

  it('closes the connection after the given number of tries', async () => {
    const server = await testNatsServer({ jetstream: false });
    const connection = await connected({ servers: server.url, reconnect: { attempts: 2, wait: 1, jitter: 0 } });

    await server.kill();

    await until(() => connection.isClosed());
  });

  it('closes the connection when it is lost and is not to be tried for again', async () => {
    const server = await testNatsServer({ jetstream: false });
    const connection = await connected({ servers: server.url, reconnect: false });

    await server.kill();

    await until(() => connection.isClosed());
  });

  it('does not hear itself when it is told so', async () => {
    const server = await testNatsServer({ jetstream: false });
    const heard: string[] = [];
    for (const echo of [false, true]) {
      const connection = await connected({ servers: server.url, echo, inboxPrefix: '_MINE' });
      connection.subscribe('x', { callback: () => heard.push(String(echo)) });
      connection.publish('x');
      await connection.flush();
      await connection.close();
    }

    expect(heard).toEqual(['true']);
  });
});

async function connected(options?: ConnectNatsOptions) {
  const connection = await connectNats(options);
  onTestFinished(() => connection.close());
  return connection;
}
