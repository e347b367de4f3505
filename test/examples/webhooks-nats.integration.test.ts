import { connectNats, streamNames } from 'millrace/nats';
import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testNatsServer } from '../support/nats/nats-server.ts';
import { describeOnEachServer, describeOnLatestServer } from '../support/nats/servers.ts';
import { EXAMPLE_TIMEOUT, type Finished, runExample } from './run-example.ts';

interface Account {
  readonly published: number;
  readonly handled: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly failures: Readonly<Record<string, number>>;
}

function accountOf({ stdout }: Finished): Account {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Account;
}

/** The streams of a server: a run leaves none behind. */
async function streamsOf(url: string): Promise<readonly string[]> {
  const connection = await connectNats({ servers: url });
  onTestFinished(() => connection.close());
  return lastValueFrom(streamNames(connection).pipe(toArray()));
}

describeOnEachServer('docs/examples/webhooks --nats', (binary) => {
  it('accounts for each payload as on the memory broker, and removes its streams', {
    timeout: EXAMPLE_TIMEOUT,
  }, async () => {
    const { url } = await testNatsServer({ binary });

    const [finished, other] = await Promise.all([
      runExample('webhooks', ['--json', '--nats', url]),
      runExample('webhooks', ['--json', '--nats', url]), // at the same time, on the same server
    ]);

    const account = accountOf(finished);
    expect(account).toMatchObject({
      ok: true,
      problems: [],
      server: `nats-server ${binary.version}`,
      events: 329,
      published: 658,
      handled: 326,
      duplicates: 329,
      deadLettered: 3,
      redriven: 3,
      lost: 0,
      orderViolations: 0,
      handledTwice: 0,
    });
    expect(account.published).toBe(account.handled + account.duplicates + account.deadLettered);
    expect(accountOf(other)).toMatchObject({ ok: true, published: 658, lost: 0 });
    expect([finished.code, other.code]).toEqual([0, 0]);
    expect(await streamsOf(url)).toEqual([]);
  });
});

describeOnLatestServer('docs/examples/webhooks --nats', (binary) => {
  it('has the same failures as the memory broker for the same seed', { timeout: EXAMPLE_TIMEOUT }, async () => {
    const { url } = await testNatsServer({ binary });

    const [here, there] = await Promise.all([
      runExample('webhooks', ['--json', '--seed', '7']),
      runExample('webhooks', ['--json', '--seed', '7', '--nats', url]),
    ]);

    const [{ slow: _, ...inMemory }, { slow: __, ...onNats }] = [accountOf(here).failures, accountOf(there).failures];
    expect(onNats).toEqual(inMemory);
  });

  it('drains, accounts for what it has done and removes its streams when it is interrupted', {
    timeout: EXAMPLE_TIMEOUT,
    skip: process.platform === 'win32',
  }, async () => {
    const { url } = await testNatsServer({ binary });

    const finished = await runExample('webhooks', ['--events', '5000', '--json', '--nats', url], (child) => {
      child.stderr.on('data', (text: string) => text.includes('sending: ') && child.kill('SIGINT'));
    });

    expect(accountOf(finished)).toMatchObject({ ok: true, interrupted: true, lost: 0 });
    expect(finished.code).toBe(130);
    expect(await streamsOf(url)).toEqual([]);
  });

  it('says that a server has no JetStream', { timeout: EXAMPLE_TIMEOUT }, async () => {
    const { url } = await testNatsServer({ binary, jetstream: false });

    expect(await runExample('webhooks', ['--nats', url])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^Cannot run on --nats: JetStream does not answer: .*\n$/),
    });
  });
});

describe('docs/examples/webhooks --nats without a server', { timeout: EXAMPLE_TIMEOUT }, () => {
  it.each([
    [
      'nobody listens at',
      'nats://user:secret@127.0.0.1:1',
      3,
      'No connection to nats://127.0.0.1:1: nobody listens there',
    ],
    ['is none', 'http://localhost:4222', 2, "'servers' must be URLs like nats://host:4222, and number 1 is none"],
  ])('says in one line that a URL %s', async (_, url, code, message) => {
    expect(await runExample('webhooks', ['--json', '--nats', url])).toEqual({
      code,
      stdout: '',
      stderr: `Cannot run on --nats: ${message}\n`,
    });
  });
});
