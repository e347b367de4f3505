import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DecodeError, InvalidNameError, RequestTimeoutError } from '../../../src/core/errors.ts';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { connectionStatus } from '../../../src/transports/nats/connection-status.ts';
import {
  BucketNotFoundError,
  ConnectionLostError,
  KeyExistsError,
  WrongRevisionError,
} from '../../../src/transports/nats/errors.ts';
import { kvStore } from '../../../src/transports/nats/kv-store.ts';
import { clients } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer, testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer, describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, connected, testBucket, uniqueBucket } from './kv-rig.ts';

describeOnEachServer('kvStore', (binary) => {
  let server: NatsServerProcess;

  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  describe.for(clients)('on $name', ({ connect }) => {
    async function store(history = 1) {
      const connection = await connect(server.url);
      const bucket = await testBucket(connection, { history });
      return kvStore<string | number>(connection, { bucket });
    }

    it('gets what was put', async () => {
      const values = await store();

      const revision = await firstValueFrom(values.put('a.b', 'one'));

      const entry = await firstValueFrom(values.get('a.b'));
      expect(entry).toEqual({ kind: 'put', key: 'a.b', value: 'one', revision, time: expect.any(Number) });
      expect(Math.abs((entry?.time ?? 0) - Date.now())).toBeLessThan(5_000);
    });

    it('gets undefined for a key that was never put', async () => {
      const values = await store();

      expect(await firstValueFrom(values.get('unset'))).toBeUndefined();
    });

    it('creates a key that is new', async () => {
      const values = await store();

      await firstValueFrom(values.create('a', 'one'));

      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'one' });
    });

    it('does not create a key that exists', async () => {
      const values = await store();
      const revision = await firstValueFrom(values.put('a', 'one'));

      const refusal = firstValueFrom(values.create('a', 'two'));

      await expect(refusal).rejects.toBeInstanceOf(KeyExistsError);
      await expect(refusal).rejects.toMatchObject({ code: 'KEY_EXISTS', key: 'a', bucket: values.bucket, revision });
      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'one' });
    });

    it.for(['delete', 'purge'] as const)('creates a key anew after a %s', async (operation) => {
      const values = await store();
      await firstValueFrom(values.put('a', 'one'));
      await firstValueFrom(values[operation]('a'));

      await firstValueFrom(values.create('a', 'two'));

      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'two' });
    });

    it('updates a key at the right revision', async () => {
      const values = await store();
      const revision = await firstValueFrom(values.put('a', 'one'));

      const next = await firstValueFrom(values.update('a', 'two', revision));

      expect(next).toBeGreaterThan(revision);
      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'two', revision: next });
    });

    it('does not update a key at a wrong revision', async () => {
      const values = await store();
      const revision = await firstValueFrom(values.put('a', 'one'));

      const refusal = firstValueFrom(values.update('a', 'two', revision + 1));

      await expect(refusal).rejects.toBeInstanceOf(WrongRevisionError);
      await expect(refusal).rejects.toMatchObject({ code: 'WRONG_REVISION', key: 'a', expected: revision + 1 });
      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'one' });
    });

    it('updates a key that does not exist, or no longer, from revision 0', async () => {
      const values = await store();

      const first = await firstValueFrom(values.update('a', 'one', 0));
      await firstValueFrom(values.delete('a', { revision: first }));
      await firstValueFrom(values.update('a', 'two', 0));

      await expect(firstValueFrom(values.update('a', 'three', 0))).rejects.toBeInstanceOf(WrongRevisionError);
      expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'two' });
    });

    it('does not update a key that does not exist from a revision above 0', async () => {
      const values = await store();

      await expect(firstValueFrom(values.update('a', 'one', 7))).rejects.toBeInstanceOf(WrongRevisionError);
    });

    it.for(['delete', 'purge'] as const)('gets undefined after a %s', async (operation) => {
      const values = await store();
      const revision = await firstValueFrom(values.put('a', 'one'));

      await expect(firstValueFrom(values[operation]('a', { revision: revision + 1 }))).rejects.toThrow(
        WrongRevisionError,
      );
      await firstValueFrom(values[operation]('a', { revision }));

      expect(await firstValueFrom(values.get('a'))).toBeUndefined();
    });

    it('tells the history of a key, oldest first, and completes', async () => {
      const values = await store(5);
      await firstValueFrom(values.put('a', 1));
      await firstValueFrom(values.put('b', 2));
      await firstValueFrom(values.delete('a'));
      await firstValueFrom(values.put('a', 3));

      const history = await all(values.history('a'));

      expect(history).toMatchObject([{ kind: 'put', value: 1 }, { kind: 'deleted' }, { kind: 'put', value: 3 }]);
      await firstValueFrom(values.purge('a'));
      expect(await all(values.history('a'))).toMatchObject([{ kind: 'purged', key: 'a' }]);
      expect(await all(values.history('unset'))).toEqual([]);
    });

    it('lists the keys that have a value', async () => {
      const values = await store(3);
      expect(await all(values.keys())).toEqual([]);
      for (const key of ['a.x', 'a.y', 'b.x', 'gone']) await firstValueFrom(values.put(key, key));
      await firstValueFrom(values.put('a.x', 'again'));
      await firstValueFrom(values.delete('gone'));

      expect((await all(values.keys())).sort()).toEqual(['a.x', 'a.y', 'b.x']);
      expect((await all(values.keys('a.*'))).sort()).toEqual(['a.x', 'a.y']);
      expect(await all(values.keys('c.>'))).toEqual([]);
    });

    it('does nothing until it is subscribed', async () => {
      const values = await store();

      const write = values.put('a', 1);
      expect(await firstValueFrom(values.get('a'))).toBeUndefined();

      const [first, second] = [await firstValueFrom(write), await firstValueFrom(write)];
      expect(second).toBeGreaterThan(first);
    });
  });

  it('lets one of many concurrent creates of a key succeed', async () => {
    const connection = await connected(server.url);
    const values = kvStore<number>(connection, { bucket: await testBucket(connection) });

    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) => firstValueFrom(values.create('a', i))),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(KeyExistsError);
    }
  });

  it('reads from any server on request', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const values = kvStore<string>(connection, { bucket, readFrom: 'any' });
    const revision = await firstValueFrom(values.put('a', 'one'));
    await firstValueFrom(values.put('gone', 'one'));
    await firstValueFrom(values.delete('gone'));

    expect(await firstValueFrom(values.get('a'))).toEqual({
      kind: 'put',
      key: 'a',
      value: 'one',
      revision,
      time: expect.any(Number),
    });
    expect(await firstValueFrom(values.get('gone'))).toBeUndefined();
    expect(await firstValueFrom(values.get('unset'))).toBeUndefined();
  });

  it('reads from the leader where the bucket lets nobody else answer', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection, { allowDirect: false });
    const values = kvStore<string>(connection, { bucket, readFrom: 'any' });
    await firstValueFrom(values.put('a', 'one'));

    expect(await firstValueFrom(values.get('a'))).toMatchObject({ value: 'one' });
  });

  it('reads what the key-value store of nats 2 has written, and the reverse', async () => {
    const connection = await connected(server.url);
    const bucket = uniqueBucket();
    const theirs = await connection.jetstream().views.kv(bucket, { history: 5 });
    const ours = kvStore(connection, { bucket, codec: 'text' });

    await theirs.put('theirs', 'one');
    await theirs.put('deleted', 'two');
    await theirs.delete('deleted');
    await theirs.put('purged', 'three');
    await theirs.purge('purged');
    await firstValueFrom(ours.put('ours', 'uno'));
    for (const operation of ['delete', 'purge'] as const) {
      await firstValueFrom(ours.put(`our.${operation}`, 'due'));
      await firstValueFrom(ours[operation](`our.${operation}`));
    }

    expect(await firstValueFrom(ours.get('theirs'))).toMatchObject({ value: 'one' });
    expect(await all(ours.history('deleted'))).toMatchObject([{ kind: 'put' }, { kind: 'deleted' }]);
    expect(await all(ours.history('purged'))).toMatchObject([{ kind: 'purged' }]);
    expect((await all(ours.keys())).sort()).toEqual(['ours', 'theirs']);
    const entry = await theirs.get('ours');
    expect([entry?.string(), entry?.operation]).toEqual(['uno', 'PUT']);
    expect((await theirs.get('our.delete'))?.operation).toBe('DEL');
    expect((await theirs.get('our.purge'))?.operation).toBe('PURGE');
    const keys: string[] = [];
    for await (const key of await theirs.keys()) keys.push(key);
    expect(keys.sort()).toEqual(['ours', 'theirs']);
    await expect(theirs.create('our.delete', 'again')).resolves.toBeGreaterThan(0);
    await expect(theirs.create('ours', 'again')).rejects.toThrow();
  });

  it('is read by nats 2 in a bucket that is ours', async () => {
    const connection = await connected(server.url);
    const bucket = await testBucket(connection, { history: 3, ttl: 60_000 });
    const theirs = await connection.jetstream().views.kv(bucket);
    await firstValueFrom(kvStore(connection, { bucket }).put('a', { deep: [1] }));

    expect((await theirs.get('a'))?.json()).toEqual({ deep: [1] });
    expect(await theirs.status()).toMatchObject({ bucket, history: 3, ttl: 60_000, values: 1 });
  });
});

