import { forkJoin } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { StreamConfig } from '../../../src/transports/nats/stream-config.ts';
import { deleteStream, ensureStream, streamInfo } from '../../../src/transports/nats/streams.ts';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { ask, failure, operator, provisioningRig, store } from './provisioning-rig.ts';

describeOnEachServer('ensureStream', (binary) => {
  const rig = provisioningRig(binary);

  it.each(clients)('makes a stream over $name', async (client) => {
    const connection = await rig.connect(client);
    const name = rig.unique();

    const made = await ask(ensureStream(connection, { name, subjects: [`${name}.>`] }));

    expect(made.config).toMatchObject({ name, subjects: [`${name}.>`] });
    expect(await ask(streamInfo(connection, name))).toMatchObject({ config: made.config, messages: 0 });
  });

  it('does nothing until subscribed', async () => {
    const connection = await rig.connect();
    const name = rig.unique();

    ensureStream(connection, { name });

    expect(await failure(streamInfo(connection, name))).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('stores the address of its name where it names no other', async () => {
    const connection = await rig.connect();
    const name = rig.unique();

    const { config } = await ask(ensureStream(connection, { name }));

    expect(config.subjects).toEqual([name]);
  });

  it.for(['', 'a.b', 'a b', 'a*', 'ö'])('refuses the name %o', async (name) => {
    const connection = await rig.connect();

    expect(await failure(ensureStream(connection, { name }))).toMatchObject({ code: 'INVALID_NAME' });
  });

  it.for(['', 'a..b', '.a', 'a.', 'a b', 'a*', 'a.>.b'])('refuses the address %o', async (subject) => {
    const connection = await rig.connect();
    const name = rig.unique();

    const error = await failure(ensureStream(connection, { name, subjects: [subject] }));

    expect(error).toMatchObject({ code: 'INVALID_ADDRESS' });
    expect(await failure(streamInfo(connection, name))).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('is the same when asked twice', async () => {
    const connection = await rig.connect();
    const config: StreamConfig = { name: rig.unique(), maxAge: 60_000, maxMessages: 10 };

    const first = await ask(ensureStream(connection, config));
    const second = await ask(ensureStream(connection, config));

    expect(second.config).toEqual(first.config);
    expect(second.created).toBe(first.created);
  });

  it.each(clients)('is safe in parallel over $name', async (client) => {
    const connection = await rig.connect(client);
    const config: StreamConfig = { name: rig.unique(), maxMessages: 10 };

    const made = await ask(forkJoin(Array.from({ length: 8 }, () => ensureStream(connection, config))));

    expect(new Set(made.map(({ created }) => created)).size).toBe(1);
  });

  it('is safe in parallel from several connections, also where they ask for different things', async () => {
    const connections = await Promise.all([0, 1, 0, 1].map((client) => rig.connect(clients[client]!)));

    // Who comes first is up to the server, and what it tells the others: several rounds, to meet most of it.
    for (const name of Array.from({ length: 40 }, () => rig.unique())) {
      const made = await Promise.all(
        connections.map((connection, i) => ask(ensureStream(connection, { name, description: `by ${i}` }))),
      );

      expect(new Set(made.map(({ created }) => created)).size).toBe(1);
      expect(made.map(({ config }) => config.description)).toEqual(['by 0', 'by 1', 'by 2', 'by 3']);
    }
  });

  it('keeps what each of several parallel changes names', async () => {
    const connection = await rig.connect();
    const name = rig.unique();

    await ask(
      forkJoin([
        ensureStream(connection, { name, maxAge: 60_000 }),
        ensureStream(connection, { name, maxMessages: 5 }),
        ensureStream(connection, { name, maxBytes: 1_000 }),
      ]),
    );

    const { config } = await ask(streamInfo(connection, name));
    expect(config).toMatchObject({ maxAge: 60_000, maxMessages: 5, maxBytes: 1_000 });
  });

  it("leaves an operator's limits and settings alone when it does not name them", async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    const limits = { max_msgs: 7, max_bytes: 7_777, max_age: 70e9, max_msg_size: 77, max_msgs_per_subject: 3 };
    const others = { deny_delete: true, allow_rollup_hdrs: true, duplicate_window: 7e9, description: 'ours' };
    await operator(connection, `STREAM.CREATE.${name}`, {
      ...{ name, subjects: [`${name}.a`], storage: 'memory', retention: 'interest', discard: 'new' },
      ...limits,
      ...others,
    });

    await ask(ensureStream(connection, { name, subjects: [`${name}.b`] }));

    const { config } = await operator(connection, `STREAM.INFO.${name}`);
    expect(config).toMatchObject({ ...limits, ...others, storage: 'memory', retention: 'interest', discard: 'new' });
    expect(config).toMatchObject({ subjects: [`${name}.b`] });
  });

  it('changes nothing on a stream that is as asked', async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    await operator(connection, `STREAM.CREATE.${name}`, { name, subjects: [name], storage: 'file', max_msgs: 7 });
    const seen: string[] = [];
    const stop = connection.subscribe(`$JS.EVENT.ADVISORY.STREAM.>`, {
      callback: (_, { subject }) => seen.push(subject),
    });
    await connection.flush();

    await ask(ensureStream(connection, { name, maxMessages: 7 }));
    await ask(ensureStream(connection, { name, maxMessages: 8 }));
    await connection.flush();
    stop.unsubscribe();

    const updates = seen.filter((address) => address.includes('.UPDATED.')); // of the creation it may tell this late
    expect(updates).toEqual([`$JS.EVENT.ADVISORY.STREAM.UPDATED.${name}`]);
  });

  it('refuses a field that there is not', async () => {
    const connection = await rig.connect();
    const config = { name: rig.unique(), maxMsgs: 5 } as StreamConfig;

    expect(await failure(ensureStream(connection, config))).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining("'maxMsgs'"),
    });
  });

  describe('subjects', () => {
    const cases: { what: string; first: string[]; second: string[] }[] = [
      { what: 'one', first: ['a'], second: ['a'] },
      { what: 'another one', first: ['a'], second: ['b'] },
      { what: 'several', first: ['a', 'b'], second: ['a', 'b'] },
      { what: 'one fewer', first: ['a', 'b'], second: ['a'] },
      { what: 'one more', first: ['a'], second: ['a', 'b'] },
      { what: 'several with wildcards', first: ['a.*', 'b.>'], second: ['a.*', 'b.>', 'c.*.d'] },
    ];

    it.for(cases)('are $what', async ({ first, second }) => {
      const connection = await rig.connect();
      const name = rig.unique();
      const below = (subjects: string[]) => subjects.map((subject) => `${name}.${subject}`);

      expect((await ask(ensureStream(connection, { name, subjects: below(first) }))).config.subjects).toEqual(
        below(first),
      );
      expect((await ask(ensureStream(connection, { name, subjects: below(second) }))).config.subjects).toEqual(
        below(second),
      );
    });

    it('stay where they are not named', async () => {
      const connection = await rig.connect();
      const name = rig.unique();
      await ask(ensureStream(connection, { name, subjects: [`${name}.a`, `${name}.b`] }));

      const { config } = await ask(ensureStream(connection, { name, description: 'changed' }));

      expect(config.subjects).toEqual([`${name}.a`, `${name}.b`]);
    });

    it('cannot be those of another stream', async () => {
      const connection = await rig.connect();
      const [one, other] = [rig.unique(), rig.unique()];
      await ask(ensureStream(connection, { name: one, subjects: [`${one}.>`] }));

      const error = await failure(ensureStream(connection, { name: other, subjects: [`${one}.a`] }));

      expect(error).toMatchObject({ name: 'StreamConflictError', stream: other, cause: { errorCode: 10065 } });
    });

    it('cannot become those of another stream', async () => {
      const connection = await rig.connect();
      const [one, other] = [rig.unique(), rig.unique()];
      await ask(ensureStream(connection, { name: one }));
      await ask(ensureStream(connection, { name: other }));

      expect(await failure(ensureStream(connection, { name: other, subjects: [one] }))).toMatchObject({
        name: 'StreamConflictError',
        stream: other,
      });
    });

    it.for([[['a.*', 'a.b']], [['>', 'a']], [['a', 'a']]])('cannot overlap: %o', async ([subjects]) => {
      const connection = await rig.connect();

      const error = await failure(ensureStream(connection, { name: rig.unique(), subjects: subjects! }));

      expect(error).toMatchObject({ name: 'TypeError', message: expect.stringContaining('overlap') });
    });
  });
});

