import { deleteMessage, memoryTransport } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, inbox, lastOf, publish, START, shop } from './support.ts';

describe('MemoryPosition', () => {
  it('has the sequence of the receipt', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing');
    const receipts = publish('1 2 3');

    const { deliveries } = await open('billing');

    expect(deliveries.map(({ position }) => position?.sequence)).toEqual(receipts.map(({ sequence }) => sequence));
    expect(deliveries[0]?.position).toMatchObject({ stream: 'SHOP', sequence: 1, consumerSequence: 1, time: START });
  });

  it('keeps its sequence and time on a redelivery, and has another consumer sequence', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing', { ackWait: 1_000 });
    publish('1 2');
    const opened = await open('billing');

    opened.at(0).nak();
    await time.advanceBy(1_000);

    const seen = opened.deliveries.map(({ position }) => [position?.sequence, position?.consumerSequence]);
    expect(seen.slice(0, 3)).toEqual([
      [1, 1],
      [2, 2],
      [1, 3],
    ]);
    expect(opened.deliveries.every(({ position }) => position?.time === START)).toBe(true);
    expect(seen.map(([, consumerSequence]) => consumerSequence)).toEqual(seen.map((_, index) => index + 1));
  });

  it('has the sequence of the stream, not of the consumer, where the consumer filters', async () => {
    const { consumer, open, transport } = shop();
    consumer('b', { filter: 'shop.b' });
    for (const id of ['a1', 'b2', 'a3', 'b4']) publish(transport, id, { address: `shop.${id[0]}` });

    const { deliveries } = await open('b');

    expect(deliveries.map(({ position }) => [position?.sequence, position?.consumerSequence])).toEqual([
      [2, 1],
      [4, 2],
    ]);
  });

  it('counts consumer sequences over all subscriptions of a consumer', async () => {
    const { time, broker, consumer, open, publish } = shop();
    consumer('billing');
    const here = await open('billing');
    const there = inbox(memoryTransport(broker).subscribe({ stream: 'SHOP', consumer: 'billing' }));
    await time.advanceBy(0);

    publish('1 2 3 4');
    await time.advanceBy(0);

    const all = [...here.deliveries, ...there.deliveries].map(({ position }) => position?.consumerSequence);
    expect(all.sort()).toEqual([1, 2, 3, 4]);
  });

  it('has the time at which the message was stored', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing');
    await time.advanceBy(1_234);
    publish('1');
    await time.advanceBy(5_000);

    expect((await open('billing')).at(0).position?.time).toBe(START + 1_234);
  });

  it('says how many messages wait for the consumer, as of the look', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing');
    publish('1 2 3 4 5');
    const pending: unknown[] = [];

    const opened = await open({ consumer: 'billing', prefetch: 1 }, (delivery) => {
      pending.push(delivery.position?.pending);
      delivery.ack();
    });

    expect(pending).toEqual([4, 3, 2, 1, 0]);
    expect(opened.at(0).position?.pending).toBe(0);
    publish('6 7');
    expect(opened.at(0).position?.pending).toBe(2);
  });

  it('counts among those that wait only what the consumer filters for, and what is still there', async () => {
    const { consumer, open, change, transport } = shop();
    consumer('b', { filter: 'shop.b' });
    consumer('all');
    for (const id of ['b1', 'a2', 'b3', 'a4', 'b5']) publish(transport, id, { address: `shop.${id[0]}` });
    const [filtered, all] = [await open({ consumer: 'b', prefetch: 1 }), await open({ consumer: 'all', prefetch: 1 })];
    expect([filtered.at(0).position?.pending, all.at(0).position?.pending]).toEqual([2, 4]);

    change({ maxMessages: 2 });

    expect([filtered.at(0).position?.pending, all.at(0).position?.pending]).toEqual([1, 2]);
  });

  it('does not count among those that wait what was deleted between them', async () => {
    const { broker, consumer, consumerInfo, open, publish } = shop();
    consumer('billing');
    publish('1 2 3 4 5');
    const opened = await open({ consumer: 'billing', prefetch: 1 });

    lastOf(deleteMessage(broker, 'SHOP', 3));

    expect([opened.at(0).position?.pending, consumerInfo('billing').pending]).toEqual([3, 3]);
  });
});

describe('consumerInfo', () => {
  it('says what waits, what is out, what waits for its redelivery, and how much was delivered', async () => {
    const { time, consumer, consumerInfo, open, publish } = shop();
    consumer('billing');
    publish('1 2 3 4 5');
    expect(consumerInfo('billing')).toMatchObject({ pending: 5, unsettled: 0, redelivering: 0, delivered: 0 });
    const opened = await open({ consumer: 'billing', prefetch: 2 });
    expect(consumerInfo('billing')).toMatchObject({ pending: 3, unsettled: 2, redelivering: 0, delivered: 2 });

    opened.at(0).nak(1_000);
    opened.at(1).ack();
    expect(consumerInfo('billing')).toMatchObject({ pending: 1, unsettled: 2, redelivering: 1, delivered: 4 });
    await time.advanceBy(1_000);
    ack(opened.at(2));

    expect(consumerInfo('billing')).toMatchObject({ pending: 1, unsettled: 2, redelivering: 0, delivered: 5 });
  });
});
