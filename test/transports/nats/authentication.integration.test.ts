import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { nkeys } from 'nats';
import { expect, it, onTestFinished } from 'vitest';
import { connectNats } from '../../../src/transports/nats/connect-nats.ts';
import type { ConnectNatsOptions } from '../../../src/transports/nats/connection-options.ts';
import { type ConnectionStatus, connectionStatus } from '../../../src/transports/nats/connection-status.ts';
import { AuthenticationFailedError } from '../../../src/transports/nats/errors.ts';
import { makeOperator } from '../../support/nats/jwts.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

const operator = makeOperator();
const user = operator.user();
const nkey = nkeys.createUser();
const seed = new TextDecoder().decode(nkey.getSeed());
const password = 'open-sesame-12345';

interface Way {
  readonly way: string;
  readonly config: string;
  readonly good: ConnectNatsOptions;
  readonly bad: ConnectNatsOptions;
}

const ways: Way[] = [
  {
    way: 'user and password',
    config: `authorization { users: [{ user: ali, password: ${password} }] }`,
    good: { user: 'ali', password },
    bad: { user: 'ali', password: `${password}6` },
  },
  {
    way: 'token',
    config: `authorization { token: ${password} }`,
    good: { token: password },
    bad: { token: `${password}6` },
  },
  {
    way: 'NKey',
    config: `authorization { users: [{ nkey: ${nkey.getPublicKey()} }] }`,
    good: { nkeySeed: seed },
    bad: { nkeySeed: user.seed },
  },
  {
    way: 'JWT and seed',
    config: operator.config(),
    good: { jwt: user.jwt, nkeySeed: user.seed },
    bad: { jwt: user.jwt, nkeySeed: seed },
  },
  {
    way: 'bearer JWT',
    config: operator.config(),
    good: { jwt: operator.user({ bearer: true }).jwt },
    bad: { jwt: makeOperator().user({ bearer: true }).jwt },
  },
  { way: 'creds', config: operator.config(), good: { creds: user.creds }, bad: { creds: makeOperator().user().creds } },
];

