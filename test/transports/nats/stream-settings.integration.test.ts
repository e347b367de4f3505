import { expect, it } from 'vitest';
import type { StreamConfig, StreamSettings } from '../../../src/transports/nats/stream-config.ts';
import { ensureStream, streamInfo } from '../../../src/transports/nats/streams.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { ask, failure, operator, provisioningRig } from './provisioning-rig.ts';

type Settings = Partial<StreamConfig>;

/** What a stream is made with, what it is then changed to, and what it is after that. */
interface Change {
  readonly what: string;
  readonly first: Settings;
  readonly second?: Settings;
  readonly expected: Partial<StreamSettings>;
}

const none = Number.POSITIVE_INFINITY;
const age = { maxAge: 3_600_000 };
const messages = { maxMessages: 100 };
const bytes = { maxBytes: 10_000 };

const limits: Change[] = [
  { what: 'an age', first: age, expected: age },
  { what: 'an age that is added', first: {}, second: age, expected: age },
  { what: 'an age that is changed', first: age, second: { maxAge: 7_200_000 }, expected: { maxAge: 7_200_000 } },
  { what: 'an age that is removed', first: age, second: { maxAge: none }, expected: { maxAge: none } },
  { what: 'a number', first: messages, expected: messages },
  { what: 'a number that is added', first: {}, second: messages, expected: messages },
  { what: 'a number that is changed', first: messages, second: { maxMessages: 9 }, expected: { maxMessages: 9 } },
  { what: 'a number that is removed', first: messages, second: { maxMessages: none }, expected: { maxMessages: none } },
  { what: 'a size', first: bytes, expected: bytes },
  { what: 'a size that is added', first: {}, second: bytes, expected: bytes },
  { what: 'a size that is changed', first: bytes, second: { maxBytes: 99_999 }, expected: { maxBytes: 99_999 } },
  { what: 'a size that is removed', first: bytes, second: { maxBytes: none }, expected: { maxBytes: none } },
  { what: 'age and number', first: { ...age, ...messages }, expected: { ...age, ...messages } },
  {
    what: 'age and number that are changed',
    first: { ...age, ...messages },
    second: { maxAge: 7_200_000, maxMessages: 9 },
    expected: { maxAge: 7_200_000, maxMessages: 9 },
  },
  {
    what: 'age and number that are removed',
    first: { ...age, ...messages },
    second: { maxAge: none, maxMessages: none },
    expected: { maxAge: none, maxMessages: none },
  },
  { what: 'an age, and a number that is added', first: age, second: messages, expected: { ...age, ...messages } },
  {
    what: 'a number in place of an age',
    first: age,
    second: { ...messages, maxAge: none },
    expected: { ...messages, maxAge: none },
  },
  { what: 'age and size', first: { ...age, ...bytes }, expected: { ...age, ...bytes } },
  {
    what: 'age and size that are changed',
    first: { ...age, ...bytes },
    second: { maxAge: 7_200_000, maxBytes: 99 },
    expected: { maxAge: 7_200_000, maxBytes: 99 },
  },
  {
    what: 'age and size that are removed',
    first: { ...age, ...bytes },
    second: { maxAge: none, maxBytes: none },
    expected: { maxAge: none, maxBytes: none },
  },
  { what: 'an age, and a size that is added', first: age, second: bytes, expected: { ...age, ...bytes } },
  {
    what: 'a size in place of an age',
    first: age,
    second: { ...bytes, maxAge: none },
    expected: { ...bytes, maxAge: none },
  },
  { what: 'number and size', first: { ...messages, ...bytes }, expected: { ...messages, ...bytes } },
  {
    what: 'number and size that are changed',
    first: { ...messages, ...bytes },
    second: { maxMessages: 9, maxBytes: 99 },
    expected: { maxMessages: 9, maxBytes: 99 },
  },
  {
    what: 'number and size that are removed',
    first: { ...messages, ...bytes },
    second: { maxMessages: none, maxBytes: none },
    expected: { maxMessages: none, maxBytes: none },
  },
  { what: 'a number, and a size that is added', first: messages, second: bytes, expected: { ...messages, ...bytes } },
  { what: 'all three', first: { ...age, ...messages, ...bytes }, expected: { ...age, ...messages, ...bytes } },
  {
    what: 'number and size, and an age that is added',
    first: { ...messages, ...bytes },
    second: age,
    expected: { ...age, ...messages, ...bytes },
  },
  { what: 'none', first: {}, expected: { maxAge: none, maxMessages: none, maxBytes: none, maxConsumers: none } },
  { what: 'a number of consumers', first: { maxConsumers: 3 }, expected: { maxConsumers: 3 } },
];

