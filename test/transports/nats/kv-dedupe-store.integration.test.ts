import { firstValueFrom, from, type ObservableInput, of } from 'rxjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Claim, ClaimResult, DedupeStore } from '../../../src/core/dedupe-store.ts';
import { InvalidNameError, StoreFailedError } from '../../../src/core/errors.ts';
import { dedupe } from '../../../src/operators/dedupe.ts';
import { handle } from '../../../src/operators/handle.ts';
import { fakeDelivery } from '../../../src/testing/fake-delivery.ts';
import { virtualTime } from '../../../src/testing/virtual-time.ts';
import { WrongRevisionError } from '../../../src/transports/nats/errors.ts';
import { kvDedupeStore } from '../../../src/transports/nats/kv-dedupe-store.ts';
import { clients } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer, testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { connected, testBucket } from './kv-rig.ts';

describeOnEachServer('kvDedupeStore', (binary) => {
  let server: NatsServerProcess;

  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  /** Two stores of two processes, as far as the server can tell. */
  async function two(options: Partial<Parameters<typeof kvDedupeStore>[1]> = {}, ttl?: number) {
    const connections = [await connected(server.url), await connected(server.url)] as const;
    const bucket = await testBucket(connections[0], ttl === undefined ? {} : { ttl });
    return connections.map((connection) => kvDedupeStore(connection, { bucket, ...options })) as [
      DedupeStore,
      DedupeStore,
    ];
  }

  it.for(clients)(
    'lets an event be claimed by one store, and says busy to the other, on $name',
    async ({ connect }) => {
      const connections = [await connect(server.url), await connect(server.url)] as const;
      const bucket = await testBucket(connections[0]);
      const [first, second] = connections.map((connection) => kvDedupeStore(connection, { bucket }));

      const claim = await claimed(first!, 'event 1');

      expect(await claimOf(second!, 'event 1')).toBe('busy');
      expect(await claimOf(first!, 'event 1')).toBe('busy');
      await settled(claim.commit());
      expect(await claimOf(second!, 'event 1')).toBe('duplicate');
      expect(await claimOf(first!, 'event 1')).toBe('duplicate');
    },
  );

  it('lets an event be claimed again when its claim was released', async () => {
    const [first, second] = await two();
    const claim = await claimed(first, 'event');

    await settled(claim.release());

    const again = await claimed(second, 'event');
    await settled(again.release());
    const last = await claimed(first, 'event');
    await settled(last.commit());
    expect(await claimOf(second, 'event')).toBe('duplicate');
  });

  it('lets exactly one of 100 concurrent claims of an event succeed', async () => {
    const [first, second] = await two();

    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => claimOf(i % 2 ? first : second, 'event')));

    expect(results.filter((result) => typeof result === 'object')).toHaveLength(1);
    expect(results.filter((result) => result === 'busy')).toHaveLength(99);
  });

  it('ends the claim of a process that has died after its time, for exactly one of the others', async () => {
    const scheduler = virtualTime();
    const [first, second] = await two({ claimTtl: 60_000, scheduler });
    await claimed(first, 'event');
    await scheduler.advanceBy(59_999);
    expect(await claimOf(second, 'event')).toBe('busy');

    await scheduler.advanceBy(1);
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => claimOf(i % 2 ? first : second, 'event')));

    expect(results.filter((result) => typeof result === 'object')).toHaveLength(1);
    expect(results.filter((result) => result === 'busy')).toHaveLength(19);
  });

  it('does not let a claim that was taken over commit or release', async () => {
    const scheduler = virtualTime();
    const [first, second] = await two({ claimTtl: 1_000, scheduler });
    const dead = await claimed(first, 'event');
    await scheduler.advanceBy(1_000);
    const living = await claimed(second, 'event');

    await settled(dead.release());
    await expect(settled(dead.commit())).rejects.toBeInstanceOf(WrongRevisionError);

    expect(await claimOf(first, 'event')).toBe('busy');
    await settled(living.commit());
    expect(await claimOf(first, 'event')).toBe('duplicate');
  });

  it('remembers an event as long as its bucket does', async () => {
    const [first, second] = await two({}, 500);
    await settled((await claimed(first, 'event')).commit());
    expect(await claimOf(second, 'event')).toBe('duplicate');

    await until(async () => typeof (await claimOf(second, 'event')) === 'object', { deadline: 5_000 });
  });

  it.for(['', ' ', 'a.b.*', '>', 'straße', 'x'.repeat(10_000), 'urn:source\nid'])(
    'takes any text as a key: %j',
    async (key) => {
      const [first, second] = await two();

      await settled((await claimed(first, key)).commit());

      expect(await claimOf(second, key)).toBe('duplicate');
      expect(typeof (await claimOf(second, `${key}.`))).toBe('object');
    },
  );

  it('finds its own claim when the server did not say that it has it', async () => {
    const own = await testNatsServer({ binary });
    const connection = await connected(own.url);
    const store = kvDedupeStore(connection, { bucket: await testBucket(connection), api: { timeout: 300 } });

    await own.pause();
    const claim = claimOf(store, 'event');
    await until(() => own.running);
    setTimeout(() => own.resume(), 400);

    expect(typeof (await claim)).toBe('object');
  });

  it('takes over a claim whose release the server did not answer', async () => {
    const own = await testNatsServer({ binary });
    const connection = await connected(own.url);
    const store = kvDedupeStore(connection, { bucket: await testBucket(connection), api: { timeout: 200 } });
    const claim = await claimed(store, 'event');

    await own.kill();
    await expect(settled(claim.release())).rejects.toMatchObject({ code: expect.any(String) });
    await own.restart();

    await until(async () => typeof (await claimOf(store, 'event')) === 'object');
  });

  it('makes a delivery fail when the server is gone, and handles it when it is back', async () => {
    const own = await testNatsServer({ binary });
    const connection = await connected(own.url);
    const bucket = await testBucket(connection);
    const store = kvDedupeStore(connection, { bucket, api: { timeout: 200 } });
    const run = () =>
      firstValueFrom(
        of(fakeDelivery()).pipe(
          dedupe(store),
          handle(() => 'done'),
        ),
      );

    await own.kill();
    const failed = await run();
    await own.restart();

    expect(failed).toMatchObject({ kind: 'failed', error: { code: 'STORE_FAILED', operation: 'claim' } });
    expect((failed as { error: unknown }).error).toBeInstanceOf(StoreFailedError);
    await until(async () => (await run()).kind === 'succeeded');
  });

  it('refuses bad options', async () => {
    const connection = await connected(server.url);

    expect(() => kvDedupeStore(connection, { bucket: 'a.b' })).toThrow(InvalidNameError);
    expect(() => kvDedupeStore(connection, { bucket: 'b', claimTtl: 0 })).toThrow(RangeError);
  });
});

function claimOf(store: DedupeStore, key: string): Promise<ClaimResult> {
  return firstValueFrom(from(store.claim(key) as ObservableInput<ClaimResult>));
}

async function claimed(store: DedupeStore, key: string): Promise<Claim> {
  const result = await claimOf(store, key);
  if (typeof result === 'string') throw new Error(`It is ${result}`);
  return result;
}

async function settled(answer: ObservableInput<unknown> | void): Promise<void> {
  if (answer !== undefined) await firstValueFrom(from(answer));
}
