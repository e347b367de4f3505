import { deleteMessage, ensureStream, purgeStream } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, allOf, lastOf, publish, sample, shop } from './support.ts';

describe('stream', () => {
  it('stores an event once, and gives a duplicate the sequence of the first', () => {
    const { publish, stored } = shop();
    publish('0');

    const receipts = [...publish('1'), ...publish('1')];

    expect(receipts).toMatchObject([
      { stored: true, stream: 'SHOP', sequence: 2, duplicate: false },
      { stored: true, stream: 'SHOP', sequence: 2, duplicate: true },
    ]);
    expect(stored()).toBe('0 1');
  });

  it('recognises a duplicate within one batch', () => {
    const { publish } = shop();

    expect(publish('1 1 2').map(({ sequence, duplicate }) => [sequence, duplicate])).toEqual([
      [1, false],
      [1, true],
      [2, false],
    ]);
  });

  it('tells events by source and id', () => {
    const { transport, info } = shop();
    const address = 'shop.orders';

    const events = [sample('1'), sample('1', { source: '/other' }), sample('1', { type: 'other' })];
    const receipts = allOf(transport.publish(events, { address }));

    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false, true]);
    expect(info().messages).toBe(2);
  });

  it('tells events by the message id that it is given, whatever the events', () => {
    const { publish, stored } = shop();

    publish('1', { messageId: 'x' });
    expect(publish('2', { messageId: 'x' })).toMatchObject([{ duplicate: true, sequence: 1 }]);
    publish('1', { messageId: 'y' });

    expect(stored()).toBe('1 1');
  });

  it('takes a message id from a function', () => {
    const { publish } = shop();

    expect(publish('11 12 21', { messageId: ({ id }) => id[0] as string })).toMatchObject([
      { duplicate: false },
      { duplicate: true },
      { duplicate: false },
    ]);
  });

  it.each([false, ''] as const)('knows no duplicates with the message id %j', (messageId) => {
    const { publish, stored } = shop();

    publish('1', { messageId });
    publish('1', { messageId });

    expect(stored()).toBe('1 1');
  });

  it('knows one message id on all addresses of a stream', () => {
    const { publish } = shop();
    publish('1', { address: 'shop.orders' });

    expect(publish('1', { address: 'shop.returns' })).toMatchObject([{ duplicate: true, address: 'shop.returns' }]);
  });

  it('knows the message ids of each stream by itself', () => {
    const { broker, publish: publishHere, transport } = shop();
    lastOf(ensureStream(broker, { name: 'MAIL' }));
    publishHere('1');

    expect(publish(transport, '1', { address: 'MAIL' })).toMatchObject([{ stream: 'MAIL', duplicate: false }]);
  });

  it('remembers for two minutes, and no longer', async () => {
    const { time, publish } = shop();
    publish('1');

    await time.advanceBy(119_999);
    expect(publish('1')).toMatchObject([{ duplicate: true }]);
    await time.advanceBy(1);

    expect(publish('1')).toMatchObject([{ duplicate: false, sequence: 2 }]);
  });

  it('is not made to remember longer by duplicates', async () => {
    const { time, publish } = shop({ duplicateWindow: 1_000 });
    publish('1');
    await time.advanceBy(900);
    publish('1');
    await time.advanceBy(100);

    expect(publish('1')).toMatchObject([{ duplicate: false }]);
  });

  it('remembers as long as it is told to', async () => {
    const { time, publish } = shop({ duplicateWindow: 60_000 });
    publish('1');

    await time.advanceBy(59_999);
    expect(publish('1')).toMatchObject([{ duplicate: true }]);
    await time.advanceBy(1);

    expect(publish('1')).toMatchObject([{ duplicate: false }]);
  });

  it('knows no duplicates with a window of 0', () => {
    const { publish, stored } = shop({ duplicateWindow: 0 });

    publish('1 1');

    expect(stored()).toBe('1 1');
  });

  it('remembers no longer than it keeps messages', async () => {
    const { time, publish, stored } = shop({ maxAge: 1_000 });
    publish('1');

    await time.advanceBy(1_000);

    expect(publish('1')).toMatchObject([{ duplicate: false }]);
    expect(stored()).toBe('1');
  });

  it('remembers a message that was acked, deleted or purged', async () => {
    const { broker, consumer, open, publish, stored } = shop({ retention: 'workqueue' });
    consumer('work');
    publish('acked deleted purged');
    await open({ consumer: 'work', prefetch: 1 }, (delivery) => delivery.event.id === 'acked' && ack(delivery));
    lastOf(deleteMessage(broker, 'SHOP', 2));
    lastOf(purgeStream(broker, 'SHOP'));

    const receipts = publish('acked deleted purged');

    expect(receipts.every(({ duplicate }) => duplicate)).toBe(true);
    expect(stored()).toBe('');
  });

  it('remembers as many ids as it is told to, the newest ones', () => {
    const { transport, publish: publishHere } = shop({ duplicateLimit: 10 });
    for (let n = 1; n <= 100; n += 1) publish(transport, `${n}`, { address: 'shop.orders' });

    expect(publishHere('100 96')).toMatchObject([{ duplicate: true }, { duplicate: true }]);
    expect(publishHere('90')).toMatchObject([{ duplicate: false }]);
  });

  it('keeps what it remembers when something else is changed', () => {
    const { broker, change, publish } = shop();
    publish('1');
    lastOf(deleteMessage(broker, 'SHOP', 1));

    change({ maxMessages: 100 });

    expect(publish('1')).toMatchObject([{ duplicate: true, sequence: 1 }]);
  });

  it.each([
    { change: 'a longer window', config: { duplicateWindow: 600_000 }, wait: 300_000, duplicate: true },
    { change: 'a shorter window', config: { duplicateWindow: 1_000 }, wait: 1_000, duplicate: false },
    { change: 'a lower limit', config: { duplicateLimit: 100 }, wait: 1_000, duplicate: true },
    { change: 'a maxAge', config: { maxAge: 10_000 }, wait: 9_999, duplicate: true },
  ])('applies $change to what it has stored', async ({ config, wait, duplicate }) => {
    const { time, change, publish } = shop();
    publish('1');

    change(config);
    await time.advanceBy(wait);

    expect(publish('1')).toMatchObject([{ duplicate }]);
  });

  it('hands a duplicate to core listeners, as they are not asked what the stream has', async () => {
    const { open, publish } = shop();
    const opened = await open({ address: 'shop.orders' }, ack);

    publish('1');
    publish('1');

    expect(opened.ids).toEqual(['1', '1']);
  });
});
