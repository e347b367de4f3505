import {
  deleteConsumer,
  ensureConsumer,
  ensureStream,
  memoryBroker,
  memoryTransport,
  pauseConsumer,
} from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import type { SchedulerAction, SchedulerLike } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, inbox, lastOf, publish, type Shop, START, shop } from './support.ts';

const MAX_TIMER = 2 ** 31 - 1;

/** A shop with a consumer and three messages. */
function stocked(): Shop {
  const held = shop();
  held.consumer('billing', { ackWait: 1_000 });
  held.publish('1 2 3');
  return held;
}

describe('memoryBroker', () => {
  it('sets no timer while nobody subscribes', async () => {
    const { time, broker, publish } = stocked();
    publish('4');
    expect(time.pending).toBe(0);
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));

    await time.advanceBy(0);

    expect(time.pending).toBe(0);
  });

  it.each<{ title: string; run: (held: Shop) => Promise<() => void> }>([
    { title: 'idle', run: async ({ open }) => (await open('billing', ack)).close },
    { title: 'with deliveries out', run: async ({ open }) => (await open('billing')).close },
    {
      title: 'with a redelivery waiting',
      run: async ({ open }) => (await open('billing', (delivery) => delivery.nak(500))).close,
    },
    {
      title: 'paused',
      run: async ({ broker, open }) => {
        lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));
        return (await open('billing')).close;
      },
    },
    { title: 'without a name', run: async ({ open }) => (await open({})).close },
    { title: 'on core', run: async ({ open }) => (await open({ address: 'shop.>' })).close },
  ])('leaves no timer behind a subscription that ends $title', async ({ run }) => {
    const held = stocked();
    const close = await run(held);

    close();

    expect(held.time.pending).toBe(0);
  });

  it('leaves nothing scheduled behind a subscription that ends as soon as it is opened', async () => {
    const { time, transport } = stocked();

    inbox(transport.subscribe({ stream: 'SHOP', consumer: 'billing' })).close();
    await time.advanceBy(0);

    expect(time.pending).toBe(0);
  });

  it('sets one timer for what is due first', async () => {
    const { time, open } = stocked();
    const opened = await open('billing');

    opened.at(0).nak(700);
    opened.at(1).nak(400);
    opened.at(2).nak(600);

    expect(time.pending).toBe(1);
    await time.advanceBy(400);
    expect([opened.ids.slice(3), time.pending]).toEqual([['2'], 1]);
  });

  it('keeps its timer for the subscriptions that are left', async () => {
    const { time, open } = stocked();
    const [first, second] = [await open('billing'), await open('billing')];

    first.close();
    expect(time.pending).toBe(1);
    second.close();

    expect(time.pending).toBe(0);
  });

  it('leaves no timer behind when deliveries are settled after the end of their subscription', async () => {
    const { time, open } = stocked();
    const opened = await open('billing');
    opened.close();

    opened.at(0).ack();
    opened.at(1).nak(500);
    opened.at(2).working();

    expect(time.pending).toBe(0);
  });

  it('leaves no timer behind a consumer that is deleted', async () => {
    const { time, broker, open } = stocked();
    await open('billing');

    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));

    expect(time.pending).toBe(0);
  });

  it('leaves no timer behind a transport that is drained', async () => {
    const { time, open, transport } = stocked();
    const opened = await open('billing');
    transport.drain().subscribe();

    for (const delivery of opened.deliveries) delivery.ack();

    expect(time.pending).toBe(0);
  });

  it('asks no timer for more than a host timer can do', async () => {
    const time = virtualTime({ start: START });
    const delays: number[] = [];
    const scheduler: SchedulerLike = {
      now: time.now,
      schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T) {
        delays.push(delay);
        return time.schedule(work, delay, state);
      },
    };
    const broker = memoryBroker({ scheduler });
    const transport = memoryTransport(broker);
    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));
    lastOf(ensureConsumer(broker, { stream: 'SHOP', name: 'slow', ackWait: 10 * MAX_TIMER }));
    publish(transport, '1 2', { address: 'shop.orders' });
    const opened = inbox(transport.subscribe({ stream: 'SHOP', consumer: 'slow' }));
    await time.advanceBy(0);

    opened.at(0).nak(10 * MAX_TIMER);
    transport.drain({ grace: Number.POSITIVE_INFINITY }).subscribe();

    expect(delays.length).toBeGreaterThan(2);
    expect(Math.max(...delays)).toBe(MAX_TIMER);
  });
});
