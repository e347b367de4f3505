import { LimitReachedError } from 'millrace';
import { ensureConsumer, ensureStream } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, lastOf, publish, sample, shop } from './support.ts';

const address = 'shop.orders';
const SIZE = JSON.stringify([address, {}, sample('1')]).length;

describe('stream', () => {
  it('drops the oldest unless it is told otherwise', () => {
    const { info, publish, stored } = shop({ maxMessages: 1 });

    publish('1 2');

    expect([info().config.discard, stored()]).toEqual(['old', '2']);
  });

  it('refuses the newest at maxMessages with discard new', () => {
    const { transport, publish, stored } = shop({ discard: 'new', maxMessages: 2 });
    publish('1 2');

    const error = errorOf(transport.publish(sample('3'), { address }));

    expect(error).toBeInstanceOf(LimitReachedError);
    expect(error).toMatchObject({ outcome: 'refused', address, stream: 'SHOP', limit: 'maxMessages 2' });
    expect(stored()).toBe('1 2');
  });

  it('refuses the newest at maxBytes with discard new', () => {
    const { transport, publish, stored } = shop({ discard: 'new', maxBytes: 2 * SIZE });
    publish('1 2');

    expect(errorOf(transport.publish(sample('3'), { address }))).toMatchObject({ limit: `maxBytes ${2 * SIZE}` });
    expect(stored()).toBe('1 2');
  });

  it('gives no sequence to what it refuses', () => {
    const { transport, change, publish } = shop({ discard: 'new', maxMessages: 1 });
    publish('1');
    errorOf(transport.publish(sample('2'), { address }));

    change({ maxMessages: 2 });

    expect(publish('3')).toMatchObject([{ sequence: 2 }]);
  });

  it('does not remember the message id of what it refuses', () => {
    const { transport, change, publish } = shop({ discard: 'new', maxMessages: 1 });
    publish('1');
    errorOf(transport.publish(sample('2'), { address }));

    change({ maxMessages: 2 });

    expect(publish('2')).toMatchObject([{ duplicate: false }]);
  });

  it('recognises a duplicate though it is full', () => {
    const { publish } = shop({ discard: 'new', maxMessages: 1 });
    publish('1');

    expect(publish('1')).toMatchObject([{ duplicate: true, sequence: 1 }]);
  });

  it('takes a message again when there is room', async () => {
    const { broker, open, publish, stored, transport } = shop({
      discard: 'new',
      maxMessages: 1,
      retention: 'workqueue',
    });
    lastOf(ensureConsumer(broker, { stream: 'SHOP', name: 'work' }));
    publish('1');
    errorOf(transport.publish(sample('2'), { address }));

    await open('work', ack);
    publish('2');

    expect(stored()).toBe('2');
  });

  it('has room again with discard new when its messages have gone of age', async () => {
    const { time, publish, stored } = shop({ discard: 'new', maxMessages: 1, maxAge: 1_000 });
    publish('1');
    await time.advanceBy(1_000);

    publish('2');

    expect(stored()).toBe('2');
  });

  it('drops the oldest on an address at maxMessagesPerSubject, even with discard new', () => {
    const { publish, stored } = shop({ discard: 'new', maxMessagesPerSubject: 2 });

    publish('1 2 3');

    expect(stored()).toBe('2 3');
  });

  it('replaces the oldest on an address with discard new, though the stream is full', () => {
    const { transport, stored } = shop({ discard: 'new', maxMessagesPerSubject: 1, maxMessages: 2 });
    for (const id of ['a1', 'b1', 'a2']) publish(transport, id, { address: `shop.${id[0]}` });

    expect(stored()).toBe('b1 a2');
    expect(errorOf(transport.publish(sample('c1'), { address: 'shop.c' }))).toMatchObject({ limit: 'maxMessages 2' });
  });

  it('replaces the oldest on an address with discard new where maxBytes have room for the difference', () => {
    const { publish, stored, transport } = shop({ discard: 'new', maxMessagesPerSubject: 1, maxBytes: SIZE + 5 });

    publish('1');
    publish('22222');
    expect(stored()).toBe('22222');

    expect(errorOf(transport.publish(sample('1234567'), { address }))).toBeInstanceOf(LimitReachedError);
    expect(stored()).toBe('22222');
  });

  it('refuses the newest on an address with discardNewPerSubject', () => {
    const { transport, stored } = shop({ discard: 'new', discardNewPerSubject: true, maxMessagesPerSubject: 1 });
    publish(transport, 'a', { address: 'shop.a' });

    const error = errorOf(transport.publish(sample('b'), { address: 'shop.a' }));
    publish(transport, 'c', { address: 'shop.c' });

    expect(error).toMatchObject({ name: 'LimitReachedError', limit: 'maxMessagesPerSubject 1' });
    expect(stored()).toBe('a c');
  });
});

