import { forkJoin } from 'rxjs';
import { expect, it } from 'vitest';
import type { ConsumerConfig, ConsumerSettings, ConsumerStart } from '../../../src/transports/nats/consumer-config.ts';
import { consumerInfo, deleteConsumer, ensureConsumer } from '../../../src/transports/nats/consumers.ts';
import { deleteStream, ensureStream } from '../../../src/transports/nats/streams.ts';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer, isAtLeast } from '../../support/nats/servers.ts';
import { ask, failure, operator, provisioningRig, store } from './provisioning-rig.ts';

type Settings = Omit<Partial<ConsumerConfig>, 'stream' | 'name'>;

const none = Number.POSITIVE_INFINITY;

describeOnEachServer('ensureConsumer', (binary) => {
  const rig = provisioningRig(binary);
  const hasSeveralFilters = isAtLeast(binary, '2.10.0');

  async function withStream() {
    const connection = await rig.connect();
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream, subjects: ['a', 'b', 'c'].map((end) => `${stream}.${end}`) }));
    return { connection, stream, a: `${stream}.a`, b: `${stream}.b`, c: `${stream}.c` };
  }

  it.each(clients)('makes a durable consumer over $name', async (client) => {
    const connection = await rig.connect(client);
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream, subjects: [`${stream}.>`] }));

    const made = await ask(ensureConsumer(connection, { stream, name: 'C', filter: `${stream}.a.*` }));

    expect(made).toMatchObject({ stream, name: 'C', durable: true, pending: 0 });
    expect((await ask(consumerInfo(connection, stream, 'C'))).config).toEqual(made.config);
  });

  it('has the defaults that are documented', async () => {
    const { connection, stream } = await withStream();

    const { config } = await ask(ensureConsumer(connection, { stream, name: 'C' }));

    expect(config).toMatchObject({
      ...{ filter: [], from: 'all', ackWait: 30_000, maxDeliver: none, backoff: [], maxAckPending: 1_000 },
      ...{ inactiveThreshold: none, replayPolicy: 'instant', headersOnly: false },
    });
    const { config: wire } = await operator(connection, `CONSUMER.INFO.${stream}.C`);
    expect(wire).toMatchObject({ ack_policy: 'explicit', durable_name: 'C' });
    expect(wire).not.toHaveProperty('deliver_subject');
  });

  it('does nothing until subscribed', async () => {
    const { connection, stream } = await withStream();

    ensureConsumer(connection, { stream, name: 'C' });

    expect(await failure(consumerInfo(connection, stream, 'C'))).toMatchObject({ code: 'CONSUMER_NOT_FOUND' });
  });

  it('is the same when asked twice', async () => {
    const { connection, stream, a } = await withStream();
    const config: ConsumerConfig = { stream, name: 'C', filter: a, ackWait: 5_000, from: { sequence: 2 } };

    const [first, second] = [
      await ask(ensureConsumer(connection, config)),
      await ask(ensureConsumer(connection, config)),
    ];

    expect(second.config).toEqual(first.config);
    expect(second.created).toBe(first.created);
  });

  it('is safe in parallel, over several connections and for different things', async () => {
    const { connection, stream } = await withStream();
    const others = [connection, await rig.connect(clients[1]!), await rig.connect(), await rig.connect(clients[1]!)];

    for (const name of Array.from({ length: 40 }, () => rig.unique())) {
      const made = await Promise.all(
        others.map((other, i) => ask(ensureConsumer(other, { stream, name, description: `by ${i}` }))),
      );

      expect(new Set(made.map(({ created }) => created)).size).toBe(1);
      expect(made.map(({ config }) => config.description)).toEqual(['by 0', 'by 1', 'by 2', 'by 3']);
    }
  });

  it('keeps what each of several parallel changes names', async () => {
    const { connection, stream } = await withStream();

    await ask(
      forkJoin([
        ensureConsumer(connection, { stream, name: 'C', ackWait: 5_000 }),
        ensureConsumer(connection, { stream, name: 'C', maxDeliver: 5 }),
        ensureConsumer(connection, { stream, name: 'C', maxAckPending: 5 }),
      ]),
    );

    const { config } = await ask(consumerInfo(connection, stream, 'C'));
    expect(config).toMatchObject({ ackWait: 5_000, maxDeliver: 5, maxAckPending: 5 });
  });

  it("leaves an operator's settings alone when it does not name them", async () => {
    const { connection, stream, a, b } = await withStream();
    const limits = { ack_wait: 7e9, max_deliver: 7, max_ack_pending: 77, inactive_threshold: 7_000e9, max_batch: 70 };
    const fixed = { ack_policy: 'explicit', deliver_policy: 'new', replay_policy: 'original', max_waiting: 17 };
    await operator(connection, `CONSUMER.DURABLE.CREATE.${stream}.C`, {
      stream_name: stream,
      config: { durable_name: 'C', filter_subject: a, sample_freq: '50%', ...limits, ...fixed },
    });

    await ask(ensureConsumer(connection, { stream, name: 'C', filter: b, description: 'changed' }));

    const { config } = await operator(connection, `CONSUMER.INFO.${stream}.C`);
    expect(config).toMatchObject({
      ...limits,
      ...fixed,
      sample_freq: '50%',
      filter_subject: b,
      description: 'changed',
    });
  });

  it.for<[string, ConsumerStart, Readonly<Record<string, unknown>>]>([
    ['all', 'all', { deliver_policy: 'all' }],
    ['what is new', 'new', { deliver_policy: 'new' }],
    ['the last', 'last', { deliver_policy: 'last' }],
    ['the last of each address', 'last-per-subject', { deliver_policy: 'last_per_subject' }],
    ['a sequence', { sequence: 5 }, { deliver_policy: 'by_start_sequence', opt_start_seq: 5 }],
    [
      'a time',
      { time: 1_700_000_000_123 },
      { deliver_policy: 'by_start_time', opt_start_time: '2023-11-14T22:13:20.123Z' },
    ],
  ])('starts from %s, for good', async ([, from, wire]) => {
    const { connection, stream, a } = await withStream();
    const config = { stream, name: 'C', filter: a, from };

    expect((await ask(ensureConsumer(connection, config))).config.from).toEqual(from);
    expect(await operator(connection, `CONSUMER.INFO.${stream}.C`)).toMatchObject({ config: wire });
    if (typeof from === 'object' && 'time' in from && !hasSeveralFilters) {
      // This server takes every update of a consumer that starts from a time for a change of that time.
      const refused = await failure(ensureConsumer(connection, { ...config, ackWait: 9_000 }));
      return expect(refused).toMatchObject({ name: 'ConsumerConflictError', stream, consumer: 'C' });
    }
    await ask(ensureConsumer(connection, { ...config, ackWait: 9_000 }));
    expect(
      await failure(ensureConsumer(connection, { ...config, ackWait: 9_999, from: { sequence: 9 } })),
    ).toMatchObject({ name: 'ConsumerConflictError', stream, consumer: 'C' });
    expect((await ask(consumerInfo(connection, stream, 'C'))).config).toMatchObject({ from, ackWait: 9_000 });
  });

  it('takes a time in each form', async () => {
    const { connection, stream } = await withStream();
    const time = 1_700_000_000_123;
    await ask(ensureConsumer(connection, { stream, name: 'C', from: { time } }));

    for (const same of [new Date(time), new Date(time).toISOString(), '2023-11-14T23:13:20.123+01:00']) {
      const { config } = await ask(ensureConsumer(connection, { stream, name: 'C', from: { time: same } }));
      expect(config.from).toEqual({ time });
    }
  });

  it('counts what waits for it', async () => {
    const { connection, stream, a, b } = await withStream();
    for (const address of [a, b, a]) await store(connection, address);

    expect(await ask(ensureConsumer(connection, { stream, name: 'A', filter: a }))).toMatchObject({ pending: 2 });
    expect(await ask(ensureConsumer(connection, { stream, name: 'N', from: 'new' }))).toMatchObject({ pending: 0 });
    expect(await ask(ensureConsumer(connection, { stream, name: 'L', from: 'last' }))).toMatchObject({ pending: 1 });
  });

  it.for<[string, Settings, Settings, Partial<ConsumerSettings>]>([
    ['a lease', {}, { ackWait: 5_000 }, { ackWait: 5_000 }],
    ['another lease', { ackWait: 5_000 }, { ackWait: 6_000 }, { ackWait: 6_000 }],
    ['a last attempt', {}, { maxDeliver: 5 }, { maxDeliver: 5 }],
    ['no last attempt', { maxDeliver: 5 }, { maxDeliver: none }, { maxDeliver: none }],
    ['a bound of what is out', {}, { maxAckPending: 5 }, { maxAckPending: 5 }],
    ['no bound of what is out', { maxAckPending: 5 }, { maxAckPending: none }, { maxAckPending: none }],
    ['leases', {}, { backoff: [1_000, 2_000], maxDeliver: 3 }, { backoff: [1_000, 2_000], maxDeliver: 3 }],
    ['leases in place of one', {}, { backoff: [1_000], maxDeliver: 3, ackWait: 9_000 }, { ackWait: 1_000 }],
    [
      'one lease in place of several',
      { backoff: [1_000, 2_000], maxDeliver: 3 },
      { backoff: [], ackWait: 9_000 },
      { backoff: [], ackWait: 9_000 },
    ],
    ['an end', {}, { inactiveThreshold: 60_000 }, { inactiveThreshold: 60_000 }],
    ['no end', { inactiveThreshold: 60_000 }, { inactiveThreshold: none }, { inactiveThreshold: none }],
    ['headers alone', {}, { headersOnly: true }, { headersOnly: true }],
    ['a sample', {}, { sampleFrequency: 25 }, { sampleFrequency: 25 }],
    ['no sample', { sampleFrequency: 25 }, { sampleFrequency: 0 }, { sampleFrequency: 0 }],
    ['a description', {}, { description: 'What for' }, { description: 'What for' }],
    [
      'bounds of requests',
      {},
      { maxRequestBatch: 10, maxRequestExpires: 60_000, maxRequestMaxBytes: 1_000 },
      { maxRequestBatch: 10, maxRequestExpires: 60_000, maxRequestMaxBytes: 1_000 },
    ],
    ['no bounds of requests', { maxRequestBatch: 10 }, { maxRequestBatch: none }, { maxRequestBatch: none }],
  ])('gets %s', async ([, first, second, expected]) => {
    const { connection, stream } = await withStream();
    await ask(ensureConsumer(connection, { stream, name: 'C', ...first }));

    const { config } = await ask(ensureConsumer(connection, { stream, name: 'C', ...second }));

    expect(config).toMatchObject(expected);
    expect((await ask(consumerInfo(connection, stream, 'C'))).config).toEqual(config);
    expect((await ask(ensureConsumer(connection, { stream, name: 'C', ...second }))).config).toEqual(config);
  });

  it('is made with what is fixed later', async () => {
    const { connection, stream } = await withStream();
    const fixed: Settings = { replayPolicy: 'original', maxWaiting: 17, memoryStorage: true, replicas: 1 };

    const { config } = await ask(ensureConsumer(connection, { stream, name: 'C', ...fixed }));

    expect(config).toMatchObject(fixed);
    expect(await failure(ensureConsumer(connection, { stream, name: 'C', maxWaiting: 18 }))).toMatchObject({
      name: 'ConsumerConflictError',
    });
  });

  it('takes what the stream gives its consumers by default', async ({ skip }) => {
    if (!hasSeveralFilters) skip('needs nats-server 2.10: streams had no limits for consumers');
    const connection = await rig.connect();
    const stream = rig.unique();
    const consumerLimits = { maxAckPending: 50, inactiveThreshold: 600_000 };
    const made = await ask(ensureStream(connection, { name: stream, consumerLimits }));
    expect(made.config.consumerLimits).toEqual(consumerLimits);

    const { config } = await ask(ensureConsumer(connection, { stream, name: 'C' }));

    expect(config).toMatchObject({ maxAckPending: 50 });
    expect(await failure(ensureConsumer(connection, { stream, name: 'D', maxAckPending: 51 }))).toMatchObject({
      name: 'ConsumerConflictError',
    });
    const changed = await ask(ensureStream(connection, { name: stream, consumerLimits: { maxAckPending: 60 } }));
    expect(changed.config.consumerLimits).toEqual({ maxAckPending: 60, inactiveThreshold: 600_000 });
  });

  it('changes its filter, to several, to one and to none', async () => {
    const { connection, stream, a, b, c } = await withStream();
    const several = hasSeveralFilters ? [[b, c], [a], [a, b]] : [];

    for (const filter of [[a], [b], ...several, [], [c]]) {
      const made = await ask(ensureConsumer(connection, { stream, name: 'C', filter }));
      const { config } = await operator(connection, `CONSUMER.INFO.${stream}.C`);

      expect(made.config.filter).toEqual(filter);
      expect(config['filter_subject']).toBe(filter.length === 1 ? filter[0] : undefined);
      expect(config['filter_subjects']).toEqual(filter.length > 1 ? filter : undefined);
    }
  });

  it('does not mind the order of its filters', async ({ skip }) => {
    if (!hasSeveralFilters) skip('needs nats-server 2.10');
    const { connection, stream, a, b } = await withStream();
    const first = await ask(ensureConsumer(connection, { stream, name: 'C', filter: [a, b] }));

    const second = await ask(ensureConsumer(connection, { stream, name: 'C', filter: [b, a] }));

    expect(new Set(second.config.filter)).toEqual(new Set(first.config.filter));
  });

  it('is ephemeral without a name, another one each time, and lives for an hour', async () => {
    const { connection, stream, a } = await withStream();
    const ephemeral = ensureConsumer(connection, { stream, filter: a });

    const [one, other] = [await ask(ephemeral), await ask(ephemeral)];

    expect(one.name).not.toBe(other.name);
    expect(one).toMatchObject({ durable: false, config: { inactiveThreshold: 3_600_000, filter: [a] } });
    expect(await ask(consumerInfo(connection, stream, other.name))).toMatchObject({ durable: false });
  });

  it('makes nothing durable of an ephemeral one', async () => {
    const { connection, stream } = await withStream();
    const { name } = await ask(ensureConsumer(connection, { stream, inactiveThreshold: 60_000 }));

    expect(await failure(ensureConsumer(connection, { stream, name }))).toMatchObject({
      name: 'ConsumerConflictError',
      message: expect.stringContaining('ephemeral'),
    });
  });

  it('does not touch a push consumer', async () => {
    const { connection, stream } = await withStream();
    await operator(connection, `CONSUMER.DURABLE.CREATE.${stream}.C`, {
      stream_name: stream,
      config: { durable_name: 'C', deliver_subject: 'somewhere', ack_policy: 'explicit' },
    });

    expect(await failure(ensureConsumer(connection, { stream, name: 'C', ackWait: 5_000 }))).toMatchObject({
      name: 'ConsumerConflictError',
      message: expect.stringContaining('push'),
    });
  });

  it('fails for a stream that there is not', async () => {
    const connection = await rig.connect();

    for (const name of ['C', undefined]) {
      const config = name === undefined ? { stream: 'NONE' } : { stream: 'NONE', name };
      expect(await failure(ensureConsumer(connection, config))).toMatchObject({ name: 'StreamNotFoundError' });
    }
  });

  it.for<[ConsumerConfig, string]>([
    [{ stream: '', name: 'C' }, 'InvalidNameError'],
    [{ stream: 'a.b', name: 'C' }, 'InvalidNameError'],
    [{ stream: 'NONE', name: '' }, 'InvalidNameError'],
    [{ stream: 'NONE', name: 'a.b' }, 'InvalidNameError'],
    [{ stream: 'NONE', name: 'a*' }, 'InvalidNameError'],
    [{ stream: 'NONE', name: 'C', filter: '' }, 'InvalidAddressError'],
    [{ stream: 'NONE', name: 'C', filter: ['a', 'b..c'] }, 'InvalidAddressError'],
    [{ stream: 'NONE', name: 'C', ackWait: 0 }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', ackWait: none }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', maxDeliver: 0 }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', maxAckPending: 1.5 }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', backoff: [0] }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', sampleFrequency: 101 }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', from: { sequence: 0 } }, 'RangeError'],
    [{ stream: 'NONE', name: 'C', from: 'first' as 'all' }, 'TypeError'],
    [{ stream: 'NONE', name: 'C', priorityGroups: ['far too long a name'] }, 'TypeError'],
    [{ stream: 'NONE', name: 'C', pauseUntil: 'soon' }, 'TypeError'],
    [{ stream: 'NONE', inactiveThreshold: none }, 'TypeError'],
    [{ stream: 'NONE', name: 'C', maxDelivery: 5 } as ConsumerConfig, 'TypeError'],
  ])('refuses %o with a %s', async ([config, error]) => {
    const connection = await rig.connect();

    expect(await failure(ensureConsumer(connection, config))).toMatchObject({ name: error });
  });

  it.for<[Settings, string]>([
    [{ filter: ['a.*', 'a.b'] }, "'filter'"],
    [{ backoff: [1_000, 2_000], maxDeliver: 1 }, "'backoff'"],
  ])('refuses what contradicts itself: %o', async ([config, words]) => {
    const { connection, stream } = await withStream();

    expect(await failure(ensureConsumer(connection, { stream, name: 'C', ...config }))).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining(words),
    });
  });

  it('cannot take what another one takes of a work queue', async () => {
    const connection = await rig.connect();
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream, subjects: [`${stream}.*`], retention: 'workqueue' }));
    await ask(ensureConsumer(connection, { stream, name: 'A', filter: `${stream}.a` }));

    const refused = [
      { stream, name: 'B', filter: `${stream}.*` },
      { stream, name: 'C', filter: `${stream}.a` },
      { stream, name: 'D' },
      { stream, name: 'E', filter: `${stream}.e`, from: 'new' as const },
    ];

    for (const config of refused) {
      expect(await failure(ensureConsumer(connection, config))).toMatchObject({
        name: 'ConsumerConflictError',
        consumer: config.name,
      });
    }
  });
});

