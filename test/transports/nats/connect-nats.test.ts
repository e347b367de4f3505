import { inspect } from 'node:util';
import { nkeys } from 'nats';
import { describe, expect, it } from 'vitest';
import { clientPlan } from '../../../src/transports/nats/client-plan.ts';
import { connectNats } from '../../../src/transports/nats/connect-nats.ts';
import type { ConnectNatsOptions } from '../../../src/transports/nats/connection-options.ts';
import { makeOperator } from '../../support/nats/jwts.ts';
import { makeCertificate } from '../../support/nats/make-certificate.ts';

const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
const user = makeOperator().user();

describe('connectNats', () => {
  it.for<[ConnectNatsOptions, string]>([
    [{ token: 't', user: 'u', password: 'p' }, "'token' and 'user' exclude each other"],
    [{ creds: user.creds, nkeySeed: seed }, "'nkeySeed' and 'creds' exclude each other"],
    [{ creds: user.creds, jwt: user.jwt }, "'jwt' and 'creds' exclude each other"],
    [{ token: 't', nkeySeed: seed }, "'token' and 'nkeySeed' exclude each other"],
    [{ servers: 'nats://u:p@host', token: 't' }, "'token' and 'the user in servers' exclude each other"],
    [{ user: 'u' }, "'user' needs 'password'"],
    [{ password: 'p' }, "'password' needs 'user'"],
    [{ token: '' }, "'token' must not be empty"],
    [{ tls: { cert: 'c' } }, "'tls.cert' needs 'tls.key'"],
    [{ tls: { key: 'k' } }, "'tls.key' needs 'tls.cert'"],
    [{ tls: false, servers: 'tls://host' }, "'tls' is false, and a server's URL begins with tls://"],
    [{ servers: ['nats://a:b@host', 'nats://c:d@host'] }, "'servers' name different users"],
    [{ servers: [] }, "'servers' must name one server at least"],
    [{ servers: ['nats://host', 'wss://host'] }, 'number 2 is none'],
    [{ servers: 'nats://host:port' }, 'number 1 is none'],
    [{ servers: '' }, 'number 1 is none'],
  ])('refuses contradictory or malformed options: %o', async ([options, message]) => {
    const refusal = await errorOf(options);

    expect(refusal).toBeInstanceOf(TypeError);
    expect(refusal.message).toContain(message);
  });

  it.for<[ConnectNatsOptions, string]>([
    [{ timeout: 0 }, "'timeout'"],
    [{ pingInterval: -1 }, "'pingInterval'"],
    [{ maxPingOut: 0.5 }, "'maxPingOut'"],
    [{ reconnect: { attempts: 0 } }, "'reconnect.attempts'"],
    [{ reconnect: { wait: -1 } }, "'reconnect.wait'"],
    [{ reconnect: { jitter: Number.NaN } }, "'reconnect.jitter'"],
  ])('refuses numbers out of range: %o', async ([options, message]) => {
    const refusal = await errorOf(options);

    expect(refusal).toBeInstanceOf(RangeError);
    expect(refusal.message).toContain(message);
  });

  it.for<[string, ConnectNatsOptions]>([
    ['a seed with a wrong letter', { nkeySeed: `${seed.slice(0, 20)}A7A${seed.slice(23)}` }],
    ['half a seed', { nkeySeed: seed.slice(0, 30) }],
    ['a JWT that is none', { jwt: `${user.jwt}.x.y`, nkeySeed: seed }],
    ['creds without a seed', { creds: `-----BEGIN NATS USER JWT-----\n${user.jwt}\n------END NATS USER JWT------` }],
    ['a seed as creds', { creds: seed }],
    ['a password in a malformed URL', { servers: `nats://user:${seed}@ho st:4222` }],
    ['a key that is no PEM', { tls: { cert: seed, key: seed } }],
  ])('does not repeat %s in its refusal', async ([, options]) => {
    const refusal = await errorOf(options);

    expect(refusal).toBeInstanceOf(TypeError);
    const shown = inspect(refusal, { depth: 10, showHidden: true }) + JSON.stringify(refusal);
    expect(shown).not.toContain(seed.slice(3, 20));
    expect(shown).not.toContain(user.jwt.slice(10, 60));
  });

  it('keeps credentials out of the options of the connection', () => {
    const { key, cert } = makeCertificate({ name: 'client' });
    const ways: ConnectNatsOptions[] = [
      { user: 'u', password: 's3cret' },
      { token: 's3cret' },
      { servers: 'nats://u:s3cret@host' },
      { nkeySeed: seed },
      { creds: user.creds },
      { tls: { cert, key } },
    ];

    for (const way of ways) {
      const shown = inspect(clientPlan(way), { depth: 10 }) + JSON.stringify(clientPlan(way));

      for (const secret of ['s3cret', seed, user.seed, key.slice(40, 80)]) expect(shown).not.toContain(secret);
    }
  });

  it('reads the user or token of a URL, percent-decoded', () => {
    expect(shownBy({ servers: 'nats://u:p%40ss@host:4333' })).toEqual({ user: 'u', pass: 'p@ss' });
    expect(shownBy({ servers: 'nats://t0k%2Fen@host' })).toEqual({ auth_token: 't0k/en' });
    expect(clientPlan({ servers: 'nats://u:p@host:4333' }).urls).toEqual(['nats://host:4333']);
  });

  it('reads several servers, and takes them for nats:// without a scheme', () => {
    expect(clientPlan({ servers: 'a, nats://b:4333 ,tls://[::1]' }).urls).toEqual([
      'nats://a:4222',
      'nats://b:4333',
      'tls://[::1]:4222',
    ]);
    expect(clientPlan({}).urls).toEqual(['nats://127.0.0.1:4222']);
  });

  it('tries for ever by default, and never is told not to', () => {
    expect(clientPlan({}).settings).toMatchObject({ maxReconnectAttempts: -1, ignoreAuthErrorAbort: true });
    expect(clientPlan({ reconnect: { attempts: 3, whenRefused: false } }).settings).toMatchObject({
      maxReconnectAttempts: 3,
      ignoreAuthErrorAbort: false,
    });
    expect(clientPlan({ reconnect: false }).settings).toMatchObject({ reconnect: false });
  });

  it('demands TLS for tls://, and verifies unless it is told not to', () => {
    expect(clientPlan({}).settings.tls).toBeUndefined();
    expect(clientPlan({ tls: false }).settings.tls).toBeNull();
    const { tls } = clientPlan({ servers: 'tls://host' }).settings;
    expect(tls).toMatchObject({ checkServerIdentity: expect.any(Function) });
    expect(tls).not.toHaveProperty('rejectUnauthorized', false);
    expect(clientPlan({ tls: {} }).settings.tls).toMatchObject({ rejectUnauthorized: true });
    expect(clientPlan({ tls: { rejectUnauthorized: false } }).settings.tls).toMatchObject({
      rejectUnauthorized: false,
    });
  });
});

function shownBy(options: ConnectNatsOptions): unknown {
  const { authenticator } = clientPlan(options).settings;
  return typeof authenticator === 'function' ? authenticator('nonce') : undefined;
}

async function errorOf(options: ConnectNatsOptions): Promise<Error> {
  try {
    await connectNats(options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not reject');
}