describe('ensureStream', () => {
  it.each([
    [{ discardNewPerSubject: true, maxMessagesPerSubject: 1 }, 'discard'],
    [{ discardNewPerSubject: true, discard: 'new' }, 'maxMessagesPerSubject'],
  ] as const)('refuses %j, and names what it needs', (config, needed) => {
    const { broker } = shop();

    const error = errorOf(ensureStream(broker, { name: 'SHOP', ...config }));

    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain('discardNewPerSubject');
    expect((error as Error).message).toContain(needed);
  });

  it('changes discard from new to old, and keeps the limit', () => {
    const { change, publish, stored } = shop({ discard: 'new', maxMessages: 1 });
    publish('1');

    expect(change({ discard: 'old' }).config).toMatchObject({ discard: 'old', maxMessages: 1 });
    publish('2');

    expect(stored()).toBe('2');
  });

  it('refuses to change discard to old under discardNewPerSubject', () => {
    const { broker } = shop({ discard: 'new', discardNewPerSubject: true, maxMessagesPerSubject: 1 });

    expect(errorOf(ensureStream(broker, { name: 'SHOP', discard: 'old' }))).toBeInstanceOf(TypeError);
  });
});

describe('memoryBroker', () => {
  it('refuses what all its streams together have no room for', () => {
    const { broker, transport, publish: publishHere } = shop({}, { maxMessages: 2 });
    lastOf(ensureStream(broker, { name: 'OTHER', subjects: ['other'] }));
    publishHere('1');
    publish(transport, '2', { address: 'other' });

    const error = errorOf(transport.publish(sample('3'), { address }));

    expect(error).toBeInstanceOf(LimitReachedError);
    expect(error).toMatchObject({ outcome: 'refused', stream: 'SHOP' });
  });

  it('recognises a duplicate though it has no room', () => {
    const { publish } = shop({}, { maxMessages: 1 });
    publish('1');

    expect(publish('1')).toMatchObject([{ duplicate: true, sequence: 1 }]);
  });

  it('lets a full stream replace its oldest message though there is no room for more', () => {
    const { publish, stored } = shop({ maxMessages: 2 }, { maxMessages: 2 });

    publish('1 2 3');

    expect(stored()).toBe('2 3');
  });

  it('has room again when messages of any stream have gone of age', async () => {
    const { time, broker, transport, publish: publishHere } = shop({ maxAge: 1_000 }, { maxMessages: 1 });
    lastOf(ensureStream(broker, { name: 'OTHER', subjects: ['other'] }));
    publishHere('1');
    await time.advanceBy(1_000);

    expect(publish(transport, '2', { address: 'other' })).toMatchObject([{ stored: true }]);
  });

  it('hands what it has no room for to nobody', async () => {
    const { open, publish, transport } = shop({}, { maxMessages: 1 });
    const opened = await open({ address }, ack);
    publish('1');

    errorOf(transport.publish(sample('2'), { address }));

    expect(opened.ids).toEqual(['1']);
  });

  it('refuses a limit that is no whole number', () => {
    expect(() => shop({}, { maxMessages: 0 })).toThrow(RangeError);
    expect(() => shop({}, { maxMessages: 1.5 })).toThrow(RangeError);
  });
});