describeOnEachServer('consumerInfo', (binary) => {
  const rig = provisioningRig(binary);

  it('fails for what there is not', async () => {
    const connection = await rig.connect();
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream }));

    expect(await failure(consumerInfo(connection, stream, 'NONE'))).toMatchObject({
      ...{ name: 'ConsumerNotFoundError', stream, consumer: 'NONE' },
    });
    expect(await failure(consumerInfo(connection, 'NONE', 'NONE'))).toMatchObject({ name: 'StreamNotFoundError' });
    expect(await failure(consumerInfo(connection, stream, 'a.b'))).toMatchObject({ name: 'InvalidNameError' });
  });
});

describeOnEachServer('deleteConsumer', (binary) => {
  const rig = provisioningRig(binary);

  it.each(clients)('tells whether there was one over $name', async (client) => {
    const connection = await rig.connect(client);
    const stream = rig.unique();
    await ask(ensureStream(connection, { name: stream }));
    await ask(ensureConsumer(connection, { stream, name: 'C' }));

    expect(await ask(deleteConsumer(connection, stream, 'C'))).toBe(true);
    expect(await ask(deleteConsumer(connection, stream, 'C'))).toBe(false);
    await ask(deleteStream(connection, stream));
    expect(await failure(deleteConsumer(connection, stream, 'C'))).toMatchObject({ name: 'StreamNotFoundError' });
  });
});
