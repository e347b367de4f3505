import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, inbox, lastOf, publish, sample, shop, statuses, world } from './support.ts';

const MANY = 100_000;
const events = Array.from({ length: MANY }, (_, n) => sample(String(n)));

describe('memoryTransport', () => {
  it('delivers without recursion what is settled as it comes', async () => {
    const { time, transport, consumer, info, consumerInfo } = shop({ retention: 'workqueue' });
    consumer('work');
    transport.publish(events, { messageId: false }).subscribe();
    let depth = 0;
    let deepest = 0;
    let count = 0;

    transport.subscribe({ stream: 'SHOP', consumer: 'work', prefetch: 1 }).subscribe((delivery) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      count += 1;
      delivery.ack();
      depth -= 1;
    });
    await time.advanceBy(0);

    expect([count, deepest, info().messages]).toEqual([MANY, 1, 0]);
    expect(consumerInfo('work')).toMatchObject({ pending: 0, unsettled: 0 });
  });

  it('delivers again without recursion what is handed back as it comes', async () => {
    const { time, transport, consumer } = shop();
    consumer('work', { maxDeliver: MANY });
    publish(transport, '1', { address: 'shop.orders' });
    const attempts = { last: 0 };

    transport.subscribe({ stream: 'SHOP', consumer: 'work' }).subscribe((delivery) => {
      attempts.last = delivery.attempt;
      delivery.nak();
    });
    await time.advanceBy(0);

    expect(attempts.last).toBe(MANY);
  });

  it('hands on, without recursion and without moving the rest up, what core listeners settle as it comes', () => {
    const buffer = 3 * MANY;
    const { transport } = world();
    const seen = statuses(transport);
    const opened = inbox(transport.subscribe({ address: 'news', prefetch: 1, buffer }), (delivery) => {
      if (opened.deliveries.length > 1) ack(delivery);
    });
    for (let n = 0; n < 3; n += 1) transport.publish(events, { address: 'news' }).subscribe();
    expect(opened.ids).toHaveLength(1);

    opened.at(0).ack();

    expect(opened.deliveries).toHaveLength(buffer);
    expect(seen).toHaveLength(1);
  });

  it.each<{ title: string; later: (settle: () => void) => void }>([
    { title: 'as they come', later: (settle) => settle() },
    { title: 'in microtasks', later: (settle) => queueMicrotask(settle) },
  ])('leaves the event loop its turns while deliveries are settled $title', async ({ later }) => {
    const broker = memoryBroker();
    const transport = memoryTransport(broker);
    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));
    lastOf(ensureConsumer(broker, { stream: 'SHOP', name: 'work' }));
    transport.publish(events).subscribe();
    let count = 0;
    const turns: number[] = [];
    const turn = () => {
      turns.push(count);
      if (count < MANY) setImmediate(turn);
    };

    const timer = new Promise<number>((resolve) => setTimeout(() => resolve(count), 0));
    setImmediate(turn);
    await new Promise<void>((resolve) => {
      const subscription = transport.subscribe({ stream: 'SHOP', consumer: 'work' }).subscribe((delivery) => {
        count += 1;
        later(() => delivery.ack());
        if (count < MANY) return;
        subscription.unsubscribe();
        resolve();
      });
    });

    expect(await timer).toBeLessThan(MANY);
    const longest = Math.max(...turns.map((done, index) => done - (turns[index - 1] ?? 0)));
    expect(longest).toBeLessThanOrEqual(2_500);
  });

  it('leaves the event loop its turns while one delivery is handed back again and again', async () => {
    const broker = memoryBroker();
    const transport = memoryTransport(broker);
    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));
    publish(transport, '1', { address: 'shop.orders' });
    const attempts = { last: 0 };

    const subscription = transport.subscribe({ stream: 'SHOP' }).subscribe((delivery) => {
      attempts.last = delivery.attempt;
      delivery[delivery.attempt < MANY ? 'nak' : 'ack']();
    });
    await new Promise((resolve) => setImmediate(resolve));
    subscription.unsubscribe();

    expect(attempts.last).toBeGreaterThan(0);
    expect(attempts.last).toBeLessThanOrEqual(2_500);
  });
});