const settings: Change[] = [
  { what: 'discards old messages by default', first: {}, expected: { discard: 'old' } },
  { what: 'discards old messages', first: { discard: 'old' }, expected: { discard: 'old' } },
  { what: 'discards new messages', first: { discard: 'new' }, expected: { discard: 'new' } },
  {
    what: 'discards new messages of an address',
    first: { discard: 'new', discardNewPerSubject: true, maxMessagesPerSubject: 5 },
    expected: { discard: 'new', discardNewPerSubject: true, maxMessagesPerSubject: 5 },
  },
  { what: 'goes from new to old', first: { discard: 'new' }, second: { discard: 'old' }, expected: { discard: 'old' } },
  { what: 'knows a message id for two minutes', first: {}, expected: { duplicateWindow: 120_000 } },
  {
    what: 'knows a message id for a minute',
    first: { duplicateWindow: 60_000 },
    expected: { duplicateWindow: 60_000 },
  },
  {
    what: 'knows a message id for another time',
    first: {},
    second: { duplicateWindow: 60_000 },
    expected: { duplicateWindow: 60_000 },
  },
  {
    what: 'knows a message id no longer than the message',
    first: { maxAge: 60_000 },
    expected: { duplicateWindow: 60_000 },
  },
  {
    what: 'knows a message id no longer than the message, also later',
    first: {},
    second: { maxAge: 30_000 },
    expected: { maxAge: 30_000, duplicateWindow: 30_000 },
  },
  { what: 'takes messages of any size', first: {}, expected: { maxMessageSize: none } },
  { what: 'takes messages up to a size', first: { maxMessageSize: 2e6 }, expected: { maxMessageSize: 2e6 } },
  { what: 'gets a size', first: {}, second: { maxMessageSize: 2e6 }, expected: { maxMessageSize: 2e6 } },
  {
    what: 'gets another size',
    first: { maxMessageSize: 2e6 },
    second: { maxMessageSize: 3e6 },
    expected: { maxMessageSize: 3e6 },
  },
  {
    what: 'loses its size',
    first: { maxMessageSize: 2e6 },
    second: { maxMessageSize: none },
    expected: { maxMessageSize: none },
  },
  { what: 'is in files by default', first: {}, expected: { storage: 'file' } },
  { what: 'is in files', first: { storage: 'file' }, expected: { storage: 'file' } },
  { what: 'is in memory', first: { storage: 'memory' }, expected: { storage: 'memory' } },
  { what: 'is on one server by default', first: {}, expected: { replicas: 1 } },
  { what: 'is on one server', first: { replicas: 1 }, expected: { replicas: 1 } },
  { what: 'is a work queue', first: { retention: 'workqueue' }, expected: { retention: 'workqueue' } },
  { what: 'is of interest', first: { retention: 'interest' }, expected: { retention: 'interest' } },
  { what: 'is described', first: {}, second: { description: 'What for' }, expected: { description: 'What for' } },
  {
    what: 'has the flags of old servers',
    first: { noAck: true, allowRollup: true, denyDelete: true, denyPurge: false, allowDirect: true },
    expected: { noAck: true, allowRollup: true, denyDelete: true, denyPurge: false, allowDirect: true },
  },
  { what: 'is sealed', first: {}, second: { sealed: true }, expected: { sealed: true } },
  {
    what: 'is published again',
    first: { republish: { source: '>', destination: 'again.>', headersOnly: true } },
    expected: { republish: { source: '>', destination: 'again.>', headersOnly: true } },
  },
];

describeOnEachServer('ensureStream, limits', (binary) => {
  const rig = provisioningRig(binary);

  it.for(limits)('has $what', ({ first, second, expected }) => check(first, second, expected));
  it.for(settings)('$what', ({ first, second, expected }) => check(first, second, expected));

  async function check(first: Settings, second: Settings | undefined, expected: Settings): Promise<void> {
    const connection = await rig.connect();
    const name = rig.unique();
    const subjects = [`${name}.>`];
    let made = await ask(ensureStream(connection, { name, subjects, ...first }));
    if (second !== undefined) made = await ask(ensureStream(connection, { name, ...second }));

    expect(made.config).toMatchObject({ subjects, ...expected });
    expect((await ask(streamInfo(connection, name))).config).toEqual(made.config);
    expect((await ask(ensureStream(connection, { name, ...first, ...second }))).config).toEqual(made.config);
  }

  it('keeps durations to the millisecond, however long', async () => {
    const connection = await rig.connect();
    const maxAge = 10 * 365 * 86_400_000 + 1;

    expect((await ask(ensureStream(connection, { name: rig.unique(), maxAge }))).config.maxAge).toBe(maxAge);
  });

  it('removes a description', async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    await ask(ensureStream(connection, { name, description: 'one' }));

    expect((await ask(ensureStream(connection, { name, description: '' }))).config).not.toHaveProperty('description');
  });
});

