import { describe, expect, it } from 'vitest';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { getMessage } from '../../../src/transports/nats/stored-messages.ts';
import type { CopyStart, StreamSource } from '../../../src/transports/nats/stream-config.ts';
import { ensureStream, streamInfo } from '../../../src/transports/nats/streams.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { ask, failure, operator, provisioningRig, store } from './provisioning-rig.ts';

/** Three messages, each stored at a time of its own. */
interface Origin {
  readonly name: string;
  readonly times: readonly number[];
}

interface Start {
  readonly what: string;
  from(origin: Origin): CopyStart | undefined;
  readonly copies: number;
}

const starts: Start[] = [
  { what: 'all by default', from: () => undefined, copies: 3 },
  { what: 'all', from: () => 'all', copies: 3 },
  { what: 'what is new', from: () => 'new', copies: 0 },
  { what: 'from a sequence', from: () => ({ sequence: 2 }), copies: 2 },
  { what: 'from the last sequence', from: () => ({ sequence: 3 }), copies: 1 },
  { what: 'from a time before all', from: ({ times }) => ({ time: times[0]! - 60_000 }), copies: 3 },
  { what: 'from a time between', from: ({ times }) => ({ time: new Date(times[2]!) }), copies: 1 },
  { what: 'from a time after all', from: ({ times }) => ({ time: times[2]! + 1_000 }), copies: 0 },
];

