import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { testNatsServer } from '../support/nats/nats-server.ts';
import { describeOnLatestServer, type NatsServerBinary } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { EXAMPLE_TIMEOUT, runExample } from './run-example.ts';

const BEAT = 400;

/** A log that the test writes, and the two sides of the example as processes. */
async function logs(binary: NatsServerBinary) {
  const { url } = await testNatsServer({ binary });
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tail-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let written = 0;

  function start(role: 'serve' | 'tail') {
    let child: ChildProcessWithoutNullStreams | undefined;
    let [out, err] = ['', ''];
    const args = [role, '--nats', url, '--folder', folder, '--file', 'log', '--beat', String(BEAT)];
    const finished = runExample('log-tail', args, (started) => {
      child = started;
      started.stdout.on('data', (text: string) => {
        out += text;
      });
      started.stderr.on('data', (text: string) => {
        err += text;
      });
    });
    const process = child as unknown as ChildProcessWithoutNullStreams;
    onTestFinished(async () => {
      process.kill('SIGCONT');
      process.kill('SIGKILL');
      await finished;
    });
    return {
      finished,
      kill: (signal: NodeJS.Signals) => process.kill(signal),
      lines: () => out.split('\n').slice(0, -1),
      told: () => err,
    };
  }

  return {
    start,
    write(count: number) {
      const lines = Array.from({ length: count }, (_, index) => `line ${written + index + 1}\n`);
      appendFileSync(join(folder, 'log'), lines.join(''));
      written += count;
    },
    /** Resolves when a tail has every line; fails where it has any other. */
    async complete(tail: ReturnType<typeof start>) {
      const describe = () => `${written} lines, not ${tail.lines().length}: ${tail.told()}`;
      await until(() => tail.lines().length >= written, { deadline: EXAMPLE_TIMEOUT / 3, describe });
      expect(tail.lines()).toEqual(Array.from({ length: written }, (_, index) => `line ${index + 1}`));
    },
  };
}

describeOnLatestServer('docs/examples/log-tail, in processes of their own', (binary) => {
  const options = { timeout: EXAMPLE_TIMEOUT, skip: process.platform === 'win32' };

  it('goes on when the producer is killed, and when it stands still', options, async () => {
    const { start, write, complete } = await logs(binary);
    write(1_000);
    const first = start('serve');
    const tail = start('tail');
    await complete(tail);

    first.kill('SIGKILL');
    write(1_000);
    await first.finished;
    const second = start('serve');
    await complete(tail);

    second.kill('SIGSTOP');
    write(1_000);
    const stoppedAt = performance.now();
    await until(() => performance.now() - stoppedAt > 4 * BEAT);
    second.kill('SIGCONT');
    await complete(tail);

    tail.kill('SIGTERM');
    expect((await tail.finished).code).toBe(0);
  });

  it('ends the tail of a reader that is killed, or stands still', options, async () => {
    const { start, write, complete } = await logs(binary);
    write(10);
    const serve = start('serve');
    const [killed, still] = [start('tail'), start('tail')];
    await Promise.all([killed, still].map(complete));

    killed.kill('SIGKILL');
    still.kill('SIGSTOP');
    const at = performance.now();
    await until(() => serve.told().match(/"kind":"lost"/g)?.length === 2, {
      interval: 5,
      describe: () => serve.told(),
    });

    expect(performance.now() - at).toBeLessThan(3 * BEAT + 100);
    write(10);
    still.kill('SIGCONT');
    await complete(still);
    serve.kill('SIGTERM');
    expect((await serve.finished).code).toBe(0);
  });
});