describeOnEachServer('connectNats', (binary) => {
  it.for(ways)('is let in by $way', async ({ config, good }) => {
    const server = await testNatsServer({ binary, config, jetstream: false });

    const connection = await connected({ servers: server.url, ...good });

    await expect(connection.rtt()).resolves.toBeGreaterThanOrEqual(0);
  });

  it.for(ways)('says that a bad $way is refused, and does not repeat it', async ({ config, bad }) => {
    const server = await testNatsServer({ binary, config, jetstream: false });

    const refusal = await refusalOf({ servers: server.url, ...bad });

    expect(refusal).toBeInstanceOf(AuthenticationFailedError);
    expect(refusal).toMatchObject({ code: 'AUTHENTICATION_FAILED', reason: 'refused' });
    expectNoSecret(refusal, bad);
  });

  it.for(ways)('says that no credentials at all are refused where a server wants a $way', async ({ config }) => {
    const server = await testNatsServer({ binary, config, jetstream: false });

    await expect(connectNats({ servers: server.url })).rejects.toBeInstanceOf(AuthenticationFailedError);
  });

  it('is let in by the user in a URL, and does not show it', async () => {
    const config = `authorization { users: [{ user: ali, password: ${password} }] }`;
    const server = await testNatsServer({ binary, config, jetstream: false });
    const withUser = (secret: string) => `nats://ali:${secret}@127.0.0.1:${server.port}`;

    await connected({ servers: withUser(password) });
    const refusal = await refusalOf({ servers: withUser(`${password}6`) });

    expect(refusal).toBeInstanceOf(AuthenticationFailedError);
    expectNoSecret(refusal, { password });
  });

  it.for([
    ['that has expired', () => operator.user({ expires: 1_000_000 }), operator.config()],
    ['that is revoked', () => user, operator.config([user.publicKey])],
  ] as const)('says that a JWT %s is refused', async ([, make, config]) => {
    const server = await testNatsServer({ binary, config, jetstream: false });

    const refusal = await refusalOf({ servers: server.url, creds: make().creds });

    expect(refusal).toBeInstanceOf(AuthenticationFailedError);
    expectNoSecret(refusal, { creds: make().creds });
  });

  it('fails at once when it is refused, though it would wait for a server', async () => {
    const server = await testNatsServer({ binary, config: `authorization { token: ${password} }`, jetstream: false });

    const refusal = await refusalOf({ servers: server.url, token: 'x', waitForFirst: true });

    expect(refusal).toBeInstanceOf(AuthenticationFailedError);
  });

  it('reads a creds file again for each connection, so that expired ones can be renewed', async () => {
    const path = temporaryFile('user.creds');
    writeFileSync(path, operator.user({ expires: Math.floor(Date.now() / 1_000) + 2 }).creds);
    const server = await testNatsServer({ binary, config: operator.config(), jetstream: false });
    const connection = await connected({ servers: server.url, creds: path, reconnect: { wait: 100, jitter: 0 } });
    const seen = statusesOf(connection);
    writeFileSync(path, user.creds);

    await until(() => kinds(seen).includes('error') && kinds(seen).at(-1) === 'connected');

    const { error } = seen.find(({ kind }) => kind === 'error') as { error: unknown };
    expect(error).toBeInstanceOf(AuthenticationFailedError);
    expect(error).toMatchObject({ reason: 'expired' });
    expectNoSecret(seen, { creds: user.creds });
  });

  it('goes on trying when it is refused later on, and comes back when it is let in again', async () => {
    const config = (token: string) => `authorization { token: ${token} }`;
    const server = await testNatsServer({ binary, config: config(password), jetstream: false });
    const connection = await connected({ servers: server.url, token: password, reconnect: { wait: 50, jitter: 0 } });
    const seen = statusesOf(connection);

    await server.restart(config('another'));
    await until(() => seen.filter(({ kind }) => kind === 'error').length >= 3);
    await server.restart(config(password));
    await until(() => kinds(seen).at(-1) === 'connected');

    expect(seen.find(({ kind }) => kind === 'error')).toMatchObject({ error: { code: 'AUTHENTICATION_FAILED' } });
    expectNoSecret(seen, { token: password });
  });

  it('closes the connection at the second refusal if it is told to', async () => {
    const config = (token: string) => `authorization { token: ${token} }`;
    const server = await testNatsServer({ binary, config: config(password), jetstream: false });
    const reconnect = { wait: 50, jitter: 0, whenRefused: false };
    const connection = await connected({ servers: server.url, token: password, reconnect });
    const seen = statusesOf(connection);

    await server.restart(config('another'));
    await until(() => kinds(seen).at(-1) === 'closed');

    expect(seen.at(-1)).toMatchObject({ kind: 'closed', error: { code: 'AUTHENTICATION_FAILED' } });
    expectNoSecret(seen, { token: password });
  });
});

async function connected(options: ConnectNatsOptions) {
  const connection = await connectNats(options);
  onTestFinished(() => connection.close());
  return connection;
}

async function refusalOf(options: ConnectNatsOptions): Promise<unknown> {
  try {
    await connected(options);
  } catch (error) {
    return error;
  }
  throw new Error('It was let in');
}

function statusesOf(connection: Awaited<ReturnType<typeof connectNats>>): ConnectionStatus[] {
  const seen: ConnectionStatus[] = [];
  const subscription = connectionStatus(connection).subscribe((status) => seen.push(status));
  onTestFinished(() => subscription.unsubscribe());
  return seen;
}

function kinds(statuses: readonly ConnectionStatus[]): string[] {
  return statuses.map(({ kind }) => kind);
}

/** Looks for the credentials, and the parts of creds, in all that a value shows, with its causes and hidden fields. */
function expectNoSecret(value: unknown, { user: _, ...credentials }: ConnectNatsOptions): void {
  const shown = `${inspect(value, { depth: 20, showHidden: true })}${JSON.stringify(value)}${value}`;
  const secrets = Object.values(credentials).flatMap((text) => String(text).split(/\s/));
  for (const secret of secrets.filter((part) => part.length > 12 && !part.startsWith('---'))) {
    expect(shown).not.toContain(secret);
  }
}

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-creds-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}