describeOnLatestServer('kvStore', () => {
  it('says that there is no bucket, whatever is done to it', async () => {
    const connection = await connected((await testNatsServer()).url);
    const values = kvStore(connection, { bucket: 'none' });
    const any = kvStore(connection, { bucket: 'none', readFrom: 'any' });
    const doings = [
      values.get('a'),
      any.get('a'),
      values.put('a', 1),
      values.create('a', 1),
      values.update('a', 1, 1),
      values.delete('a'),
      values.purge('a'),
      values.keys(),
      values.history('a'),
      values.watch(),
    ];

    for (const doing of doings) {
      const failure = firstValueFrom<unknown>(doing);
      await expect(failure).rejects.toBeInstanceOf(BucketNotFoundError);
      await expect(failure).rejects.toMatchObject({ code: 'BUCKET_NOT_FOUND', bucket: 'none' });
    }
  });

  it.for(['', 'a..b', '.a', 'a.', 'a b', 'a*', 'a.>', 'ä', 'a\r\nb'])('refuses %j as a key', async (key) => {
    const values = kvStore(await connected((await testNatsServer()).url), { bucket: 'b' });

    expect(() => values.get(key)).toThrow(InvalidNameError);
    expect(() => values.put(key, 1)).toThrow(InvalidNameError);
    expect(() => values.create(key, 1)).toThrow(InvalidNameError);
    expect(() => values.update(key, 1, 1)).toThrow(InvalidNameError);
    expect(() => values.delete(key)).toThrow(InvalidNameError);
    expect(() => values.purge(key)).toThrow(InvalidNameError);
    expect(() => values.history(key)).toThrow(InvalidNameError);
  });

  it('refuses bad options', async () => {
    const connection = await connected((await testNatsServer()).url);
    const values = kvStore(connection, { bucket: 'b' });

    for (const bucket of ['', 'a.b', 'a b', 'ä', '>']) {
      expect(() => kvStore(connection, { bucket })).toThrow(InvalidNameError);
    }
    expect(() => kvStore(connection, { bucket: 'b', codec: 'xml' as 'json' })).toThrow(TypeError);
    expect(() => kvStore(connection, { bucket: 'b', readFrom: 'me' as 'any' })).toThrow(TypeError);
    expect(() => values.update('a', 1, -1)).toThrow(RangeError);
    expect(() => values.delete('a', { revision: 0.5 })).toThrow(RangeError);
    for (const filter of ['', '>.a', 'a.*b', 'a..b']) expect(() => values.watch(filter)).toThrow(InvalidNameError);
    expect(() => values.watch('>', { from: 'then' as 'new' })).toThrow(TypeError);
    expect(() => values.watch('>', { from: { revision: 0 } })).toThrow(RangeError);
    expect(() => values.watch('>', { heartbeat: 50 })).toThrow(RangeError);
  });

  it('writes bytes, text and what a codec of your own writes', async () => {
    const connection = await connected((await testNatsServer()).url);
    const bucket = await testBucket(connection);
    const bytes = kvStore(connection, { bucket, codec: 'bytes' });
    const text = kvStore(connection, { bucket, codec: 'text' });
    const own = kvStore<number>(connection, {
      bucket,
      codec: { encode: (value) => Uint8Array.of(value), decode: ([value = 0]) => value },
    });

    await firstValueFrom(bytes.put('bytes', Uint8Array.of(0, 255)));
    await firstValueFrom(text.put('text', 'straße'));
    await firstValueFrom(own.put('own', 42));
    await firstValueFrom(text.put('empty', ''));

    expect((await firstValueFrom(bytes.get('bytes')))?.value).toEqual(Uint8Array.of(0, 255));
    expect((await firstValueFrom(bytes.get('own')))?.value).toEqual(Uint8Array.of(42));
    expect((await firstValueFrom(text.get('text')))?.value).toBe('straße');
    expect((await firstValueFrom(own.get('own')))?.value).toBe(42);
    expect((await firstValueFrom(text.get('empty')))?.value).toBe('');
  });

  it('fails a write of what the codec cannot write, and a read of what it cannot read', async () => {
    const connection = await connected((await testNatsServer()).url);
    const bucket = await testBucket(connection);
    const json = kvStore(connection, { bucket });
    await firstValueFrom(kvStore(connection, { bucket, codec: 'text' }).put('a', '{'));

    await expect(firstValueFrom(json.put('b', undefined))).rejects.toBeInstanceOf(TypeError);
    await expect(firstValueFrom(json.get('a'))).rejects.toBeInstanceOf(DecodeError);
    expect(await all(json.history('a'))).toMatchObject([
      { kind: 'undecodable', key: 'a', error: { code: 'DECODE_FAILED' } },
    ]);
  });

  it('says that it got no answer in time', async () => {
    const server = await testNatsServer();
    const connection = await connected(server.url);
    const bucket = await testBucket(connection);
    const values = kvStore(connection, { bucket, api: { timeout: 100 } });

    await server.pause();

    await expect(firstValueFrom(values.put('a', 1))).rejects.toBeInstanceOf(RequestTimeoutError);
    await expect(firstValueFrom(values.get('a'))).rejects.toBeInstanceOf(RequestTimeoutError);
    await server.resume();
  });

  it('fails a write that finds no connection in time, and does not write it later', async () => {
    const server = await testNatsServer();
    const connection = await connected(server.url);
    const values = kvStore(connection, { bucket: await testBucket(connection), api: { timeout: 100 } });

    await server.kill();
    await until(() => isDisconnected(connection));
    await expect(firstValueFrom(values.put('a', 1))).rejects.toBeInstanceOf(ConnectionLostError);
    await server.restart();

    await until(() => firstValueFrom(values.put('b', 1)));
    expect(await firstValueFrom(values.get('a'))).toBeUndefined();
  });

  it('writes when the connection comes back in time', async () => {
    const server = await testNatsServer();
    const connection = await connected(server.url);
    const values = kvStore(connection, { bucket: await testBucket(connection) });

    await server.kill();
    await until(() => isDisconnected(connection));
    const write = firstValueFrom(values.put('a', 1));
    await server.restart();

    await expect(write).resolves.toBe(1);
  });
});

async function isDisconnected(connection: NatsConnectionLike): Promise<boolean> {
  return (await firstValueFrom(connectionStatus(connection))).kind !== 'connected';
}
