import { deleteConsumer, memoryTransport, pauseConsumer, resumeConsumer } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, inbox, lastOf, type Shop, START, shop } from './support.ts';

const ten = '1 2 3 4 5 6 7 8 9 10';

/** A shop with a consumer and ten messages. */
function stocked(config: Parameters<Shop['consumer']>[1] = {}): Shop {
  const held = shop();
  held.consumer('billing', config);
  held.publish(ten);
  return held;
}

describe('consumer', () => {
  it('has never more out than a subscription prefetches, and goes on with each settlement', async () => {
    const { time, open } = stocked({ ackWait: 1_000 });
    const opened = await open({ consumer: 'billing', prefetch: 2 });
    expect(opened.ids).toHaveLength(2);

    opened.at(0).ack();
    expect(opened.ids).toHaveLength(3);
    opened.at(1).term();
    expect(opened.ids).toHaveLength(4);
    opened.at(2).nak(100_000);
    expect(opened.ids).toHaveLength(5);
    await time.advanceBy(1_000);

    expect(opened.deliveries.filter(({ settled, lost }) => !settled && lost !== true)).toHaveLength(2);
  });

  it('prefetches 256 unless it is told otherwise', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing');
    publish(Array.from({ length: 300 }, (_, n) => `${n}`).join(' '));

    const opened = await open('billing');

    expect(opened.ids).toHaveLength(256);
    expect(opened.at(0).subscription.prefetch).toBe(256);
  });

  it('has never more out than maxAckPending, over all its subscriptions', async () => {
    const { open } = stocked({ maxAckPending: 3 });
    const [one, other] = [await open('billing'), await open('billing')];
    expect(one.ids.length + other.ids.length).toBe(3);

    one.at(0).ack();

    expect(one.ids.length + other.ids.length).toBe(4);
  });

  it('counts what waits for its delay among maxAckPending', async () => {
    const { time, open } = stocked({ maxAckPending: 2 });
    const opened = await open('billing');

    opened.at(0).nak(1_000);
    opened.at(1).nak(1_000);
    await time.advanceBy(999);
    expect(opened.ids).toEqual(['1', '2']);
    await time.advanceBy(1);
    expect(opened.ids).toEqual(['1', '2', '1', '2']);
    opened.at(2).ack();

    expect(opened.ids).toEqual(['1', '2', '1', '2', '3']);
  });

  it('counts what subscriptions that are gone have out among maxAckPending', async () => {
    const { time, open } = stocked({ maxAckPending: 2, ackWait: 1_000 });
    const gone = await open('billing');
    gone.close();

    const opened = await open('billing');
    expect(opened.ids).toEqual([]);
    gone.at(0).ack();
    expect(opened.ids).toEqual(['3']);
    await time.advanceBy(1_000);

    expect(opened.ids).toEqual(['3', '2', '3']);
  });

  it('has 1000 out unless it is told otherwise', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing');
    publish(Array.from({ length: 1_100 }, (_, n) => `${n}`).join(' '));

    expect((await open({ consumer: 'billing', prefetch: 5_000 })).ids).toHaveLength(1_000);
  });

  it('shares what it has among its subscriptions in turn', async () => {
    const { open } = stocked();
    const opened = [await open({ consumer: 'billing', prefetch: 1 }), await open({ consumer: 'billing', prefetch: 1 })];
    const [one, other] = opened as [(typeof opened)[0], (typeof opened)[0]];

    for (let n = 0; n < 4; n += 1) for (const each of [one, other]) each.at(n).ack();

    expect([one.ids, other.ids]).toEqual([
      ['1', '3', '5', '7', '9'],
      ['2', '4', '6', '8', '10'],
    ]);
  });

  it('gives to whoever has demand when others have none', async () => {
    const { open } = stocked();
    const idle = await open({ consumer: 'billing', prefetch: 1 });
    const busy = await open({ consumer: 'billing', prefetch: 1 }, ack);

    expect([idle.ids, busy.ids]).toEqual([['1'], ['2', '3', '4', '5', '6', '7', '8', '9', '10']]);
  });

  it('gives each message to one of the transports that share it', async () => {
    const { time, broker, consumer, open, publish } = shop();
    consumer('billing');
    const here = await open('billing', ack);
    const there = inbox(memoryTransport(broker).subscribe({ stream: 'SHOP', consumer: 'billing' }), ack);
    await time.advanceBy(0);

    publish(ten);
    await time.advanceBy(0);

    expect([...here.ids, ...there.ids].sort()).toEqual(ten.split(' ').sort());
    expect([here.ids.length, there.ids.length]).toEqual([5, 5]);
  });

  it('delivers what is published while it delivers', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing');
    publish('1');

    const opened = await open({ consumer: 'billing', prefetch: 1 }, (delivery) => {
      const next = Number(delivery.event.id) + 1;
      if (next <= 5) publish(`${next}`);
      delivery.ack();
    });

    expect(opened.ids).toEqual(['1', '2', '3', '4', '5']);
  });
});

