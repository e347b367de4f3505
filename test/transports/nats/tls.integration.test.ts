import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectNats } from '../../../src/transports/nats/connect-nats.ts';
import type { ConnectNatsOptions } from '../../../src/transports/nats/connection-options.ts';
import { AuthenticationFailedError, ConnectionFailedError } from '../../../src/transports/nats/errors.ts';
import { certificates } from '../../support/nats/certificates.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer, isAtLeast } from '../../support/nats/servers.ts';

describeOnEachServer('connectNats', (binary) => {
  const start = (config: string) => testNatsServer({ binary, config, jetstream: false });

  describe('with TLS', () => {
    it.for(['PEM', 'paths'])('trusts the given authority, as %s', async (form) => {
      const { ca, serverConfig } = certificates();
      const { url } = await start(serverConfig());

      const connection = await connected({ servers: url, tls: { ca: form === 'PEM' ? ca.cert : ca.certFile } });

      expect(connection.info?.tls_required).toBe(true);
    });

    it('is refused by nobody but itself when the authority is not trusted', async () => {
      const { stranger, serverConfig } = certificates();
      const { url } = await start(serverConfig());

      for (const tls of [undefined, true, { ca: stranger.ca.cert }]) {
        const failure = await failureOf({ servers: url, ...(tls === undefined ? {} : { tls }) });

        expect(failure).toBeInstanceOf(ConnectionFailedError);
        expect(failure).toMatchObject({ code: 'CONNECTION_FAILED', servers: [url] });
        expect(failure.message).toMatch(/verify/);
      }
    });

    it('connects to anybody when it is told not to verify', async () => {
      const { serverConfig } = certificates();
      const { url } = await start(serverConfig());

      await connected({ servers: url, tls: { rejectUnauthorized: false } });
    });

    it.for([
      ['by its address', { addresses: ['127.0.0.1'] }, '127.0.0.1'],
      ['by its name', { hosts: ['localhost'] }, 'localhost'],
    ] as const)('accepts a certificate that names the server %s', async ([, names, host]) => {
      const { ca, sign, serverConfig } = certificates();
      const { port } = await start(serverConfig({ server: sign('server', names) }));

      await connected({ servers: `nats://${host}:${port}`, tls: { ca: ca.cert } });
    });

    it.for([
      ['another name', { hosts: ['other.example'] }, 'localhost'],
      ['another address', { addresses: ['127.0.0.2'] }, '127.0.0.1'],
      ['localhost, and not the address that was dialled', { hosts: ['localhost'] }, '127.0.0.1'],
    ] as const)('refuses a certificate for %s', async ([, names, host]) => {
      const { ca, sign, serverConfig } = certificates();
      const { port } = await start(serverConfig({ server: sign('server', names) }));

      const failure = await failureOf({ servers: `nats://${host}:${port}`, tls: { ca: ca.cert } });

      expect(failure).toBeInstanceOf(ConnectionFailedError);
      expect(failure.message).toMatch(/does not match certificate/);
    });

    it('accepts a certificate for the given server name', async () => {
      const { ca, sign, serverConfig } = certificates();
      const { url } = await start(serverConfig({ server: sign('server', { hosts: ['other.example'] }) }));

      await connected({ servers: url, tls: { ca: ca.cert, serverName: 'other.example' } });
    });

    it('refuses a certificate that has expired', async () => {
      const { ca, sign, serverConfig } = certificates();
      const server = sign('server', { hosts: ['localhost'], addresses: ['127.0.0.1'], days: -1 });
      const { url } = await start(serverConfig({ server }));

      const failure = await failureOf({ servers: url, tls: { ca: ca.cert } });

      expect(failure.message).toMatch(/expired/);
    });

    it.for(['nats', 'tls'])(
      'refuses a server without TLS where TLS is demanded, by option or %s://',
      async (scheme) => {
        const { port } = await start('');
        const servers = `${scheme}://127.0.0.1:${port}`;

        const failure = await failureOf(scheme === 'tls' ? { servers } : { servers, tls: true });

        expect(failure).toBeInstanceOf(ConnectionFailedError);
        expect(failure.message).toContain('the server does not have tls');
      },
    );

    it('says so when a server demands TLS and is to be used without', async () => {
      const { serverConfig } = certificates();
      const { url } = await start(serverConfig());

      const failure = await failureOf({ servers: url, tls: false });

      expect(failure).toBeInstanceOf(ConnectionFailedError);
      expect(failure.message).toContain('the server demands TLS');
    });

    it('begins with the handshake where the server wants it', async ({ skip }) => {
      if (!isAtLeast(binary, '2.10.0')) skip('nats-server before 2.10 cannot do that');
      const { ca, serverConfig } = certificates();
      const { url } = await start(serverConfig({ more: 'handshake_first: true' }));

      await connected({ servers: url, tls: { ca: ca.cert, handshakeFirst: true } });
    });
  });

  describe("with a client's certificate", () => {
    it.for(['PEM', 'paths'])('is let in by it, as %s', async (form) => {
      const { ca, client, serverConfig } = certificates();
      const { url } = await start(serverConfig({ verify: true }));
      const files = { ca: ca.certFile, cert: client.certFile, key: client.keyFile };
      const texts = { ca: ca.cert, cert: client.cert, key: client.key };

      await connected({ servers: url, tls: form === 'PEM' ? texts : files });
    });

    it.for(['none', 'one of another authority'])('says that it is refused with %s', async (which) => {
      const { ca, stranger, serverConfig } = certificates();
      const { url } = await start(serverConfig({ verify: true }));
      const { cert, key } = stranger.client;
      const tls = which === 'none' ? { ca: ca.cert } : { ca: ca.cert, cert, key };

      const failure = await failureOf({ servers: url, tls, timeout: 400 });

      expect(failure).toBeInstanceOf(AuthenticationFailedError);
      expect(failure).toMatchObject({ code: 'AUTHENTICATION_FAILED', reason: 'certificate' });
      expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(key.slice(40, 80));
    });
  });
});

async function connected(options: ConnectNatsOptions) {
  const connection = await connectNats(options);
  onTestFinished(() => connection.close());
  return connection;
}

async function failureOf(options: ConnectNatsOptions): Promise<Error> {
  try {
    await connected(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('It is connected');
}
