import { openChannel, openSession, type SessionEnd, serveSessions } from 'millrace';
import { concat, interval, map, NEVER, type Observable, of, range, Subject, take } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { clients } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { startTcpProxy } from '../../support/nats/proxy.ts';
import { describeOnEachServer, describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, anAddress, type CoreRig, coreRig, failureOf, see } from './core-rig.ts';

/** Serves sessions for the test that runs; returns their ends. */
function serving(
  { transport }: CoreRig,
  address: string,
  handler: Parameters<typeof serveSessions>[2],
  options?: Parameters<typeof serveSessions>[3],
) {
  return see(serveSessions(transport, address, handler, options));
}

/** A heartbeat that a test can wait for. */
const QUICK = { interval: 200, timeout: 100 };

describeOnEachServer('sessions', (binary) => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer({
      binary,
      config: `authorization { users: [
        { user: all, password: all },
        { user: some, password: some, permissions: { subscribe: { deny: ["_SINBOX.>"] } } }
      ] }
      no_auth_user: all`,
    });
  });
  afterAll(() => server.stop());

  describe.each(clients)('on $name', (client) => {
    async function sides(): Promise<{ producer: CoreRig; consumer: CoreRig; address: string }> {
      const [producer, consumer] = [await coreRig(server.url, { client }), await coreRig(server.url, { client })];
      return { producer, consumer, address: anAddress() };
    }

    it('bring everything, in order, through a small window', async () => {
      const { producer, consumer, address } = await sides();
      const ends = serving(producer, address, () => Array.from({ length: 5_000 }, (_, n) => n));
      await producer.flushed();

      const values = await all(openSession<number>(consumer.transport, address, null, { window: 16 }));

      expect(values).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
      expect(await ends.came(1)).toMatchObject([{ kind: 'completed', sent: 5_000 }]);
    });

    it('end at the producer when they are unsubscribed, also at once', async () => {
      const { producer, consumer, address } = await sides();
      const ends = serving(producer, address, () => interval(1));
      await producer.flushed();

      await all(openSession(consumer.transport, address, null).pipe(take(3)));
      openSession(consumer.transport, address, null).subscribe().unsubscribe();

      const kinds = (await ends.came(2)).map(({ kind }) => kind);
      expect(kinds).toEqual(['cancelled', 'cancelled']);
    });

    it('fail at once where nobody serves them, and with the code of who does', async () => {
      const { producer, consumer, address } = await sides();
      const nobody = await failureOf(openSession(consumer.transport, address, null));
      serving(producer, address, () => {
        throw new Error('no');
      });
      await producer.flushed();

      expect(nobody).toMatchObject({ name: 'NoRespondersError' });
      expect(await failureOf(openSession(consumer.transport, address, null))).toMatchObject({
        closeCode: 5000,
        text: 'no',
      });
    });

    it('fail where the server does not let them listen', async () => {
      const { producer, address } = await sides();
      const consumer = await coreRig(server.url, { client, connection: { user: 'some', pass: 'some' } });
      serving(producer, address, () => NEVER);
      await producer.flushed();

      const error = await failureOf(openSession(consumer.transport, address, null, { openTimeout: 2_000 }));

      expect(error).toMatchObject({ name: 'PermissionDeniedError', operation: 'subscribe' });
    });

    it('carry values both ways', async () => {
      const { producer, consumer, address } = await sides();
      serving(producer, address, (_, { incoming$ }) => incoming$.pipe(map((value) => Number(value) * 2)));
      await producer.flushed();

      const values = await all(openChannel(consumer.transport, address, null, range(1, 1_000)));

      expect(values).toEqual(Array.from({ length: 1_000 }, (_, n) => 2 * (n + 1)));
    });

    it('are closed with 1001 by a drain, after what was on its way', async () => {
      const { producer, consumer, address } = await sides();
      serving(producer, address, () => concat(range(1, 100), NEVER));
      await producer.flushed();
      const seen = see(openSession(consumer.transport, address, null));
      await seen.came(1);

      await all(producer.transport.drain({ grace: 5_000 }));

      await seen.ended();
      expect(seen.values).toHaveLength(100);
      expect(seen.error).toMatchObject({ closeCode: 1001 });
    });
  });
});