describe('pauseConsumer', () => {
  it('delivers nothing until its time', async () => {
    const { time, broker, open } = stocked();
    const info = lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));
    const opened = await open('billing');

    expect(info.pausedUntil).toBe(START + 1_000);
    await time.advanceBy(999);
    expect(opened.ids).toEqual([]);
    await time.advanceBy(1);

    expect(opened.ids).toHaveLength(10);
  });

  it('pauses when it is subscribed to, and not before', async () => {
    const { broker, open } = stocked();

    pauseConsumer(broker, 'SHOP', 'billing', START + 1_000);

    expect((await open('billing')).ids).toHaveLength(10);
  });

  it.each([new Date(START + 500), new Date(START + 500).toISOString(), START + 500])(
    'takes the time %j',
    async (until) => {
      const { time, broker, open } = stocked();
      lastOf(pauseConsumer(broker, 'SHOP', 'billing', until));
      const opened = await open('billing');

      await time.advanceBy(499);
      expect(opened.ids).toEqual([]);
      await time.advanceBy(1);

      expect(opened.ids).toHaveLength(10);
    },
  );

  it('refuses what is no time', () => {
    const { broker } = stocked();

    expect(errorOf(pauseConsumer(broker, 'SHOP', 'billing', 'soon'))).toBeInstanceOf(TypeError);
  });

  it('lets what is out be settled', async () => {
    const { broker, consumerInfo, open } = stocked();
    const opened = await open({ consumer: 'billing', prefetch: 3 });
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));

    expect(opened.deliveries.map((delivery) => delivery.ack())).toEqual([true, true, true]);

    expect(opened.ids).toHaveLength(3);
    expect(consumerInfo('billing')).toMatchObject({ unsettled: 0, pending: 7 });
  });

  it('lets leases run out, and delivers again when it goes on', async () => {
    const { time, broker, open } = stocked({ ackWait: 200 });
    const opened = await open({ consumer: 'billing', prefetch: 1 });
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));

    await time.advanceBy(999);
    expect([opened.attempts, opened.at(0).lost]).toEqual([[1], true]);
    await time.advanceBy(1);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('does not deliver again what falls due meanwhile', async () => {
    const { time, broker, open } = stocked();
    const opened = await open({ consumer: 'billing', prefetch: 1 });
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));
    opened.at(0).nak(500);

    await time.advanceBy(999);
    expect(opened.ids).toEqual(['1']);
    await time.advanceBy(1);

    expect(opened.ids).toEqual(['1', '1']);
  });

  it('says no more that it is paused when it goes on', async () => {
    const { time, broker, consumerInfo } = stocked();
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));
    expect(consumerInfo('billing').pausedUntil).toBe(START + 1_000);

    await time.advanceBy(1_000);

    expect(consumerInfo('billing')).not.toHaveProperty('pausedUntil');
  });

  it('pauses one consumer, and not the others', async () => {
    const { broker, consumer, open } = stocked();
    consumer('audit');

    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));

    expect((await open('audit')).ids).toHaveLength(10);
  });
});

describe('resumeConsumer', () => {
  it('lets a consumer go on at once, and leaves no timer of the pause behind', async () => {
    const { time, broker, open } = stocked({ ackWait: Number.POSITIVE_INFINITY });
    lastOf(pauseConsumer(broker, 'SHOP', 'billing', START + 1_000));
    const opened = await open('billing');

    const info = lastOf(resumeConsumer(broker, 'SHOP', 'billing'));
    await time.advanceBy(0);

    expect(info).not.toHaveProperty('pausedUntil');
    expect(opened.ids).toHaveLength(10);
    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));
    expect(time.pending).toBe(0);
  });

  it('does nothing to a consumer that is not paused', async () => {
    const { time, broker, open } = stocked();
    const opened = await open('billing');

    lastOf(resumeConsumer(broker, 'SHOP', 'billing'));
    await time.advanceBy(0);

    expect(opened.ids).toHaveLength(10);
  });
});
