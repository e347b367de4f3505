import { consume, createEvent, type Delivery, service } from 'millrace';
import { consumerInfo, ensureConsumer, ensureStream, jetstreamTransport } from 'millrace/nats';
import { seededRandom } from 'millrace/testing';
import { firstValueFrom, lastValueFrom, mergeMap, NEVER, type Observable, take, tap, timer, toArray } from 'rxjs';
import { expect, it } from 'vitest';
import { clients, type NatsClient, type RawConnection } from '../../support/nats/connect.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer, describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

const LEASE = 30_000;

/** Makes a stream with a worker's consumer, and publishes jobs to it. */
async function jobs(connection: RawConnection, stream: string) {
  const address = `${stream}.jobs`;
  const publisher = jetstreamTransport(connection, { name: 'publisher' });
  await firstValueFrom(ensureStream(connection, { name: stream, subjects: [address], storage: 'memory' }));
  await firstValueFrom(ensureConsumer(connection, { stream, name: 'worker', ackWait: LEASE }));
  let published = 0;
  return {
    publish(count: number) {
      const events = Array.from({ length: count }, () =>
        createEvent({ id: String(published++), type: 'job', source: '/test' }),
      );
      return lastValueFrom(publisher.publish(events, { address }).pipe(toArray()));
    },
    left: async () => {
      const { pending, unsettled } = await firstValueFrom(consumerInfo(connection, stream, 'worker'));
      return pending + unsettled;
    },
  };
}

function worker(connection: RawConnection, stream: string, work: (delivery: Delivery) => unknown, prefetch = 64) {
  const transport = jetstreamTransport(connection, { name: 'worker' });
  const deliveries = transport.subscribe({ stream, consumer: 'worker', prefetch });
  return { transport, pipeline: deliveries.pipe(consume(work, { concurrency: 8, dedupe: false })) };
}

describeOnEachServer('service on JetStream', (binary) => {
  it.for(clients)(
    'gives what was not started to another connection in under a second, not after the lease, with $name',
    async (client) => {
      const server = await testNatsServer({ binary });
      const [ours, theirs] = [await client.connect(server.url), await client.connect(server.url)];
      const { publish } = await jobs(theirs, 'JOBS');
      let started = 0;
      const mine = worker(ours, 'JOBS', () => {
        started += 1;
        return NEVER;
      });
      const app = service(
        { pipelines: { jobs: mine.pipeline }, transports: [mine.transport], resources: { connection: ours } },
        { grace: 1_500 },
      );
      const done = lastValueFrom(app.run());
      await publish(50);
      await until(() => started === 8);

      const drainedAt = performance.now();
      app.drain().subscribe();
      const others = await firstValueFrom(worker(theirs, 'JOBS', () => undefined).pipeline.pipe(take(42), toArray()));
      const waited = performance.now() - drainedAt;

      expect(waited).toBeLessThan(1_000);
      expect(others.every(({ kind }) => kind === 'succeeded')).toBe(true);
      expect(await done).toMatchObject({
        kind: 'done',
        report: {
          ok: false,
          total: { received: 50, acked: 0, returned: 42, abandoned: 8 },
          resources: [{ name: 'connection', ok: true }],
        },
      });
      expect(ours.isClosed()).toBe(true);
    },
  );
});