describeOnEachServer('ensureStream, copies', (binary) => {
  const rig = provisioningRig(binary);

  async function origin(connection: NatsConnectionLike): Promise<Origin> {
    const name = rig.unique();
    await ask(ensureStream(connection, { name, subjects: [`${name}.>`] }));
    const times: number[] = [];
    for (const _ of [1, 2, 3]) {
      const sequence = await store(connection, `${name}.old`);
      const message = await ask(getMessage(connection, name, { sequence }));
      times.push(message!.time);
      await until(() => Date.now() > message!.time + 1, { interval: 2 });
    }
    return { name, times };
  }

  /** Resolves when a copy holds so many messages. */
  async function holds(connection: NatsConnectionLike, name: string, messages: number): Promise<void> {
    let found = -1;
    await until(
      async () => {
        found = (await ask(streamInfo(connection, name))).messages;
        return found === messages;
      },
      { describe: () => `${messages} messages, last ${found}` },
    );
  }

  function copyOf(kind: 'mirror' | 'sources', source: StreamSource) {
    return kind === 'mirror' ? { mirror: source } : { sources: [source] };
  }

  describe.for(['mirror', 'sources'] as const)('%s', (kind) => {
    it.for(starts)('copies $what', async ({ from, copies, what }) => {
      const connection = await rig.connect();
      const made = await origin(connection);
      const name = rig.unique();
      const start = from(made);

      await ask(
        ensureStream(connection, {
          name,
          ...copyOf(kind, { stream: made.name, ...(start === undefined ? {} : { from: start }) }),
        }),
      );
      await holds(connection, name, copies);

      if (what === 'from a time after all') await until(() => Date.now() > made.times[2]! + 1_001);
      await store(connection, `${made.name}.new`);
      await holds(connection, name, copies + 1);
    });

    it('keeps to where it started when asked for what is new again', async () => {
      const connection = await rig.connect();
      const { name: stream } = await origin(connection);
      const config = { name: rig.unique(), ...copyOf(kind, { stream, from: 'new' }) };

      const first = await ask(ensureStream(connection, config));
      await store(connection, `${stream}.new`);
      const second = await ask(ensureStream(connection, config));

      expect(second.config).toEqual(first.config);
      await holds(connection, config.name, 1);
    });

    it('keeps to where it started when its start is not named', async () => {
      const connection = await rig.connect();
      const { name: stream } = await origin(connection);
      const name = rig.unique();
      const first = await ask(ensureStream(connection, { name, ...copyOf(kind, { stream, from: { sequence: 3 } }) }));

      const second = await ask(ensureStream(connection, { name, description: 'changed', ...copyOf(kind, { stream }) }));

      expect(second.config).toEqual({ ...first.config, description: 'changed' });
    });

    it('copies all that a stream gets that is yet to be made', async () => {
      const connection = await rig.connect();
      const [stream, name] = [rig.unique(), rig.unique()];
      const config = { name, ...copyOf(kind, { stream, from: 'new' }) };

      const { config: kept } = await ask(ensureStream(connection, config));

      const source = kept.mirror ?? kept.sources[0];
      expect(source).toEqual({ stream, from: 'all' });
    });

    it('copies what is at an address', async () => {
      const connection = await rig.connect();
      const { name: stream } = await origin(connection);
      await store(connection, `${stream}.other.one`);
      const name = rig.unique();

      const made = await ask(
        ensureStream(connection, { name, ...copyOf(kind, { stream, filter: `${stream}.other.*` }) }),
      );

      await holds(connection, name, 1);
      expect(made.config.mirror ?? made.config.sources[0]).toMatchObject({ filter: `${stream}.other.*` });
    });

    it('reads the domain and the prefixes of a source again', async () => {
      const connection = await rig.connect();
      const near: StreamSource = { stream: 'FAR', from: 'all', domain: 'hub' };
      const far: StreamSource = {
        ...{ stream: 'FAR', from: 'all' },
        external: { apiPrefix: 'imported.api', deliverPrefix: 'imported.deliver' },
      };

      for (const source of [near, far]) {
        const { config } = await ask(ensureStream(connection, { name: rig.unique(), ...copyOf(kind, source) }));

        expect(config.mirror ?? config.sources[0]).toEqual(source);
      }
    });
  });

  it('mirrors no other stream later on', async () => {
    const connection = await rig.connect();
    const [one, other] = [await origin(connection), await origin(connection)];
    const name = rig.unique();
    await ask(ensureStream(connection, { name, mirror: { stream: one.name } }));

    const error = await failure(ensureStream(connection, { name, mirror: { stream: other.name } }));

    expect(error).toMatchObject({ name: 'StreamConflictError', stream: name });
  });

  it('gathers several streams, in the order given, and lets go of one', async () => {
    const connection = await rig.connect();
    const [one, other] = [await origin(connection), await origin(connection)];
    const name = rig.unique();

    const first = await ask(
      ensureStream(connection, { name, sources: [{ stream: one.name }, { stream: other.name, from: 'new' }] }),
    );
    expect(first.config.sources.map(({ stream }) => stream)).toEqual([one.name, other.name]);
    await holds(connection, name, 3);

    const second = await ask(ensureStream(connection, { name, sources: [{ stream: other.name }] }));
    expect(second.config.sources).toEqual([first.config.sources[1]]);
    await store(connection, `${other.name}.new`);
    await holds(connection, name, 4);
  });

  it('stores addresses of its own beside what it gathers', async () => {
    const connection = await rig.connect();
    const { name: stream } = await origin(connection);
    const name = rig.unique();
    await ask(ensureStream(connection, { name, subjects: [`${name}.own`], sources: [{ stream }] }));

    await store(connection, `${name}.own`);

    await holds(connection, name, 4);
  });

  it('leaves the sources alone when it does not name them', async () => {
    const connection = await rig.connect();
    const { name: stream } = await origin(connection);
    const name = rig.unique();
    await ask(ensureStream(connection, { name, sources: [{ stream, from: { sequence: 2 } }] }));

    await ask(ensureStream(connection, { name, maxMessages: 50 }));

    const { config } = await operator(connection, `STREAM.INFO.${name}`);
    expect(config).toMatchObject({ sources: [{ name: stream, opt_start_seq: 2 }], max_msgs: 50 });
  });

  it('tells how far the copying is', async () => {
    const connection = await rig.connect();
    const { name: stream } = await origin(connection);
    const [mirror, gathering] = [rig.unique(), rig.unique()];
    await ask(ensureStream(connection, { name: mirror, mirror: { stream } }));
    await ask(ensureStream(connection, { name: gathering, sources: [{ stream }] }));
    await Promise.all([holds(connection, mirror, 3), holds(connection, gathering, 3)]);

    expect((await ask(streamInfo(connection, mirror))).mirror).toMatchObject({ stream, lag: 0 });
    expect((await ask(streamInfo(connection, gathering))).sources).toMatchObject([{ stream, lag: 0 }]);
  });
});
