import { firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';
import { InvalidNameError, StreamConflictError } from '../../../src/core/errors.ts';
import { BucketNotFoundError, UnsupportedByServerError } from '../../../src/transports/nats/errors.ts';
import { bucketInfo, deleteBucket, ensureBucket } from '../../../src/transports/nats/kv-bucket.ts';
import { kvStore } from '../../../src/transports/nats/kv-store.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer, isAtLeast } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { connected, testBucket, watched } from './kv-rig.ts';

describeOnEachServer('ensureBucket', (binary) => {
  it('makes the stream that other clients take for a bucket', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    await firstValueFrom(ensureBucket(connection, { bucket: 'b' }));

    const { config } = await (await connection.jetstreamManager()).streams.info('KV_b');
    expect(config).toMatchObject({
      subjects: ['$KV.b.>'],
      max_msgs_per_subject: 1,
      discard: 'new',
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
      max_age: 0,
      storage: 'file',
      num_replicas: 1,
    });
  });

  it('makes it as it is told', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    const info = await firstValueFrom(
      ensureBucket(connection, {
        bucket: 'b',
        history: 5,
        ttl: 60_000,
        maxBytes: 1_000_000,
        maxValueSize: 1_000,
        storage: 'memory',
        description: 'for a test',
        allowDirect: false,
      }),
    );

    expect(info).toMatchObject({ bucket: 'b', history: 5, ttl: 60_000, keys: 0, entries: 0, lastRevision: 0 });
    const { config } = await (await connection.jetstreamManager()).streams.info('KV_b');
    expect(config).toMatchObject({
      max_msgs_per_subject: 5,
      max_age: 60_000_000_000,
      max_bytes: 1_000_000,
      max_msg_size: 1_000,
      storage: 'memory',
      description: 'for a test',
      allow_direct: false,
    });
  });

  it('changes what is named of one that is there, and nothing else', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);
    await testBucket(connection, { bucket: 'b', history: 5, ttl: 60_000, allowDirect: false });
    await firstValueFrom(kvStore(connection, { bucket: 'b' }).put('a', 1));

    const info = await firstValueFrom(ensureBucket(connection, { bucket: 'b', maxBytes: 10_000 }));

    expect(info).toMatchObject({ history: 5, ttl: 60_000, keys: 1, entries: 1, lastRevision: 1 });
    expect(info.stream.config).toMatchObject({ maxBytes: 10_000 });
    expect(info.stream.config.allowDirect ?? false).toBe(false);
  });

  it('is made once by several at a time', async () => {
    const server = await testNatsServer({ binary });
    const connections = await Promise.all([1, 2, 3].map(() => connected(server.url)));

    const infos = await Promise.all(
      connections.map((connection) => firstValueFrom(ensureBucket(connection, { bucket: 'b', history: 3 }))),
    );

    expect(infos.map(({ history }) => history)).toEqual([3, 3, 3]);
  });

  it('refuses to change what is fixed', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);
    await testBucket(connection, { bucket: 'b', storage: 'file' });

    const refusal = firstValueFrom(ensureBucket(connection, { bucket: 'b', storage: 'memory' }));

    await expect(refusal).rejects.toBeInstanceOf(StreamConflictError);
  });

  it('says that a server is too old for compression, and makes nothing', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    const made = firstValueFrom(ensureBucket(connection, { bucket: 'b', compression: 's2' }));

    if (isAtLeast(binary, '2.10.0')) {
      expect((await made).stream.config.compression).toBe('s2');
    } else {
      await expect(made).rejects.toBeInstanceOf(UnsupportedByServerError);
      await expect(firstValueFrom(bucketInfo(connection, 'b'))).rejects.toBeInstanceOf(BucketNotFoundError);
    }
  });

  it('leaves a mark where a value went by its age, where the server can', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    const made = firstValueFrom(ensureBucket(connection, { bucket: 'b', ttl: 1_000, markerTtl: 5_000 }));

    if (!isAtLeast(binary, '2.11.0')) return expect(made).rejects.toBeInstanceOf(UnsupportedByServerError);
    await made;
    const values = kvStore(connection, { bucket: 'b' });
    await firstValueFrom(values.put('a', 1));
    const watch = watched(values.watch());
    await until(() => watch.words.includes('purged a'));
  });

  it('refuses bad options', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    expect(() => ensureBucket(connection, { bucket: 'a.b' })).toThrow(InvalidNameError);
    expect(() => bucketInfo(connection, '')).toThrow(InvalidNameError);
    expect(() => deleteBucket(connection, '>')).toThrow(InvalidNameError);
    expect(() => ensureBucket(connection, { bucket: 'b', history: 0 })).toThrow(RangeError);
    expect(() => ensureBucket(connection, { bucket: 'b', history: 65 })).toThrow(RangeError);
  });
});

describeOnEachServer('bucketInfo', (binary) => {
  it('tells what is in a bucket', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);
    await testBucket(connection, { bucket: 'b', history: 2 });
    const values = kvStore(connection, { bucket: 'b' });
    for (const key of ['a', 'a', 'a', 'b']) await firstValueFrom(values.put(key, 1));

    expect(await firstValueFrom(bucketInfo(connection, 'b'))).toMatchObject({
      bucket: 'b',
      keys: 2,
      entries: 3,
      lastRevision: 4,
    });
  });

  it('says that there is no bucket', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);

    await expect(firstValueFrom(bucketInfo(connection, 'none'))).rejects.toBeInstanceOf(BucketNotFoundError);
  });
});

describeOnEachServer('deleteBucket', (binary) => {
  it('deletes a bucket, and tells whether there was one', async () => {
    const connection = await connected((await testNatsServer({ binary })).url);
    await testBucket(connection, { bucket: 'b' });

    expect(await firstValueFrom(deleteBucket(connection, 'b'))).toBe(true);
    expect(await firstValueFrom(deleteBucket(connection, 'b'))).toBe(false);
  });
});
