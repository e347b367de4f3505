import { expect, it } from 'vitest';
import { describeOnEachServer, isAtLeast } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { failureOf, publisherRig, receipts, sample, samples } from './publisher-rig.ts';

const address = 'SHOP.a';

describeOnEachServer('jetstreamPublisher', (binary) => {
  const rigOf = (options = {}) => publisherRig({ server: { binary, ...options } });

  it('publishes where the stream is as expected', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');
    const publish = (id: string, expect: object, at = address) =>
      receipts(rig.publish(sample(id), { address: at, expect }));

    await publish('1', { lastSequence: 0, lastAddressSequence: 0, stream: 'SHOP' });
    await publish('2', { lastAddressSequence: 0 }, 'SHOP.b');
    await publish('3', { lastSequence: 2, lastAddressSequence: 1, lastMessageId: '/rig 2' });

    expect(await rig.count('SHOP')).toBe(3);
  });

  it.each([
    [{ lastSequence: 1 }, { expected: 1, actual: 2 }],
    [{ lastAddressSequence: 0 }, { expected: 0, actual: 1 }],
    [
      { lastSequence: 2, lastAddressSequence: 0 },
      { expected: 0, actual: 1 },
    ],
    [
      { lastSequence: 1, lastAddressSequence: 1 },
      { expected: 1, actual: 2 },
    ],
    [{ lastMessageId: 'other' }, { expected: 'other', actual: '/rig b' }],
    [{ stream: 'OTHER' }, { expected: 'OTHER', actual: 'SHOP' }],
  ])('refuses an event that expects %j, and says what is', async (expectation, found) => {
    const rig = await rigOf();
    await rig.stream('SHOP');
    await receipts(rig.publish(sample('a'), { address }));
    await receipts(rig.publish(sample('b'), { address: 'SHOP.b' }));

    const error = await failureOf(rig.publish(sample('c'), { address, expect: expectation }));

    expect(error).toMatchObject({ name: 'WrongSequenceError', outcome: 'refused', address, ...found });
    expect(await rig.count('SHOP')).toBe(2);
  });

  it.each([
    [{ max_msgs: 2 }, /maximum messages exceeded/],
    [{ max_bytes: 700 }, /maximum bytes exceeded/],
    [{ max_msgs_per_subject: 2, discard_new_per_subject: true }, /maximum messages per subject exceeded/],
  ])('refuses what a stream with %j has no room for, after the receipts of what it had', async (limits, limit) => {
    const rig = await rigOf();
    await rig.stream('SHOP', { discard: 'new', ...limits });
    const sequences: unknown[] = [];

    const failure = await new Promise((resolve, reject) => {
      const published = rig.publish(samples(20), { address });
      published.subscribe({ next: ({ sequence }) => sequences.push(sequence), error: resolve, complete: reject });
    });

    expect(failure).toMatchObject({ name: 'LimitReachedError', outcome: 'refused', stream: 'SHOP' });
    expect((failure as { limit: string }).limit).toMatch(limit);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(await rig.count('SHOP')).toBe(sequences.length);
  });

  it('refuses what is larger than a message of the stream may be', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { max_msg_size: 100 });

    const error = await failureOf(rig.publish(sample('a', 'x'.repeat(100)), { address }));

    expect(error).toMatchObject({ name: 'LimitReachedError', outcome: 'refused', stream: 'SHOP' });
  });

  it('sends nothing of a list that holds what is larger than the server takes', async () => {
    const rig = await rigOf({ config: 'max_payload: 1KB' });
    await rig.stream('SHOP');

    const error = await failureOf(rig.publish([sample('a'), sample('b', 'x'.repeat(1_024))], { address }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
    expect(String(error)).toMatch(/has \d{4} bytes, and the server takes 1024/);
    expect(rig.sent()).toBe(0);
  });

  it('hands on the headers that are given, and leaves out what told a server what to do', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');
    const headers = Object.freeze({ traceparent: '00-1', 'Nats-Msg-Id': 'old', 'nats-expected-last-sequence': '77' });

    await receipts(rig.publish(sample('a'), { address, headers }));

    const stored = await rig.at('SHOP', 1);
    expect(stored.headers).toContain('traceparent: 00-1\r\n');
    expect(stored.headers.match(/nats-[^\r]*/gi)).toEqual(['Nats-Msg-Id: /rig a']);
  });

  it('refuses a message id that would end its header', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');

    const error = await failureOf(rig.publish(sample('a'), { address, messageId: 'a\r\nNats-TTL: 1s' }));

    expect(error).toBeInstanceOf(TypeError);
    expect(rig.sent()).toBe(0);
  });

  const hasLevel1 = isAtLeast(binary, '2.11.0');
  const hasLevel2 = isAtLeast(binary, '2.12.0');

  it.runIf(!hasLevel1)('publishes nothing that the server would keep for ever in place of dropping it', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');

    const error = await failureOf(rig.publish(sample('a'), { address, ttl: 1_000 }));

    expect(error).toMatchObject({ name: 'UnsupportedByServerError', needs: '2.11' });
    expect(await rig.count('SHOP')).toBe(0);
  });

  it.runIf(!hasLevel2).each([{ at: '2030-01-01T00:00:00Z' }, { atomic: true }])(
    'publishes nothing with %j, which the server would not do',
    async (option) => {
      const rig = await rigOf();
      await rig.stream('SHOP', { subjects: ['SHOP.>', 'scheduled.SHOP.>'] });

      const error = await failureOf(rig.publish(samples(2), { address, ...option }));

      expect(error).toMatchObject({ name: 'UnsupportedByServerError', needs: '2.12' });
      expect(String(error)).toContain(`this is ${binary.version}`);
      expect(await rig.count('SHOP')).toBe(0);
    },
  );

  it.runIf(hasLevel1)('has the stream drop an event after its time to live', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { allow_msg_ttl: true, max_age: 60e9 });

    await receipts(rig.publish(sample('a'), { address, ttl: 1_000 }));
    await receipts(rig.publish(sample('b'), { address, ttl: 'never' }));

    expect((await rig.at('SHOP', 1)).headers).toContain('Nats-TTL: 1000ms');
    expect((await rig.at('SHOP', 2)).headers).toContain('Nats-TTL: never');
    await until(async () => (await rig.count('SHOP')) === 1);
  });

  it.runIf(hasLevel1)('refuses a time to live where the stream has none, and stores nothing', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');

    const error = await failureOf(rig.publish(sample('a'), { address, ttl: 1_000 }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused', cause: { errorCode: 10166 } });
    expect(await rig.count('SHOP')).toBe(0);
  });

  it.runIf(hasLevel2)('has the stream publish an event when its time has come', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { subjects: ['SHOP.>', 'scheduled.SHOP.>'], allow_msg_schedules: true });
    const at = Date.now() + 1_200;

    const [receipt] = await receipts(rig.publish(sample('later'), { address, at }));
    const [again] = await receipts(rig.publish(sample('later'), { address, at }));

    expect(receipt).toMatchObject({ stream: 'SHOP', sequence: 1, duplicate: false });
    expect(receipt?.address).toMatch(/^scheduled\.SHOP\.a\.[\w-]{43}$/);
    expect(again).toMatchObject({ sequence: 1, duplicate: true });
    const delivered = await until(() => rig.at('SHOP', 2));
    expect(Date.now()).toBeGreaterThanOrEqual(at);
    expect(delivered).toMatchObject({ subject: address, data: expect.stringContaining('"id":"later"') });
    expect(await rig.count('SHOP')).toBe(1);
  });

  it.runIf(hasLevel2)('keeps a schedule at the address that is given, where another takes its place', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { allow_msg_schedules: true });
    const later = (id: string, time: string) =>
      receipts(rig.publish(sample(id), { address, at: time, scheduleAddress: ({ type }) => `SHOP.schedules.${type}` }));

    await later('a', '2100-01-01T00:00:00Z');
    const [second] = await later('b', '2000-01-01T00:00:00Z');

    expect(second).toMatchObject({ address: 'SHOP.schedules.rig.sampled', sequence: 2 });
    expect(await until(() => rig.at('SHOP', 3))).toMatchObject({ data: expect.stringContaining('"id":"b"') });
    expect(await rig.count('SHOP')).toBe(1);
  });

  it.runIf(hasLevel2)('refuses a schedule that the stream does not take', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { subjects: ['SHOP.>', 'scheduled.SHOP.>'] });

    const error = await failureOf(rig.publish(sample('a'), { address, at: Date.now() }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused', cause: { errorCode: 10188 } });
  });

  it.runIf(hasLevel2)('stores all events of an atomic publish', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { allow_atomic: true });
    await receipts(rig.publish(sample('before'), { address }));
    const expectation = { lastSequence: 1, lastAddressSequence: 1, stream: 'SHOP' };

    const given = await receipts(rig.publish(samples(1_000), { address, atomic: true, expect: expectation }));
    const [single] = await receipts(rig.publish(sample('single'), { address, atomic: true }));

    expect(given.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 2));
    expect(given[0]).toEqual({ address, stored: true, stream: 'SHOP', sequence: 2, duplicate: false });
    expect((await rig.at('SHOP', 1_001)).data).toContain('"id":"e1000"');
    expect(single).toMatchObject({ sequence: 1_002 });
    expect(rig.wire.inbox.size).toBe(0);
  });

  it.runIf(hasLevel2).each([
    [{}, { expect: { lastSequence: 7 } }, { name: 'WrongSequenceError', expected: 7, actual: 1 }],
    [{}, { messageId: 'same' }, { cause: { errorCode: 10201 } }],
    [{ allow_atomic: false }, {}, { cause: { errorCode: 10174 } }],
    [{ max_msgs: 3, discard: 'new' }, {}, { outcome: 'refused' }],
  ])('stores nothing of an atomic publish that a stream with %j refuses with %j', async (config, options, expected) => {
    const rig = await rigOf();
    await rig.stream('SHOP', { allow_atomic: true, ...config });
    await receipts(rig.publish(sample('before'), { address }));

    const error = await failureOf(rig.publish(samples(5), { address, atomic: true, ...options }));

    expect(error).toMatchObject({ outcome: 'refused', ...expected });
    expect(await rig.count('SHOP')).toBe(1);
    expect(rig.wire.inbox.size).toBe(0);
  });

  it.runIf(hasLevel2)('does not know what became of an atomic publish that was not confirmed', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP', { allow_atomic: true });
    await receipts(rig.publish(sample('before'), { address, atomic: true }));
    await rig.server.pause();

    const error = await failureOf(rig.publish(samples(3), { address, atomic: true, timeout: 100 }));
    const lost = failureOf(rig.publish(samples(3, 'lost'), { address, atomic: true }));
    await rig.server.kill();

    expect(error).toMatchObject({ outcome: 'unknown' });
    expect(await lost).toMatchObject({ outcome: 'unknown' });
  });

  it.runIf(hasLevel2)('stores an atomic publish whose stream comes a moment later', async () => {
    const rig = await rigOf();
    const given = receipts(rig.publish(samples(3), { address, atomic: true }));
    await until(() => rig.sent() === 3);

    await rig.stream('SHOP', { allow_atomic: true });

    expect((await given).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it.runIf(hasLevel2)('refuses an atomic publish that no stream takes', async () => {
    const rig = await rigOf();

    const error = await failureOf(rig.publish(samples(3), { address, atomic: true }));

    expect(error).toMatchObject({ name: 'UnboundAddressError', address });
  });
});
