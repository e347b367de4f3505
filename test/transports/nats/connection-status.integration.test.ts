import { createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { type ConnectionStatus, connectionStatus } from '../../../src/transports/nats/connection-status.ts';
import { PermissionDeniedError } from '../../../src/transports/nats/errors.ts';
import { clients, connectNats2, connectNats3, type NatsClient } from '../../support/nats/connect.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

const reconnect = { maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 0 };

describeOnEachServer('connectionStatus', (binary) => {
  const start = (config = '') => testNatsServer({ binary, config, jetstream: false });

  describe.for(clients)('of $name', (client) => {
    it('begins with how the connection is', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect });
      expect(kindsOf(connection)).toEqual(['connected']);

      const first = watch(connection);
      await server.kill();
      await until(() => first.some(({ kind }) => kind === 'reconnecting'));

      expect(kindsOf(connection)).toEqual(['disconnected']);
      await connection.close();
      const last = watch(connection);
      await until(() => last.length > 0);
      expect(last).toEqual([{ kind: 'closed' }]);
    });

    it('tells of the end of a server and of its return', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect });
      const seen = watch(connection);

      await server.kill();
      await until(() => seen.some(({ kind }) => kind === 'reconnecting'));
      await server.restart();
      await until(() => seen.length > 2 && seen.at(-1)?.kind === 'connected');

      const kinds = seen.map(({ kind }) => kind);
      expect(kinds.filter((kind, place) => kind !== kinds[place - 1])).toEqual([
        'connected',
        'disconnected',
        'reconnecting',
        'connected',
      ]);
      expect(seen[1]).toEqual({ kind: 'disconnected', server: `127.0.0.1:${server.port}` });
      expect(seen.at(-1)).toEqual({ kind: 'connected', server: `127.0.0.1:${server.port}` });
    });

    it('tells that a silent server is taken for gone', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect, pingInterval: 20, maxPingOut: 2 });
      const seen = watch(connection);

      await server.pause();
      await until(() => seen.some(({ kind }) => kind === 'disconnected'));
      server.resume();

      await until(() => seen.at(-1)?.kind === 'connected');
      expect(seen.filter(({ kind }) => kind === 'disconnected')).toHaveLength(1);
    });

    it('tells that a server is a lame duck', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect });
      const seen = watch(connection);

      server.lameDuck();

      await until(() => seen.some(({ kind }) => kind === 'lameDuck'));
      expect(seen).toContainEqual({ kind: 'lameDuck', server: `127.0.0.1:${server.port}` });
    });

    it.for(['publish', 'subscribe'] as const)('tells that the server does not let it %s', async (operation) => {
      const config =
        'authorization { users: [{ user: u, password: p, permissions: { publish: "a", subscribe: "a" } }] }';
      const server = await start(config);
      const connection = await client.connect({ servers: server.url, user: 'u', pass: 'p', ...reconnect });
      const seen = watch(connection);

      if (operation === 'publish') connection.publish('secret.place');
      else connection.subscribe('secret.place', { callback: () => undefined });

      await until(() => seen.length > 1);
      const [, status] = seen as [unknown, { kind: string; error: PermissionDeniedError }];
      expect(status.kind).toBe('error');
      expect(status.error).toBeInstanceOf(PermissionDeniedError);
      expect(status.error).toMatchObject({ code: 'PERMISSION_DENIED', operation, address: 'secret.place' });
    });

    it('tells that the server refuses the credentials, and does not show them', async () => {
      const config = (password: string) => `authorization { users: [{ user: u, password: ${password} }] }`;
      const server = await start(config('open-sesame'));
      const options = { servers: server.url, user: 'u', pass: 'open-sesame', ...reconnect };
      const connection = await client.connect({ ...options, ignoreAuthErrorAbort: true });
      const seen = watch(connection);

      await server.restart(config('another'));
      await until(() => seen.some(({ kind }) => kind === 'error'));

      expect(seen.find(({ kind }) => kind === 'error')).toMatchObject({
        error: { name: 'AuthenticationFailedError', code: 'AUTHENTICATION_FAILED', reason: 'refused' },
      });
      expect(inspect(seen, { depth: 20, showHidden: true })).not.toContain('open-sesame');
    });

    it('tells of the close and completes', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect });
      const seen: (ConnectionStatus | 'complete')[] = [];
      connectionStatus(connection).subscribe({
        next: (status) => seen.push(status),
        complete: () => seen.push('complete'),
      });

      await connection.close();

      await until(() => seen.at(-1) === 'complete');
      expect(seen).toEqual([{ kind: 'connected' }, { kind: 'closed' }, 'complete']);
    });

    it('tells why a connection that is not tried for again was closed', async () => {
      const server = await start('authorization { token: open }');
      const connection = await client.connect({
        servers: server.url,
        token: 'open',
        maxReconnectAttempts: 2,
        reconnectTimeWait: 1,
      });
      const seen = watch(connection);

      await server.kill();

      await until(() => seen.at(-1)?.kind === 'closed');
      expect(seen.at(-1)).toHaveProperty('error');
    });

    it('listens to the client once for all, and not at all when nobody does', async () => {
      const server = await start();
      const connection = await client.connect({ servers: server.url, ...reconnect });
      const before = listenersOf(connection).length;
      const subscriptions = [1, 2, 3].map(() => connectionStatus(connection).subscribe());
      expect(listenersOf(connection)).toHaveLength(before + 1);

      for (const subscription of subscriptions) subscription.unsubscribe();

      await until(() => listenersOf(connection).length === before);
      for (let i = 0; i < 50; i++) connectionStatus(connection).subscribe().unsubscribe();
      await until(() => listenersOf(connection).length === before);
    });
  });
});

