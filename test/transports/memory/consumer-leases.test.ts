import { LeaseLostError } from 'millrace';
import { describe, expect, it } from 'vitest';
import { ack, type Inbox, type Shop, shop, statuses } from './support.ts';

/** Opens a subscription with one delivery whose lease is 200 ms. */
async function leased(config: Parameters<Shop['consumer']>[1] = {}): Promise<Shop & { readonly opened: Inbox }> {
  const held = shop();
  held.consumer('billing', { ackWait: 200, ...config });
  held.publish('1');
  return { ...held, opened: await held.open('billing') };
}

describe('consumer', () => {
  it('delivers again what nobody settled, when its lease is over and not before', async () => {
    const { time, opened } = await leased();

    await time.advanceBy(199);
    expect(opened.attempts).toEqual([1]);
    await time.advanceBy(1);

    expect(opened.attempts).toEqual([1, 2]);
    expect(opened.at(1).event).toEqual(opened.at(0).event);
  });

  it('aborts the signal of a lost delivery, with the lease as the reason', async () => {
    const { time, opened } = await leased();
    const { signal } = opened.at(0);
    expect(signal.aborted).toBe(false);

    await time.advanceBy(200);

    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    expect(signal.reason).toMatchObject({ lease: 200 });
    expect([opened.at(0).lost, opened.at(0).settled, opened.at(1).signal.aborted]).toEqual([true, false, false]);
  });

  it('aborts a signal that is looked at only when the lease is lost', async () => {
    const { time, opened } = await leased();

    await time.advanceBy(200);

    expect(opened.at(0).signal.reason).toBeInstanceOf(LeaseLostError);
  });

  it('says that a lease was lost', async () => {
    const { time, opened, transport } = await leased();
    const seen = statuses(transport);

    await time.advanceBy(200);

    expect(opened.ids).toHaveLength(2);
    expect(seen.slice(1)).toEqual([{ kind: 'leaseLost', stream: 'SHOP', consumer: 'billing', sequence: 1 }]);
  });

  it('counts up the attempts', async () => {
    const { time, opened } = await leased();

    await time.advanceBy(1_000);

    expect(opened.attempts).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each(['ack', 'term'] as const)('does not deliver again after %s', async (settlement) => {
    const { time, opened } = await leased();

    opened.at(0)[settlement]();
    await time.advanceBy(1_000);

    expect([opened.ids, opened.at(0).signal.aborted]).toEqual([['1'], false]);
  });

  it('keeps a lease for another full length from working', async () => {
    const { time, opened } = await leased();

    await time.advanceBy(50);
    opened.at(0).working();
    await time.advanceBy(199);
    expect(opened.ids).toHaveLength(1);
    await time.advanceBy(1);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('keeps a lease as long as it is worked on', async () => {
    const { time, opened } = await leased();

    for (let n = 0; n < 100; n += 1) {
      await time.advanceBy(199);
      opened.at(0).working();
    }

    expect([opened.ids.length, opened.at(0).ack()]).toEqual([1, true]);
  });

  it('does not bring back a lease by working', async () => {
    const { time, opened } = await leased();
    await time.advanceBy(200);

    opened.at(0).working();
    await time.advanceBy(200);

    expect(opened.attempts).toEqual([1, 2, 3]);
  });

  it('does not start a lease by working on what is settled', async () => {
    const { time, opened, consumerInfo } = await leased();
    opened.at(0).ack();

    opened.at(0).working();
    await time.advanceBy(1_000);

    expect([opened.ids, consumerInfo('billing').unsettled]).toEqual([['1'], 0]);
  });

  it('has a lease of 30 seconds unless it is told otherwise', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing');
    publish('1');
    const opened = await open('billing');
    expect(opened.at(0).subscription.lease).toBe(30_000);

    await time.advanceBy(29_999);
    expect(opened.ids).toHaveLength(1);
    await time.advanceBy(1);

    expect(opened.ids).toHaveLength(2);
  });

  it('never loses a lease that has no end', async () => {
    const { time, opened } = await leased({ ackWait: Number.POSITIVE_INFINITY });

    await time.advanceBy(1e12);

    expect([opened.ids, opened.at(0).lost]).toEqual([['1'], false]);
  });

  it('waits out a lease that is longer than a host timer can be', async () => {
    const month = 30 * 24 * 3_600_000;
    const { time, opened } = await leased({ ackWait: month });

    await time.advanceBy(month - 1);
    expect(opened.ids).toHaveLength(1);
    await time.advanceBy(1);

    expect(opened.ids).toHaveLength(2);
  });

  it('gives each attempt the lease of its turn in a backoff, the last one repeated', async () => {
    const { time, opened } = await leased({ backoff: [100, 300, 1_000] });
    const at = [time.now()];

    for (let n = 0; n < 35; n += 1) {
      await time.advanceBy(100);
      if (opened.ids.length > at.length) at.push(time.now());
    }

    expect(at.map((time, index) => time - (at[index - 1] ?? time))).toEqual([0, 100, 300, 1_000, 1_000, 1_000]);
  });

  it('keeps a lease by working for the length of its turn in a backoff', async () => {
    const { time, opened } = await leased({ backoff: [100, 500] });
    await time.advanceBy(100);

    await time.advanceBy(400);
    opened.at(1).working();
    await time.advanceBy(499);
    expect(opened.ids).toHaveLength(2);
    await time.advanceBy(1);

    expect(opened.ids).toHaveLength(3);
  });

  it('does not apply a backoff to a nak', async () => {
    const { time, opened } = await leased({ backoff: [100, 500] });

    opened.at(0).nak();
    await time.advanceBy(0);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('says in its subscription the lease of the first attempt', async () => {
    const { opened } = await leased({ backoff: [100, 500] });

    expect(opened.at(0).subscription.lease).toBe(100);
  });

  it('delivers lost deliveries in the order of the stream, before new ones', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing', { ackWait: 200 });
    publish('1 2 3 4');
    const opened = await open({ consumer: 'billing', prefetch: 3 });

    await time.advanceBy(200);

    expect(opened.ids).toEqual(['1', '2', '3', '1', '2', '3']);
  });

  it('applies a changed lease to deliveries from then on', async () => {
    const { time, consumer, opened, publish } = await leased();
    consumer('billing', { ackWait: 1_000 });
    publish('2');
    await time.advanceBy(200);
    expect(opened.ids).toEqual(['1', '2', '1']);

    await time.advanceBy(799);
    expect(opened.ids).toHaveLength(3);
    await time.advanceBy(1);

    expect(opened.ids).toEqual(['1', '2', '1', '2']);
  });

  it('lets a handler settle in answer to the lost lease', async () => {
    const { time, open, consumer, publish } = shop();
    consumer('billing', { ackWait: 200 });
    publish('1');
    const opened = await open('billing', (delivery) => delivery.signal.addEventListener('abort', () => delivery.ack()));

    await time.advanceBy(10_000);

    expect(opened.ids).toEqual(['1']);
  });

  it('sets one timer for all leases', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing');
    publish(Array.from({ length: 100 }, (_, n) => `${n}`).join(' '));
    await open('billing');

    expect(time.pending).toBe(1);
  });

  it('hands over what is lost to another subscription of the consumer', async () => {
    const { time, open, opened } = await leased();
    opened.close();
    const other = await open('billing', ack);
    expect(other.ids).toEqual([]);

    await time.advanceBy(200);

    expect(other.attempts).toEqual([2]);
  });

  it('delivers what was lost while nobody was subscribed before what is new', async () => {
    const { time, open, opened, publish } = await leased();
    opened.close();
    publish('2');
    await time.advanceBy(1_000);

    expect((await open({ consumer: 'billing', prefetch: 1 })).ids).toEqual(['1']);
  });

  it('counts the leases that ended while nobody was subscribed', async () => {
    const { time, open, opened } = await leased();
    opened.close();
    await time.advanceBy(1_000);

    const other = await open('billing', ack);

    expect([other.attempts, opened.at(0).lost]).toEqual([[2], true]);
  });
});
