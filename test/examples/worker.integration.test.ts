import { consume, createEvent, type Outcome, type ServiceReport } from 'millrace';
import { connectNats, consumerInfo, ensureConsumer, ensureStream, jetstreamTransport } from 'millrace/nats';
import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';
import { testNatsServer } from '../support/nats/nats-server.ts';
import { describeOnLatestServer, type NatsServerBinary } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { EXAMPLE_TIMEOUT, type Finished, runExample } from './run-example.ts';

/** Publishes jobs that take so many ms each, starts a worker in a process of its own, and can be one itself. */
async function workplace(binary: NatsServerBinary, count: number, duration: number) {
  const { url } = await testNatsServer({ binary });
  const connection = await connectNats({ servers: url });
  onTestFinished(() => connection.close());
  const transport = jetstreamTransport(connection, { name: 'other' });
  await firstValueFrom(ensureStream(connection, { name: 'JOBS', subjects: ['jobs.>'] }));
  await firstValueFrom(ensureConsumer(connection, { stream: 'JOBS', name: 'worker', ackWait: 30_000 }));
  const events = Array.from({ length: count }, () => createEvent({ type: 'jobs.resize', data: duration }));
  await lastValueFrom(transport.publish(events));
  let kill: (signal: NodeJS.Signals) => void = () => undefined;
  let said = '';
  const finished = runExample('worker', [url], (child) => {
    kill = (signal) => child.kill(signal);
    child.stderr.on('data', (text: string) => {
      said += text;
    });
  });

  return {
    finished,
    signal: (name: NodeJS.Signals) => kill(name),
    async says(text: string) {
      const waiting = until(() => said.includes(text), {
        deadline: EXAMPLE_TIMEOUT / 2,
        describe: () => `'${text}' in ${said}`,
      });
      await Promise.race([waiting, finished.then(() => expect(said).toContain(text))]);
    },
    /** Waits until the worker has got so far: `settled` is the sequence up to which all is acked. */
    async isAt(condition: (delivered: number, settled: number) => boolean) {
      await until(async () => {
        const { delivered, settledSequence } = await firstValueFrom(consumerInfo(connection, 'JOBS', 'worker'));
        return condition(delivered, settledSequence);
      });
    },
    /** Does so many jobs, as fast as they come. */
    take: (jobs: number) =>
      lastValueFrom(
        transport.subscribe({ stream: 'JOBS', consumer: 'worker', prefetch: 256 }).pipe(
          consume(() => undefined, { concurrency: 256 }),
          take(jobs),
          toArray(),
        ),
      ),
    left: async () => {
      const { pending, unsettled } = await firstValueFrom(consumerInfo(connection, 'JOBS', 'worker'));
      return pending + unsettled;
    },
  };
}

function reportOf({ stdout }: Finished): ServiceReport {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as ServiceReport;
}

describeOnLatestServer('docs/examples/worker, in a process of its own', (binary) => {
  const options = { timeout: EXAMPLE_TIMEOUT, skip: process.platform === 'win32' };

  it(
    'drains at SIGTERM in the middle of its work, and another consumer gets the rest in under a second',
    options,
    async () => {
      const work = await workplace(binary, 120, 400);
      await work.says('started');
      await work.isAt((delivered, settled) => delivered >= 32 && settled >= 4);

      work.signal('SIGTERM');
      await work.says('draining');
      const drainedAt = performance.now();
      const others = await work.take(80);
      const waited = performance.now() - drainedAt;
      const finished = await work.finished;

      const report = reportOf(finished);
      expect(waited).toBeLessThan(1_000);
      expect([finished.code, report.ok, report.forced]).toEqual([0, true, false]);
      expect(report.reason).toEqual({ kind: 'stopOn', value: 'SIGTERM' });
      expect(report.total).toMatchObject({ naked: 0, termed: 0, expired: 0, abandoned: 0 });
      expect(report.total.received).toBe(report.total.acked + report.total.returned);
      expect(report.resources).toMatchObject([{ name: 'connection', ok: true }]);
      expect(others.filter(({ kind }: Outcome) => kind !== 'succeeded')).toEqual([]);
      await until(async () => report.total.acked + others.length + (await work.left()) === 120);
    },
  );

  it('hands back what it is at when a second SIGTERM forces it', options, async () => {
    const work = await workplace(binary, 40, 60_000);
    await work.says('started');
    await work.isAt((delivered) => delivered >= 32);

    work.signal('SIGTERM');
    await work.says('draining');
    const forcedAt = performance.now();
    work.signal('SIGTERM');
    const finished = await work.finished;
    const waited = performance.now() - forcedAt;
    const others = await work.take(40);

    const report = reportOf(finished);
    expect(waited).toBeLessThan(1_000);
    expect([finished.code, report.ok, report.forced]).toEqual([1, false, true]);
    expect(report.total).toMatchObject({ received: 32, acked: 0, returned: 28, abandoned: 4 });
    expect(others).toHaveLength(40);
  });
});
