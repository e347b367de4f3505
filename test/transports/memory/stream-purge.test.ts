import { ConsumerNotFoundError, InvalidAddressError, StreamNotFoundError } from 'millrace';
import { deleteMessage, deleteStream, ensureStream, type PurgeOptions, purgeStream, streamInfo } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { errorOf, heapGrowth, lastOf, publish, type Shop, sample, shop } from './support.ts';

/** A shop that holds a1 b2 a3 b4 a5, named by address and sequence. */
function stocked(): Shop {
  const held = shop();
  for (const id of ['a1', 'b2', 'a3', 'b4', 'a5']) publish(held.transport, id, { address: `shop.${id[0]}` });
  return held;
}

describe('purgeStream', () => {
  it.each<{ options: PurgeOptions; left: string }>([
    { options: {}, left: '' },
    { options: { filter: 'shop.a' }, left: 'b2 b4' },
    { options: { filter: 'shop.*' }, left: '' },
    { options: { filter: 'mail.>' }, left: 'a1 b2 a3 b4 a5' },
    { options: { before: 3 }, left: 'a3 b4 a5' },
    { options: { before: 1 }, left: 'a1 b2 a3 b4 a5' },
    { options: { before: 100 }, left: '' },
    { options: { keep: 2 }, left: 'b4 a5' },
    { options: { keep: 0 }, left: '' },
    { options: { keep: 100 }, left: 'a1 b2 a3 b4 a5' },
    { options: { filter: 'shop.a', before: 5 }, left: 'b2 b4 a5' },
    { options: { filter: 'shop.a', keep: 1 }, left: 'b2 b4 a5' },
    { options: { filter: 'shop.a', before: 5, keep: 1 }, left: 'b2 a3 b4 a5' },
  ])('leaves "$left" with $options', ({ options, left }) => {
    const { broker, stored } = stocked();

    const purged = lastOf(purgeStream(broker, 'SHOP', options));

    expect(stored()).toBe(left);
    expect(purged).toBe(5 - left.split(' ').filter(Boolean).length);
  });

  it('purges when it is subscribed to, and not before', () => {
    const { broker, info } = stocked();
    const purging = purgeStream(broker, 'SHOP');

    expect(info().messages).toBe(5);
    lastOf(purging);

    expect(info()).toMatchObject({ messages: 0, firstSequence: 6, lastSequence: 5, subjects: 0 });
  });

  it('does not count what had gone of age', async () => {
    const { time, broker, publish } = shop({ maxAge: 1_000 });
    publish('1 2');
    await time.advanceBy(1_000);

    expect(lastOf(purgeStream(broker, 'SHOP'))).toBe(0);
  });

  it('takes from consumers what they have not been given yet, and what waits to come again', async () => {
    const { time, broker, consumer, open } = stocked();
    consumer('all', { maxAckPending: 2 });
    const opened = await open('all', (delivery) => delivery.nak(1_000));
    expect(opened.ids).toEqual(['a1', 'b2']);

    lastOf(purgeStream(broker, 'SHOP', { before: 5 }));
    await time.advanceBy(1_000);

    expect(opened.ids).toEqual(['a1', 'b2', 'a5']);
  });

  it('leaves what is out to be settled', async () => {
    const { broker, consumer, consumerInfo, open } = stocked();
    consumer('all', { ackWait: 1_000 });
    const opened = await open('all');

    lastOf(purgeStream(broker, 'SHOP'));

    expect(opened.deliveries.map((delivery) => delivery.ack())).toEqual([true, true, true, true, true]);
    expect(consumerInfo('all')).toMatchObject({ unsettled: 0, pending: 0, redelivering: 0 });
  });

  it('does not redeliver what is out, when it is purged', async () => {
    const { time, broker, consumer, open } = stocked();
    consumer('all', { ackWait: 1_000 });
    const opened = await open('all');
    opened.at(0).nak();

    lastOf(purgeStream(broker, 'SHOP'));
    await time.advanceBy(10_000);

    expect(opened.ids.slice(5)).toEqual(['a1']);
  });

  it('refuses a filter that is not valid', () => {
    expect(errorOf(purgeStream(stocked().broker, 'SHOP', { filter: 'a..b' }))).toBeInstanceOf(InvalidAddressError);
  });

  it('fails where there is no such stream', () => {
    expect(errorOf(purgeStream(stocked().broker, 'OTHER'))).toBeInstanceOf(StreamNotFoundError);
  });
});