describeOnEachServer('streamInfo', (binary) => {
  const rig = provisioningRig(binary);

  it('tells what is in a stream', async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    const { created } = await ask(ensureStream(connection, { name, subjects: [`${name}.>`] }));
    for (const address of ['a', 'b', 'a']) await store(connection, `${name}.${address}`);

    const info = await ask(streamInfo(connection, name));

    expect(info).toMatchObject({ created, messages: 3, firstSequence: 1, lastSequence: 3, subjects: 2, deleted: 0 });
    expect(info.bytes).toBeGreaterThan(3);
    expect(info.firstTime).toBeGreaterThanOrEqual(created);
    expect(info.lastTime).toBeGreaterThanOrEqual(info.firstTime!);
  });

  it('fails for a stream that there is not', async () => {
    const connection = await rig.connect();

    expect(await failure(streamInfo(connection, 'NONE'))).toMatchObject({
      name: 'StreamNotFoundError',
      stream: 'NONE',
    });
    expect(await failure(streamInfo(connection, 'a.b'))).toMatchObject({ code: 'INVALID_NAME' });
  });
});

describeOnEachServer('deleteStream', (binary) => {
  const rig = provisioningRig(binary);

  it.each(clients)('tells whether there was one over $name', async (client) => {
    const connection = await rig.connect(client);
    const name = rig.unique();
    await ask(ensureStream(connection, { name }));

    expect(await ask(deleteStream(connection, name))).toBe(true);
    expect(await ask(deleteStream(connection, name))).toBe(false);
    expect(await failure(streamInfo(connection, name))).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });
});
