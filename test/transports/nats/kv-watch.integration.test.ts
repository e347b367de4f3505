import type { NatsConnection } from 'nats';
import { firstValueFrom, merge } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TransportClosedError } from '../../../src/core/errors.ts';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { BucketNotFoundError } from '../../../src/transports/nats/errors.ts';
import { deleteBucket } from '../../../src/transports/nats/kv-bucket.ts';
import { kvStore } from '../../../src/transports/nats/kv-store.ts';
import { clients } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer, testNatsServer } from '../../support/nats/nats-server.ts';
import { testTcpProxy } from '../../support/nats/proxy.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, connected, consumersOf, testBucket, watched } from './kv-rig.ts';

describeOnEachServer('kvStore().watch', (binary) => {
  let server: NatsServerProcess;

  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  async function put(url: string, bucket: string, values: Readonly<Record<string, number>>): Promise<void> {
    const store = kvStore<number>(await connected(url), { bucket });
    for (const [key, value] of Object.entries(values)) await firstValueFrom(store.put(key, value));
  }

  describe.for(clients)('on $name', ({ connect }) => {
    it('tells the last values, that they are current, and then each change', async () => {
      const connection = await connect(server.url);
      const bucket = await testBucket(connection, { history: 5 });
      const store = kvStore<number>(connection, { bucket });
      await put(server.url, bucket, { a: 1, b: 2 });
      await firstValueFrom(store.put('a', 3));

      const watch = watched(store.watch());
      await until(() => watch.words.includes('current'));
      await firstValueFrom(store.put('b', 4));
      await firstValueFrom(store.delete('a'));
      await firstValueFrom(store.purge('b'));

      await until(() => watch.words.length === 6);
      expect(watch.words).toEqual(['put b=2', 'put a=3', 'current', 'put b=4', 'deleted a', 'purged b']);
    });

    it('is current at once in an empty bucket, and when it begins with what is new', async () => {
      const connection = await connect(server.url);
      const bucket = await testBucket(connection);
      const store = kvStore<number>(connection, { bucket });

      const empty = watched(store.watch());
      await until(() => empty.words.length > 0);
      await firstValueFrom(store.put('a', 1));
      const fresh = watched(store.watch('>', { from: 'new' }));
      await until(() => fresh.words.length > 0);
      await firstValueFrom(store.put('a', 2));

      await until(() => empty.words.length === 3 && fresh.words.length === 2);
      expect(empty.words).toEqual(['current', 'put a=1', 'put a=2']);
      expect(fresh.words).toEqual(['current', 'put a=2']);
    });
  });

  it('begins with all that are kept, or at a revision', async () => {
    const connection = await connected(server.url);
    const store = kvStore<number>(connection, { bucket: await testBucket(connection, { history: 5 }) });
    const revisions: number[] = [];
    for (const value of [1, 2, 3]) revisions.push(await firstValueFrom(store.put('a', value)));

    const from = watched(store.watch('>', { from: 'all' }));
    const at = watched(store.watch('>', { from: { revision: revisions[1] ?? 0 } }));

    await until(() => from.words.includes('current') && at.words.includes('current'));
    expect(from.words).toEqual(['put a=1', 'put a=2', 'put a=3', 'current']);
    expect(at.words).toEqual(['put a=2', 'put a=3', 'current']);
  });

  it('tells of the keys that match', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const store = kvStore<number>(connection, { bucket });
    await put(server.url, bucket, { 'a.x': 1, 'a.y': 2, 'b.x': 3 });

    const watches = ['a.*', 'b.x', 'c.>'].map((filter) => watched(store.watch(filter)));
    await until(() => watches.every(({ words }) => words.includes('current')));
    await put(server.url, bucket, { 'b.x': 4, 'c.x': 5 });

    await until(() => watches[1]!.words.length === 3 && watches[2]!.words.length === 2);
    expect(watches.map(({ words }) => words)).toEqual([
      ['put a.x=1', 'put a.y=2', 'current'],
      ['put b.x=3', 'current', 'put b.x=4'],
      ['current', 'put c.x=5'],
    ]);
  });

  it('is current after the values that there were, though others come faster than it reads', async () => {
    const connection = await connected(server.url);
    const writer = await connected(server.url);
    const bucket = await testBucket(connection, { history: 64 });
    const store = kvStore(connection, { bucket, codec: 'bytes' });
    const large = new Uint8Array(20_000); // so that the server cannot send all at once
    await all(merge(...Array.from({ length: 1_000 }, (_, i) => store.put(`k${i}`, large))));
    let read = 0;

    const readBefore = await new Promise<number>((resolve, reject) => {
      const subscription = store.watch().subscribe({
        next(event) {
          if (read === 0) for (let i = 0; i < 20_000; i++) writer.publish(`$KV.${bucket}.busy.${i}`, '1');
          if (event.kind === 'current') resolve(read);
          read += 1;
        },
        error: reject,
      });
      onTestFinished(() => subscription.unsubscribe());
    });

    expect(readBefore).toBeGreaterThanOrEqual(1_000);
    expect(readBefore).toBeLessThan(10_000);
  });

  it('leaves no consumer and no subscription behind when it is unsubscribed', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const store = kvStore<number>(connection, { bucket });
    const subscriptions = () => (connection as unknown as { protocol: { subscriptions: { size(): number } } }).protocol;
    await firstValueFrom(store.put('a', 1));
    await consumersOf(connection, bucket); // the client makes an inbox of its own
    const before = subscriptions().subscriptions.size();
    const watches = [1, 2, 3].map(() => watched(store.watch()));
    await until(() => watches.every(({ words }) => words.includes('current')));
    expect(await consumersOf(connection, bucket)).toBe(3);

    for (const { stop } of watches) stop();
    for (let i = 0; i < 10; i++) store.watch().subscribe().unsubscribe(); // before they are made
    await all(store.keys());
    await all(store.history('a'));

    await until(async () => (await consumersOf(connection, bucket)) === 0, { deadline: 2_000 });
    expect(subscriptions().subscriptions.size()).toBe(before);
  });

  it('goes on without gap or repetition when its server is killed and comes back', async () => {
    const own = await testNatsServer({ binary });
    const connection = await connected(own.url);
    const bucket = await testBucket(connection, { history: 5 });
    const store = kvStore<number>(connection, { bucket });
    const watch = watched(store.watch());
    await until(() => watch.words.includes('current'));
    await firstValueFrom(store.put('a', 1));
    await until(() => watch.words.length === 2);

    await own.kill();
    await own.restart();
    await until(() => firstValueFrom(store.put('a', 2)));
    await firstValueFrom(store.put('a', 3));

    await until(() => watch.words.includes('put a=3'));
    expect(watch.words.filter((word) => word !== 'put a=2')).toEqual(['current', 'put a=1', 'put a=3']);
    expect(revisionsOf(watch.seen)).toEqual([...new Set(revisionsOf(watch.seen))].sort((a, b) => a - b));
  });

  it.for(['last', 'new'] as const)('tells of what happened while its connection was cut, from %s', async (from) => {
    const proxy = await testTcpProxy(server.port);
    const connection = await connected(proxy.url);
    const bucket = await testBucket(connection, { history: 64 });
    const store = kvStore<number>(connection, { bucket });
    await put(server.url, bucket, { before: 0 });
    const watch = watched(store.watch('>', { from }));
    await until(() => watch.words.includes('current'));

    proxy.refuse();
    proxy.cut();
    await put(server.url, bucket, { a: 1, b: 2 });
    await proxy.accept();
    await until(() => watch.words.includes('put b=2'));
    await put(server.url, bucket, { c: 3 });

    await until(() => watch.words.includes('put c=3'));
    const expected = ['current', 'put a=1', 'put b=2', 'put c=3'];
    expect(watch.words).toEqual(from === 'last' ? ['put before=0', ...expected] : expected);
  });

  it('is replaced when its consumer is gone', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection, { history: 64 });
    const store = kvStore<number>(connection, { bucket });
    const watch = watched(store.watch('>', { heartbeat: 100 }));
    await until(() => watch.words.includes('current'));
    const manager = await connection.jetstreamManager();
    const [consumer] = await manager.consumers.list(`KV_${bucket}`).next();

    await manager.consumers.delete(`KV_${bucket}`, consumer?.name ?? '');
    for (const value of [1, 2, 3]) await firstValueFrom(store.put('a', value));

    await until(() => watch.words.length === 4);
    expect(watch.words).toEqual(['current', 'put a=1', 'put a=2', 'put a=3']);
    expect(await consumersOf(connection, bucket)).toBe(1);
  });

  it.for([
    ['in the middle', 2],
    ['that was the last one', 5],
  ] as const)('asks again for a message that was lost %s', async ([, lost]) => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection, { history: 64 });
    const watch = watched(kvStore<number>(losing(connection, lost), { bucket }).watch('>', { heartbeat: 100 }));
    await until(() => watch.words.includes('current'));

    await put(server.url, bucket, { a: 1, b: 2, c: 3, d: 4, e: 5 });

    await until(() => watch.words.includes('put e=5'));
    expect(watch.words).toEqual(['current', 'put a=1', 'put b=2', 'put c=3', 'put d=4', 'put e=5']);
    await until(async () => (await consumersOf(connection, bucket)) === 1);
  });

  it('fails when its bucket is deleted', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const watch = watched(kvStore<number>(connection, { bucket }).watch('>', { heartbeat: 100 }));
    await until(() => watch.words.includes('current'));

    await firstValueFrom(deleteBucket(connection, bucket));

    await until(() => watch.ends.length > 0);
    expect(watch.ends[0]).toBeInstanceOf(BucketNotFoundError);
  });

  it('fails when its bucket is replaced by another one of its name', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const store = kvStore<number>(connection, { bucket });
    await put(server.url, bucket, { a: 1, b: 2 });
    const watch = watched(store.watch('>', { heartbeat: 100 }));
    await until(() => watch.words.includes('current'));

    await firstValueFrom(deleteBucket(connection, bucket));
    await testBucket(connection, { bucket });

    await until(() => watch.ends.length > 0);
    expect(watch.ends[0]).toBeInstanceOf(BucketNotFoundError);
  });

  it('completes when its connection is closed, and fails when it is closed before', async () => {
    const connection = await connected(server.url);
    const watch = watched(kvStore<number>(connection, { bucket: await testBucket(connection) }).watch());
    await until(() => watch.words.includes('current'));

    await connection.close();

    await until(() => watch.ends.length > 0);
    expect(watch.ends).toEqual(['complete']);
    await expect(firstValueFrom(kvStore(connection, { bucket: 'b' }).watch())).rejects.toThrow(TransportClosedError);
  });

  it('reads many large values at its own pace', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const store = kvStore(connection, { bucket, codec: 'bytes' });
    const value = new Uint8Array(20_000);
    for (let i = 0; i < 2_000; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, k) => firstValueFrom(store.put(`k${i + k}`, value))));
    }
    let read = 0;

    await new Promise<void>((resolve, reject) => {
      const subscription = store.watch().subscribe({
        next: (event) => {
          if (event.kind !== 'current') read += 1;
          else resolve(subscription.unsubscribe());
        },
        error: reject,
      });
    });

    expect(read).toBe(2_000);
  });

  it('tells of a value that it cannot read, and goes on', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    await firstValueFrom(kvStore(connection, { bucket, codec: 'text' }).put('a', '{'));
    const watch = watched(kvStore<number>(connection, { bucket }).watch());

    await put(server.url, bucket, { b: 1 });

    await until(() => watch.words.includes('put b=1'));
    expect(watch.seen[0]).toMatchObject({ kind: 'undecodable', key: 'a', error: { code: 'DECODE_FAILED' } });
  });
});

/** A connection that loses one entry of those that are delivered over it. */
function losing(connection: NatsConnection, lost: number): NatsConnectionLike {
  let count = 0;
  const subscribe: NatsConnectionLike['subscribe'] = (subject, { callback, ...options } = {}) =>
    (connection as NatsConnectionLike).subscribe(subject, {
      ...options,
      callback(error, message) {
        if (message.subject.startsWith('$KV.')) count += 1;
        if (count !== lost || !message.subject.startsWith('$KV.')) callback?.(error, message);
      },
    });
  return Object.assign(Object.create(connection) as NatsConnectionLike, { subscribe });
}

function revisionsOf(seen: readonly object[]): number[] {
  return seen.flatMap((event) => ('revision' in event ? [event.revision as number] : []));
}