describeOnEachServer('ensureStream, refusals', (binary) => {
  const rig = provisioningRig(binary);

  it.for<[Settings, string]>([
    [{ discardNewPerSubject: true, maxMessagesPerSubject: 5 }, 'TypeError'],
    [{ discardNewPerSubject: true, discard: 'new' }, 'TypeError'],
    [{ discard: 'none' as 'old' }, 'TypeError'],
    [{ retention: 'all' as 'limits' }, 'TypeError'],
    [{ storage: 'disk' as 'file' }, 'TypeError'],
    [{ noAck: 1 as unknown as boolean }, 'TypeError'],
    [{ subjects: [] }, 'RangeError'],
    [{ replicas: 0 }, 'RangeError'],
    [{ maxAge: 0 }, 'RangeError'],
    [{ maxAge: Number.NaN }, 'RangeError'],
    [{ maxAge: 1e15 }, 'RangeError'],
    [{ maxMessages: 0 }, 'RangeError'],
    [{ maxMessages: 1.5 }, 'RangeError'],
    [{ maxBytes: -1 }, 'RangeError'],
    [{ duplicateWindow: 0 }, 'RangeError'],
    [{ duplicateWindow: none }, 'RangeError'],
    [{ duplicateWindow: 60_000, maxAge: 30_000 }, 'TypeError'],
    [{ metadata: { '_nats.level': '9' } }, 'TypeError'],
    [{ mirror: { stream: 'A' }, subjects: ['a'] }, 'TypeError'],
    [{ mirror: { stream: 'A' }, sources: [{ stream: 'B' }] }, 'TypeError'],
    [{ sources: [{ stream: 'a.b' }] }, 'InvalidNameError'],
    [{ sources: [{ stream: 'A', filter: 'a..b' }] }, 'InvalidAddressError'],
    [{ sources: [{ stream: 'A', filter: ['a', 'b'] as unknown as string }] }, 'InvalidAddressError'],
    [{ sources: [{ stream: 'A', from: { sequence: 0 } }] }, 'RangeError'],
    [{ sources: [{ stream: 'A', from: 'last' as 'new' }] }, 'TypeError'],
    [{ sources: [{ stream: 'A', from: { time: 'soon' } }] }, 'TypeError'],
  ])('refuses %o with a %s, and makes nothing', async ([config, error]) => {
    const connection = await rig.connect();
    const name = rig.unique();

    expect(await failure(ensureStream(connection, { name, ...config }))).toMatchObject({ name: error });
    expect(await failure(streamInfo(connection, name))).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it.for<[Settings, Settings]>([
    [{ storage: 'file' }, { storage: 'memory' }],
    [{ retention: 'limits' }, { retention: 'workqueue' }],
    [{}, { firstSequence: 5 }],
    [{ denyDelete: true }, { denyDelete: false }],
  ])('refuses to change %o to %o, and changes nothing', async ([first, second]) => {
    const connection = await rig.connect();
    const name = rig.unique();
    const { config } = await ask(ensureStream(connection, { name, maxMessages: 5, ...first }));

    const error = await failure(ensureStream(connection, { name, maxMessages: 6, ...second }));

    expect(error).toMatchObject({ name: 'StreamConflictError', stream: name });
    expect((await ask(streamInfo(connection, name))).config).toEqual(config);
  });

  it('says what else the server refuses in its own words', async () => {
    const connection = await rig.connect();

    const error = await failure(ensureStream(connection, { name: rig.unique(), replicas: 3 }));

    expect(error).toMatchObject({ name: 'JetStreamApiError', errorCode: 10074 });
  });

  it('refuses a rule between fields that only shows with what is there', async () => {
    const connection = await rig.connect();
    const name = rig.unique();
    await operator(connection, `STREAM.CREATE.${name}`, { name, subjects: [name], storage: 'file', max_age: 30e9 });

    const error = await failure(ensureStream(connection, { name, duplicateWindow: 60_000 }));

    expect(error).toMatchObject({ name: 'TypeError', message: expect.stringContaining("'maxAge' 30000") });
  });
});
