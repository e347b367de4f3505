import { describe, expect, it } from 'vitest';
import { EXAMPLE_TIMEOUT, type Finished, runExample } from './run-example.ts';

interface Account extends Readonly<Record<string, unknown>> {
  readonly published: number;
  readonly handled: number;
  readonly duplicates: number;
  readonly deadLettered: number;
}

/** Standard output must be one JSON object in one line, and nothing else. */
function accountOf({ stdout }: Finished): Account {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Account;
}

/** What a seed decides, and time does not. */
function repeatable({ published, handled, duplicates, deadLettered, redriven, lost, ...rest }: Account) {
  const { duplicatesAtBroker, duplicatesAtConsumer, lanes } = rest;
  const { slow: _, ...failures } = rest['failures'] as Record<string, number>; // those a busy machine decides
  const counts = { published, handled, duplicates, deadLettered, redriven, lost };
  return { ...counts, failures, duplicatesAtBroker, duplicatesAtConsumer, lanes };
}

describe.concurrent('docs/examples/webhooks', { timeout: EXAMPLE_TIMEOUT }, () => {
  it('accounts for each of the 329 payloads, twice published', async () => {
    const finished = await runExample('webhooks', ['--json']);

    const account = accountOf(finished);
    expect(account).toMatchObject({
      ok: true,
      problems: [],
      events: 329,
      published: 658,
      handled: 326,
      duplicates: 329,
      deadLettered: 3,
      redriven: 3,
      lost: 0,
      orderViolations: 0,
      handledTwice: 0,
      elapsedMs: expect.any(Number),
    });
    expect(account.published).toBe(account.handled + account.duplicates + account.deadLettered);
    expect(finished.code).toBe(0);
  });

  it('says in plain lines what happens, and that the account adds up', async () => {
    const { code, stdout } = await runExample('webhooks', ['--seed', '2']);

    expect(stdout).toContain('\n  658 published = 326 handled + 329 duplicates + 3 dead-lettered\n');
    expect(stdout).toMatch(/\nThe account adds up\.\n$/);
    expect(stdout).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  it('repeats a run of the same seed, and not of another', async () => {
    const [one, same, other] = await Promise.all(
      ['7', '7', '8'].map(async (seed) =>
        repeatable(accountOf(await runExample('webhooks', ['--json', '--seed', seed]))),
      ),
    );

    expect(same).toEqual(one);
    expect(other?.failures).not.toEqual(one?.failures);
  });

  it('scales to as many events as it is told to', async () => {
    const finished = await runExample('webhooks', ['--events', '1000', '--json']);

    const account = accountOf(finished);
    expect(account).toMatchObject({ ok: true, events: 1_000, published: 2_000, duplicates: 1_000, lost: 0 });
    expect(account.published).toBe(account.handled + account.duplicates + account.deadLettered);
    expect(account['redriven']).toBe(account.deadLettered);
    expect(finished.code).toBe(0);
  });

  it('runs with a single event', async () => {
    const finished = await runExample('webhooks', ['--events', '1', '--json']);

    expect(accountOf(finished)).toMatchObject({ ok: true, published: 2, handled: 1, duplicates: 1, lost: 0 });
    expect(finished.code).toBe(0);
  });

  it.skipIf(process.platform === 'win32')(
    'drains and accounts for what it has done when it is interrupted',
    async () => {
      const finished = await runExample('webhooks', ['--events', '5000', '--json'], (child) => {
        child.stderr.on('data', (text: string) => text.includes('sending: ') && child.kill('SIGINT'));
      });

      expect(accountOf(finished)).toMatchObject({ ok: true, interrupted: true, lost: 0 });
      expect(finished.code).toBe(130);
    },
  );

  it.each([
    ['--events 0', ['--events', '0'], "--events takes a whole number from 1 to 100000000, not '0'"],
    ['--events abc', ['--events', 'abc'], "not 'abc'"],
    ['--events without a number', ['--events'], "'--events <value>' argument missing"],
    ['--seed -1', ['--seed=-1'], "--seed takes a whole number from 0 to 100000000, not '-1'"],
    ['an unknown option', ['--evnets', '5'], "Unknown option '--evnets'"],
    ['an argument too many', ['5'], "Unexpected argument '5'"],
  ])('refuses %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runExample('webhooks', args);

    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: ');
    expect(stdout).toBe('');
  });

  it('explains its options', async () => {
    const { code, stdout, stderr } = await runExample('webhooks', ['--help']);

    expect(code, stderr).toBe(0);
    for (const option of ['--events <n>', '--seed <n>', '--json', '--nats <url>', '--help'])
      expect(stdout).toContain(option);
  });
});
