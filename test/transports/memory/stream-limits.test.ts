import { LimitReachedError } from 'millrace';
import { deleteMessage, ensureStream } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { errorOf, lastOf, publish, sample, shop } from './support.ts';

const one = sample('1', { data: 'x' });
/** What an event of `publish` counts in bytes, by the definition: address, headers and event as JSON. */
const SIZE = JSON.stringify(['shop.orders', {}, sample('1')]).length;

describe('stream', () => {
  it('drops what is older than maxAge', async () => {
    const { time, publish, stored } = shop({ maxAge: 1_000 });
    publish('1');
    await time.advanceBy(600);
    publish('2');

    await time.advanceBy(399);
    expect(stored()).toBe('1 2');
    await time.advanceBy(1);
    expect(stored()).toBe('2');
    await time.advanceBy(600);

    expect(stored()).toBe('');
  });

  it('drops what is too old though nobody publishes or subscribes', async () => {
    const { time, info, publish } = shop({ maxAge: 1_000 });
    publish('1 2');

    await time.advanceBy(1_000);

    expect(info()).toMatchObject({ messages: 0, firstSequence: 3, lastSequence: 2, subjects: 0 });
    expect(time.pending).toBe(0);
  });

  it('does not find a message to delete that is too old', async () => {
    const { time, broker, publish } = shop({ maxAge: 1_000 });
    publish('1');
    await time.advanceBy(1_000);

    expect(lastOf(deleteMessage(broker, 'SHOP', 1))).toBe(false);
  });

  it('delivers nothing that is too old', async () => {
    const { time, consumer, open, publish } = shop({ maxAge: 1_000 });
    consumer('all');
    publish('1');
    await time.advanceBy(500);
    publish('2');
    await time.advanceBy(500);

    expect((await open('all')).ids).toEqual(['2']);
  });

  it('does not redeliver what has become too old meanwhile', async () => {
    const { time, consumer, open, publish } = shop({ maxAge: 1_000 });
    consumer('all');
    publish('1');
    const opened = await open('all', (delivery) => delivery.nak(1_500));

    await time.advanceBy(10_000);

    expect(opened.ids).toEqual(['1']);
  });

  it('does not count as pending what is too old', async () => {
    const { time, consumer, consumerInfo, publish } = shop({ maxAge: 1_000 });
    consumer('all');
    consumer('orders', { filter: 'shop.orders' });
    publish('1 2');
    expect([consumerInfo('all').pending, consumerInfo('orders').pending]).toEqual([2, 2]);

    await time.advanceBy(1_000);

    expect([consumerInfo('all').pending, consumerInfo('orders').pending]).toEqual([0, 0]);
  });

  it('keeps the newest maxMessages', () => {
    const { info, publish, stored } = shop({ maxMessages: 2 });

    publish('1 2 3 4');

    expect(stored()).toBe('3 4');
    expect(info()).toMatchObject({ messages: 2, firstSequence: 3, lastSequence: 4 });
  });

  it('keeps the newest that maxBytes have room for', () => {
    const { info, publish, stored } = shop({ maxBytes: 2 * SIZE });

    publish('1 2');
    expect(info()).toMatchObject({ messages: 2, bytes: 2 * SIZE });
    publish('3');

    expect(stored()).toBe('2 3');
    expect(info().bytes).toBe(2 * SIZE);
  });

  it('makes as much room in maxBytes as a larger message takes', () => {
    const { publish, transport, stored } = shop({ maxBytes: 3 * SIZE });
    publish('1 2 3');

    lastOf(transport.publish(sample('4', { data: 'x'.repeat(SIZE / 2) }), { address: 'shop.orders' }));

    expect(stored()).toBe('3 4');
  });

  it('refuses a message that would not fit into an empty stream, rather than lose it', () => {
    const { info, transport } = shop({ maxBytes: SIZE });

    const error = errorOf(transport.publish(one, { address: 'shop.orders' }));

    expect(error).toBeInstanceOf(LimitReachedError);
    expect(error).toMatchObject({ outcome: 'refused', stream: 'SHOP' });
    expect(info()).toMatchObject({ messages: 0, lastSequence: 0 });
  });

  it('counts address, headers, data and non-ASCII text by their bytes', () => {
    const { info, transport } = shop({ maxBytes: 10_000 });
    const event = sample('1', { data: 'é', subject: 'ü' });

    lastOf(transport.publish(event, { address: 'shop.orders', headers: { a: 'b' } }));

    const text = JSON.stringify(['shop.orders', { a: 'b' }, event]);
    expect(info().bytes).toBe(text.length + 2);
  });

  it('counts binary data as base64', () => {
    const { info, transport } = shop({ maxBytes: 10_000 });

    lastOf(transport.publish(sample('1', { data: new Uint8Array(301) }), { address: 'shop.orders' }));

    expect(info().bytes).toBe(SIZE + Buffer.from(new Uint8Array(301)).toString('base64').length);
  });

  it('gives back the bytes of messages that go', async () => {
    const { time, broker, info, publish } = shop({ maxBytes: 10_000, maxAge: 1_000 });
    publish('1 2 3');

    lastOf(deleteMessage(broker, 'SHOP', 2));
    expect(info().bytes).toBe(2 * SIZE);
    await time.advanceBy(1_000);

    expect(info().bytes).toBe(0);
  });

  it('refuses a message above maxMessageSize, and takes one of just that size', () => {
    const { publish, transport, stored } = shop({ maxMessageSize: SIZE });

    publish('1');
    const error = errorOf(transport.publish(sample('22'), { address: 'shop.orders' }));

    expect(error).toBeInstanceOf(LimitReachedError);
    expect(error).toMatchObject({ outcome: 'refused', stream: 'SHOP' });
    expect(stored()).toBe('1');
  });

  it('refuses data that cannot be measured', () => {
    const { transport, info } = shop({ maxBytes: 10_000 });

    const error = errorOf(transport.publish(sample('1', { data: 1n }), { address: 'shop.orders' }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused', code: 'INVALID_EVENT' });
    expect(info().messages).toBe(0);
  });

  it('keeps its limits when what it holds cannot be measured for a new one', () => {
    const { broker, transport, change } = shop();
    lastOf(transport.publish(sample('1', { data: 1n }), { address: 'shop.orders' }));

    errorOf(ensureStream(broker, { name: 'SHOP', maxBytes: 10, maxMessages: 7 }));

    expect(change({}).config).toMatchObject({
      maxBytes: Number.POSITIVE_INFINITY,
      maxMessages: Number.POSITIVE_INFINITY,
    });
  });

  it('keeps the newest maxMessagesPerSubject on each address', () => {
    const { transport, stored, info } = shop({ maxMessagesPerSubject: 2 });

    for (const id of ['a1', 'b1', 'a2', 'a3', 'b2', 'a4', 'b3']) publish(transport, id, { address: `shop.${id[0]}` });

    expect(stored()).toBe('a3 b2 a4 b3');
    expect(info().subjects).toBe(2);
  });

  it('counts for maxMessagesPerSubject only what is still there', () => {
    const { broker, publish, stored } = shop({ maxMessagesPerSubject: 2 });
    publish('1 2');
    lastOf(deleteMessage(broker, 'SHOP', 2));

    publish('3');
    expect(stored()).toBe('1 3');
    publish('4');

    expect(stored()).toBe('3 4');
  });

  it('holds all of its limits at a time', () => {
    const { transport, stored } = shop({ maxMessages: 3, maxMessagesPerSubject: 2, maxBytes: 100 * SIZE });

    for (const id of ['a1', 'a2', 'a3', 'b1', 'c1']) publish(transport, id, { address: `shop.${id[0]}` });

    expect(stored()).toBe('a3 b1 c1');
  });
});
