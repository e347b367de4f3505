import { deleteConsumer, deleteMessage } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, lastOf, publish, type Shop, shop } from './support.ts';

const interested = (...names: string[]): Shop => {
  const held = shop({ retention: 'interest' });
  for (const name of names) held.consumer(name);
  return held;
};

describe('stream', () => {
  it('keeps nothing that no consumer wants', () => {
    const { publish, info } = interested();

    expect(publish('1 2')).toMatchObject([
      { stored: true, sequence: 1 },
      { stored: true, sequence: 2 },
    ]);

    expect(info()).toMatchObject({ messages: 0, firstSequence: 3, lastSequence: 2 });
  });

  it('keeps only what a consumer filters for', () => {
    const { consumer, transport, stored } = interested();
    consumer('a', { filter: 'shop.a' });

    for (const id of ['a1', 'b2', 'a3']) publish(transport, id, { address: `shop.${id[0]}` });

    expect(stored()).toBe('a1 a3');
  });

  it('lets go of a message when all consumers that want it are done', async () => {
    const { consumer, open, transport, stored } = interested('all', 'audit');
    consumer('b', { filter: 'shop.b' });
    for (const id of ['a1', 'b2']) publish(transport, id, { address: `shop.${id[0]}` });

    await open('all', ack);
    expect(stored()).toBe('a1 b2');
    await open('audit', (delivery) => delivery.term());
    expect(stored()).toBe('b2');
    await open('b', ack);

    expect(stored()).toBe('');
  });

  it('keeps what is handed back or lost', async () => {
    const { time, consumer, open, publish, stored } = interested();
    consumer('one', { ackWait: 100 });
    publish('1 2');
    const opened = await open('one', (delivery) => delivery.event.id === '1' && delivery.nak(50));

    await time.advanceBy(1_000);

    expect(opened.ids.length).toBeGreaterThan(2);
    expect(stored()).toBe('1 2');
  });

  it('counts a consumer that is added later for what is there', async () => {
    const { consumer, open, publish, stored } = interested('one');
    publish('1 2');
    consumer('later');

    await open('one', ack);
    expect(stored()).toBe('1 2');
    await open('later', ack);

    expect(stored()).toBe('');
  });

  it('does not count a consumer that is added later for what it does not start from', async () => {
    const { consumer, open, publish, stored } = interested('one');
    publish('1 2');
    consumer('later', { from: 'new' });

    await open('one', ack);

    expect(stored()).toBe('');
  });

  it('lets go of what only a deleted consumer wanted: out, waiting and not yet delivered', async () => {
    const { broker, consumer, open, transport, stored } = interested('one');
    consumer('b', { filter: 'shop.b' });
    for (const id of ['a1', 'a2', 'a3', 'b4']) publish(transport, id, { address: `shop.${id[0]}` });
    const opened = await open({ consumer: 'one', prefetch: 2 });
    opened.at(0).nak(1_000);

    lastOf(deleteConsumer(broker, 'SHOP', 'one'));

    expect(stored()).toBe('b4');
  });

  it('lets go of what a deleted consumer had given up after its last attempt', async () => {
    const { time, broker, consumer, open, publish, stored } = interested();
    consumer('one', { maxDeliver: 1, ackWait: 100 });
    publish('1');
    await open('one');
    await time.advanceBy(1_000);
    expect(stored()).toBe('1');

    lastOf(deleteConsumer(broker, 'SHOP', 'one'));

    expect(stored()).toBe('');
  });

  it('does not count a deleted consumer twice when its deliveries are acked after that', async () => {
    const { broker, open, publish, stored } = interested('gone', 'stays');
    publish('1');
    const opened = await open('gone');

    lastOf(deleteConsumer(broker, 'SHOP', 'gone'));
    opened.at(0).ack();

    expect(stored()).toBe('1');
    expect((await open('stays', ack)).ids).toEqual(['1']);
    expect(stored()).toBe('');
  });

  it('does not count a subscription without a name twice when it acks after its end', async () => {
    const { time, open, publish, stored } = interested('stays');
    const opened = await open({});
    publish('1');
    await time.advanceBy(0);

    opened.close();
    opened.at(0).ack();

    expect(stored()).toBe('1');
  });

  it('keeps for a subscription without a name what comes while it is open', async () => {
    const { open, publish, stored } = interested();
    const opened = await open({});

    publish('1 2');
    expect(stored()).toBe('1 2');
    opened.close();

    expect(stored()).toBe('');
  });

  it('counts a consumer for what a wider filter brings it', async () => {
    const { consumer, open, transport, stored } = interested('all');
    consumer('some', { filter: 'shop.a' });
    for (const id of ['a1', 'b2']) publish(transport, id, { address: `shop.${id[0]}` });

    consumer('some', { filter: 'shop.*' });
    expect((await open('some', ack)).ids).toEqual(['a1', 'b2']);

    expect(stored()).toBe('a1 b2');
    expect((await open('all', ack)).ids).toEqual(['a1', 'b2']);
    expect(stored()).toBe('');
  });

  it('lets go of what nobody wants any more after a narrower filter', async () => {
    const { consumer, open, transport, stored } = interested();
    consumer('some');
    for (const id of ['a1', 'b2', 'a3', 'b4']) publish(transport, id, { address: `shop.${id[0]}` });
    const opened = await open({ consumer: 'some', prefetch: 2 });
    expect(opened.ids).toEqual(['a1', 'b2']);

    consumer('some', { filter: 'shop.a' });
    expect(stored()).toBe('a1 b2 a3');
    for (const delivery of [...opened.deliveries]) delivery.ack();

    expect(stored()).toBe('a3');
  });

  it('leaves interest alone when something else of a consumer is changed', async () => {
    const { consumer, open, publish, stored } = interested('one', 'other');
    publish('1 2');
    const opened = await open({ consumer: 'one', prefetch: 1 });

    consumer('one', { ackWait: 60_000 });
    opened.at(0).ack();
    await open('other', ack);

    expect(stored()).toBe('2');
  });

  it('takes a deleted message from all consumers', async () => {
    const { broker, open, publish, stored } = interested('one', 'other');
    publish('1 2');
    const opened = await open('one');

    lastOf(deleteMessage(broker, 'SHOP', 1));
    for (const delivery of opened.deliveries) delivery.ack();

    expect((await open('other', ack)).ids).toEqual(['2']);
    expect(stored()).toBe('');
  });
});