describe('deleteMessage', () => {
  it('removes one message, and says whether it was there', () => {
    const { broker, stored } = stocked();
    const deleting = deleteMessage(broker, 'SHOP', 3);
    expect(stored()).toBe('a1 b2 a3 b4 a5');

    expect([lastOf(deleting), lastOf(deleting)]).toEqual([true, false]);

    expect(stored()).toBe('a1 b2 b4 a5');
  });

  it.each([0, 6, -1])('says that there is no message %d', (sequence) => {
    expect(lastOf(deleteMessage(stocked().broker, 'SHOP', sequence))).toBe(false);
  });

  it('takes the message from its consumers', async () => {
    const { broker, consumer, open } = stocked();
    consumer('all');

    lastOf(deleteMessage(broker, 'SHOP', 3));

    expect((await open('all')).ids).toEqual(['a1', 'b2', 'b4', 'a5']);
  });

  it('takes from its consumers a message that waits to come again', async () => {
    const { time, broker, consumer, open } = stocked();
    consumer('all');
    const opened = await open('all', (delivery) => delivery.attempt === 1 && delivery.nak(1_000));

    lastOf(deleteMessage(broker, 'SHOP', 3));
    await time.advanceBy(1_000);

    expect(opened.ids.slice(5)).toEqual(['a1', 'b2', 'b4', 'a5']);
  });

  it('fails where there is no such stream', () => {
    expect(errorOf(deleteMessage(stocked().broker, 'OTHER', 1))).toBeInstanceOf(StreamNotFoundError);
  });

  it('leaves no trace of a message in the list of its address', () => {
    const { broker, transport } = shop({ maxMessagesPerSubject: 10, duplicateWindow: 0 });
    publish(transport, '0', { address: 'shop.orders' });

    const grown = heapGrowth(() => {
      for (let sequence = 2; sequence <= 200_000; sequence += 1) {
        broker.stream('SHOP').store({
          address: 'shop.orders',
          event: sample('x'),
          headers: {},
          messageId: undefined,
          expect: undefined,
        });
        broker.stream('SHOP').remove(sequence - 1);
      }
    });

    expect(grown).toBeLessThan(1_000_000);
  });
});

describe('deleteStream', () => {
  it('deletes a stream with its messages, and says whether there was one', () => {
    const { broker, transport } = stocked();
    const deleting = deleteStream(broker, 'SHOP');
    expect(lastOf(streamInfo(broker, 'SHOP')).messages).toBe(5);

    expect([lastOf(deleting), lastOf(deleting)]).toEqual([true, false]);

    expect(errorOf(streamInfo(broker, 'SHOP'))).toBeInstanceOf(StreamNotFoundError);
    expect(errorOf(transport.publish(sample('1'), { address: 'shop.a' }))).toMatchObject({ code: 'UNBOUND_ADDRESS' });
  });

  it('fails the subscriptions to its consumers', async () => {
    const { broker, consumer, open } = stocked();
    consumer('all');
    const [durable, ephemeral] = [await open('all'), await open({})];

    lastOf(deleteStream(broker, 'SHOP'));

    for (const { end, error } of [durable, ephemeral]) {
      expect(end).toBe('failed');
      expect(error).toBeInstanceOf(ConsumerNotFoundError);
      expect(error).toMatchObject({ stream: 'SHOP' });
    }
  });

  it('leaves no timer behind', async () => {
    const { time, broker, consumer, open } = stocked();
    consumer('all');
    await open('all');
    expect(time.pending).toBe(1);

    lastOf(deleteStream(broker, 'SHOP'));

    expect(time.pending).toBe(0);
  });

  it('leaves nothing of it to a stream that is made again under its name', () => {
    const { broker, info } = stocked();
    lastOf(deleteStream(broker, 'SHOP'));

    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));

    expect(info()).toMatchObject({ messages: 0, lastSequence: 0, consumers: [] });
  });

  it('leaves its deliveries to be settled, without effect on a stream that is made again', async () => {
    const { broker, consumer, open, publish, stored } = shop({ retention: 'workqueue' });
    consumer('work');
    publish('old');
    const opened = await open('work');
    lastOf(deleteStream(broker, 'SHOP'));
    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'], retention: 'workqueue' }));
    publish('new');

    expect(opened.at(0).ack()).toBe(true);

    expect(stored()).toBe('new');
  });
});