describe('connectionStatus', () => {
  // Servers of today cut the connection of a slow consumer and say nothing; the protocol has the words all the same.
  it.for(clients)('passes on that a server gives a slow consumer up, to $name', async (client) => {
    const { port, say } = await fakeServer();
    const connection = await client.connect({ servers: `127.0.0.1:${port}`, ...reconnect });
    const seen = watch(connection);

    say("-ERR 'Slow Consumer'\r\n");

    await until(() => seen.some(({ kind }) => kind === 'slowConsumer'));
    expect(seen.filter(({ kind }) => kind === 'error')).toEqual([]);
  });

  it('passes on that a subscription of @nats-io 3 is slow', async () => {
    const { port, say } = await fakeServer();
    const connection = await connectNats3(`127.0.0.1:${port}`);
    const seen = watch(connection);
    connection.subscribe('much', { slow: 2 });
    await until(() => seen.length === 1);

    say('MSG much 1 0\r\n\r\n'.repeat(5));

    await until(() => seen.length > 1);
    expect(seen[1]).toMatchObject({ kind: 'slowConsumer', address: 'much', pending: 3 });
  });

  it('passes on what else a server complains about', async () => {
    const { port, say } = await fakeServer();
    const connection = await connectNats2(`127.0.0.1:${port}`);
    const seen = watch(connection);

    say("-ERR 'Invalid Subject'\r\n");

    await until(() => seen.length > 1);
    expect(seen[1]).toMatchObject({ kind: 'error', error: { message: "'Invalid Subject'" } });
  });

  it.for<[NatsClient, string, string]>(
    clients.flatMap((client) => [
      [client, 'User Authentication Expired', 'expired'],
      [client, 'Account Authentication Expired', 'expired'],
      [client, 'User Authentication Revoked', 'revoked'],
      [client, 'Authentication Timeout', 'timeout'],
    ]),
  )('knows $0.name words for credentials that count no longer: $1', async ([client, words, reason]) => {
    const { port, say } = await fakeServer();
    const connection = await client.connect({ servers: `127.0.0.1:${port}`, ...reconnect });
    const seen = watch(connection);

    say(`-ERR '${words}'\r\n`);

    await until(() => seen.some(({ kind }) => kind === 'error'));
    expect(seen.find(({ kind }) => kind === 'error')).toMatchObject({
      error: { code: 'AUTHENTICATION_FAILED', reason },
    });
  });
});

function watch(connection: NatsConnectionLike): ConnectionStatus[] {
  const seen: ConnectionStatus[] = [];
  const subscription = connectionStatus(connection).subscribe((status) => seen.push(status));
  onTestFinished(() => subscription.unsubscribe());
  return seen;
}

/** What a subscriber is told at once. */
function kindsOf(connection: NatsConnectionLike): string[] {
  const kinds: string[] = [];
  connectionStatus(connection)
    .subscribe(({ kind }) => kinds.push(kind))
    .unsubscribe();
  return kinds;
}

/** Who listens to a client's status: it has no other way to tell. */
function listenersOf(connection: unknown): readonly unknown[] {
  const { listeners, protocol } = connection as { listeners?: unknown[]; protocol: { listeners: unknown[] } };
  return listeners ?? protocol.listeners;
}

/** Says what a real server cannot be made to say. */
async function fakeServer(): Promise<{ port: number; say(text: string): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => sockets.delete(socket)); // the client hung up
    socket.write('INFO {"server_id":"fake","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}\r\n');
    socket.on('data', (chunk) => {
      if (String(chunk).includes('PING')) socket.write('PONG\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await until(() => server.listening);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    say: (text) => [...sockets].at(-1)?.write(text),
  };
}