describeOnLatestServer('sessions, when something goes wrong', (binary) => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  /** Counts up from where it is asked to, 1 at a time. */
  const counting = (_: unknown, { offset }: { readonly offset: number }): Observable<number> =>
    interval(2).pipe(map((n) => offset + n + 1));

  async function behindProxy(url: string) {
    const proxy = await startTcpProxy(Number(new URL(url).port));
    onTestFinished(() => proxy.close());
    return proxy;
  }

  it.each(clients)('work again when a server that refused them lets them, over $name', async (client) => {
    const denying = (subjects: string) => `authorization { users: [
      { user: some, password: some, permissions: { subscribe: { deny: [${subjects}] } } }
    ] }`;
    const strict = await startNatsServer({ binary, config: denying('"_SINBOX.>"') });
    onTestFinished(() => strict.stop());
    const rig = await coreRig(strict.url, { client, connection: { user: 'some', pass: 'some' } });
    const address = anAddress();
    serving(rig, address, () => of(1, 2, 3));
    await rig.flushed();
    const open = () => openSession<number>(rig.transport, address, null);
    const isDenied = { name: 'PermissionDeniedError' };
    expect(await failureOf(open())).toMatchObject(isDenied);
    expect(await failureOf(open())).toMatchObject(isDenied);

    await strict.restart(denying('"other"'));
    await until(() => rig.ofKind('connected').length > 1);
    await rig.flushed();

    expect(await all(open())).toEqual([1, 2, 3]);
  });

  it.each(['producer', 'consumer'])('keep their place when the connection of the %s is cut', async (side) => {
    const proxy = await behindProxy(server.url);
    const [through, direct] = [await coreRig(proxy.url), await coreRig(server.url)];
    const [producer, consumer] = side === 'producer' ? [through, direct] : [direct, through];
    const address = anAddress();
    serving(producer, address, counting, { heartbeat: QUICK });
    await producer.flushed();
    const resume = () => 20;
    const seen = see(openSession<number>(consumer.transport, address, null, { resume, heartbeat: QUICK }));

    for (const count of [50, 100, 150]) {
      await seen.came(count);
      proxy.cut();
    }
    const values = await seen.came(300);

    expect(values.slice(0, 300)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
  });

  it('notice in under three beats that the network is silent, on both sides', async () => {
    const proxy = await behindProxy(server.url);
    const [producer, consumer] = [await coreRig(server.url), await coreRig(proxy.url)];
    const address = anAddress();
    const ends = serving(producer, address, () => NEVER, { heartbeat: { interval: 500, timeout: 250 } });
    await producer.flushed();
    const seen = see(openSession(consumer.transport, address, null, { heartbeat: { timeout: 250 } }));
    await producer.flushed();
    const openedAt = performance.now();
    while (performance.now() - openedAt < 600) await producer.flushed();

    proxy.block();
    const blockedAt = performance.now();
    const [end] = (await ends.came(1)) as [SessionEnd];
    const noticed = performance.now() - blockedAt;
    await seen.ended();

    expect(end).toMatchObject({ kind: 'lost', closeCode: 1006 });
    expect(noticed).toBeLessThan(1_500);
    expect(performance.now() - blockedAt).toBeLessThan(1_700);
    expect(seen.error).toMatchObject({ closeCode: 1006 });
  });

  it('of a server that is killed and started again go on', async () => {
    const own = await startNatsServer({ binary });
    onTestFinished(() => own.stop());
    const [producer, consumer] = [await coreRig(own.url), await coreRig(own.url)];
    const address = anAddress();
    serving(producer, address, counting, { heartbeat: QUICK });
    await producer.flushed();
    const seen = see(
      openSession<number>(consumer.transport, address, null, { resume: () => 20, heartbeat: QUICK, openTimeout: 300 }),
    );
    await seen.came(50);

    await own.kill();
    await own.restart();
    const values = await seen.came(seen.values.length + 100);

    expect(values).toEqual(Array.from({ length: values.length }, (_, n) => n + 1));
  });

  it('end where the connection is closed for good', async () => {
    const [producer, consumer] = [await coreRig(server.url), await coreRig(server.url)];
    const address = anAddress();
    const ends = serving(producer, address, () => NEVER);
    await producer.flushed();
    const seen = see(openSession(consumer.transport, address, null));
    await producer.flushed();

    await consumer.connection.close();
    await seen.ended();
    await producer.connection.close();
    await ends.ended();

    expect(seen.error).toMatchObject({ closeCode: 1006, text: 'the connection was closed' });
    expect(ends.error).toMatchObject({ name: 'TransportClosedError' });
  });

  it('stop a producer within the credit of a consumer that stands still', async () => {
    const [producer, consumer] = [await coreRig(server.url), await coreRig(server.url)];
    const address = anAddress();
    let made = 0;
    function* endless() {
      for (;;) {
        made += 1;
        yield made;
      }
    }
    serving(producer, address, endless);
    await producer.flushed();
    const demand = new Subject<number>();
    const seen = see(openSession(consumer.transport, address, null, { demand }));
    await producer.flushed();

    demand.next(100);
    await seen.came(100);
    for (let n = 0; n < 20; n += 1) await producer.flushed();

    expect(made).toBe(100);
    demand.next(1);
    await seen.came(101);
  });

  it('live for an hour of small beats and thousands of sessions: nothing is left', async () => {
    const [producer, consumer] = [await coreRig(server.url), await coreRig(server.url)];
    const address = anAddress();
    const ends = serving(producer, address, () => of(1, 2, 3), { heartbeat: { interval: 10, timeout: 5 } });
    const steady = serving(producer, `${address}.steady`, () => interval(5), {
      heartbeat: { interval: 10, timeout: 5_000 },
    });
    await producer.flushed();
    const seen = see(openSession(consumer.transport, `${address}.steady`, null));

    let complete = 0;
    for (let round = 0; round < 50; round += 1) {
      const sessions = Array.from({ length: 100 }, () => all(openSession(consumer.transport, address, null)));
      complete += (await Promise.all(sessions)).filter((values) => values.length === 3).length;
    }

    expect(complete).toBe(5_000);
    expect((await ends.came(5_000)).every(({ kind }) => kind === 'completed')).toBe(true);
    expect([seen.error, steady.values]).toEqual([undefined, []]);
  });
});