describeOnLatestServer('service on JetStream', (binary) => {
  const client = clients[0] as NatsClient;

  it('drains under load 20 times: the sums match, nothing is lost and nothing is handled twice', async () => {
    const server = await testNatsServer({ binary });
    const direct = await client.connect(server.url);
    const totals = { acked: 0, returned: 0, abandoned: 0 };

    async function drainUnderLoad(seed: number) {
      const random = seededRandom(seed);
      const stream = `JOBS${seed}`;
      const { publish, left } = await jobs(direct, stream);
      const effects = new Map<string, number>();
      const finish = (id: string) => effects.set(id, (effects.get(id) ?? 0) + 1);
      const work =
        (longest: number) =>
        ({ event }: Delivery): Observable<unknown> =>
          (random() < 0.05 && longest > 50 ? NEVER : timer(random() * longest)).pipe(tap(() => finish(event.id)));
      const connection = await client.connect(server.url);
      const first = worker(connection, stream, work(60), 1 + Math.floor(random() * 64));
      const app = service(
        { pipelines: { jobs: first.pipeline }, transports: [first.transport], resources: { connection } },
        { grace: 100 + random() * 100 },
      );
      app.run().subscribe();
      const publishing = publish(300);
      await firstValueFrom(timer(100 + random() * 150));

      const report = await firstValueFrom(app.drain());
      await publishing;
      const [handled, remaining] = [effects.size, await left()];
      const second = worker(direct, stream, work(5)).pipeline.subscribe();
      await until(() => effects.size === 300, {
        deadline: 5_000,
        describe: () => `seed ${seed}: ${effects.size} of 300`,
      });
      await until(async () => (await left()) === 0);
      second.unsubscribe();

      const { received, acked, naked, termed, returned, expired, abandoned } = report.total;
      expect({ seed, received }).toEqual({ seed, received: acked + naked + termed + returned + expired + abandoned });
      expect({ seed, acked, naked, termed, expired }).toEqual({
        seed,
        acked: handled,
        naked: 0,
        termed: 0,
        expired: 0,
      });
      expect({ seed, published: acked + remaining }).toEqual({ seed, published: 300 });
      expect([...effects].filter(([, times]) => times !== 1)).toEqual([]);
      expect({ seed, ok: report.ok }).toEqual({ seed, ok: abandoned === 0 });
      for (const kind of Object.keys(totals) as (keyof typeof totals)[]) totals[kind] += report.total[kind];
    }

    await lastValueFrom(timer(0, 1).pipe(take(20), mergeMap(drainUnderLoad, 4)));

    expect(
      Object.values(totals).every((count) => count > 20),
      JSON.stringify(totals),
    ).toBe(true);
  });

  it('reports a connection that was closed before, and goes on', async () => {
    const server = await testNatsServer({ binary });
    const [connection, other] = [await client.connect(server.url), await client.connect(server.url)];
    await jobs(connection, 'JOBS');
    const [closed, open] = [worker(connection, 'JOBS', () => NEVER), worker(other, 'JOBS', () => undefined)];
    const app = service(
      {
        pipelines: { closed: closed.pipeline, open: open.pipeline },
        transports: [closed.transport, open.transport],
        resources: { other, connection },
      },
      { grace: 500, closeTime: 500 },
    );
    const done = lastValueFrom(app.run());
    await connection.close();

    app.drain().subscribe();

    expect(await done).toMatchObject({
      report: {
        ok: false,
        transports: [
          { report: { received: 0 }, errors: [{ code: 'CONNECTION_CLOSED' }] },
          { report: { received: 0 }, errors: [] },
        ],
        resources: [
          { name: 'connection', ok: true },
          { name: 'other', ok: true },
        ],
      },
    });
    expect(other.isClosed()).toBe(true);
  });

  it('does not wait for ever for a server that is gone', async () => {
    const server = await testNatsServer({ binary });
    const connection = await client.connect({ servers: server.url, maxReconnectAttempts: -1 });
    await jobs(connection, 'JOBS');
    const { transport, pipeline } = worker(connection, 'JOBS', () => undefined);
    const app = service(
      { pipelines: { jobs: pipeline }, transports: [transport], resources: { connection } },
      { grace: 300, closeTime: 300 },
    );
    const done = lastValueFrom(app.run());
    await server.kill();

    app.drain().subscribe();
    const last = await done;

    expect(last).toMatchObject({ report: { ok: false, transports: [{ errors: [{ code: 'NOT_CLOSED' }] }] } });
    expect(last.kind === 'done' && last.report.elapsedMs).toBeLessThan(3_000);
    expect(connection.isClosed()).toBe(true);
  });
});
