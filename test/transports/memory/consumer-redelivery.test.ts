import { type Advisory, ensureConsumer } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, type Inbox, lastOf, type Shop, shop, statuses } from './support.ts';

/** Opens a subscription with one delivery. */
async function delivered(config: Parameters<Shop['consumer']>[1] = {}): Promise<Shop & { readonly opened: Inbox }> {
  const held = shop();
  held.consumer('billing', config);
  held.publish('1');
  return { ...held, opened: await held.open('billing') };
}

function advisories({ broker }: Shop): readonly Advisory[] {
  const seen: Advisory[] = [];
  broker.advisories$.subscribe((advisory) => seen.push(advisory));
  return seen;
}

describe('consumer', () => {
  it('delivers at once, as the next attempt, what was handed back', async () => {
    const { time, opened } = await delivered();

    expect(opened.at(0).nak()).toBe(true);
    await time.advanceBy(0);

    expect(opened.attempts).toEqual([1, 2]);
    expect(opened.at(1).event).toBe(opened.at(0).event);
  });

  it('delivers what was handed back with a delay when that is over, and not before', async () => {
    const { time, opened } = await delivered();

    opened.at(0).nak(100);
    await time.advanceBy(99);
    expect(opened.attempts).toEqual([1]);
    await time.advanceBy(1);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('waits for a delay that is longer than the lease', async () => {
    const { time, opened } = await delivered({ ackWait: 1_000 });

    opened.at(0).nak(3_000);
    await time.advanceBy(2_999);

    expect(opened.attempts).toEqual([1]);
  });

  it('waits for a delay that is longer than a host timer can be', async () => {
    const { time, opened } = await delivered();
    const month = 30 * 24 * 3_600_000;

    opened.at(0).nak(month);
    await time.advanceBy(month - 1);
    expect(opened.attempts).toEqual([1]);
    await time.advanceBy(1);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it.each([-1, Number.NaN, Number.NEGATIVE_INFINITY])('takes a delay of %d for none', async (delay) => {
    const { time, opened } = await delivered();

    opened.at(0).nak(delay);
    await time.advanceBy(0);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('delivers in the order in which delays end, and then of the stream', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing');
    publish('1 2 3 4');
    const opened = await open('billing');

    for (const [index, delay] of [300, 100, 200, 100].entries()) opened.at(index).nak(delay);
    await time.advanceBy(1_000);

    expect(opened.ids.slice(4)).toEqual(['2', '4', '3', '1']);
  });

  it('delivers what comes again before what is new', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing');
    publish('1 2 3');
    const opened = await open({ consumer: 'billing', prefetch: 1 });

    opened.at(0).nak();
    await time.advanceBy(0);
    opened.at(1).ack();

    expect(opened.ids).toEqual(['1', '1', '2']);
  });

  it('hands back to another subscription what is handed back after an unsubscribe', async () => {
    const { time, open, opened } = await delivered();
    opened.close();
    const other = await open('billing', ack);

    expect(opened.at(0).nak()).toBe(true);
    await time.advanceBy(0);

    expect(other.attempts).toEqual([2]);
  });

  it('keeps what is handed back while nobody is subscribed', async () => {
    const { time, open, opened } = await delivered();
    opened.close();
    opened.at(0).nak(500);
    await time.advanceBy(400);

    const other = await open('billing');
    expect(other.ids).toEqual([]);
    await time.advanceBy(100);

    expect(other.attempts).toEqual([2]);
  });

  it('never delivers again what was given up', async () => {
    const { time, opened, consumerInfo } = await delivered({ ackWait: 100 });

    expect(opened.at(0).term('poison')).toBe(true);
    await time.advanceBy(1_000);

    expect(opened.ids).toEqual(['1']);
    expect(consumerInfo('billing')).toMatchObject({ unsettled: 0, redelivering: 0 });
  });

  it.each(['poison', undefined])('tells of what was given up for the reason %j', async (reason) => {
    const held = await delivered();
    const seen = advisories(held);

    held.opened.at(0).term(reason);

    expect(seen).toEqual([
      { kind: 'terminated', stream: 'SHOP', consumer: 'billing', sequence: 1, attempts: 1, reason },
    ]);
  });

  it('gives a message up after its last attempt', async () => {
    const { time, opened } = await delivered({ maxDeliver: 3 });

    for (let n = 0; n < 3; n += 1) {
      opened.at(n).nak();
      await time.advanceBy(0);
    }
    await time.advanceBy(100_000);

    expect(opened.attempts).toEqual([1, 2, 3]);
  });

  it('gives a message up when it is handed back after its only attempt', async () => {
    const { time, opened } = await delivered({ maxDeliver: 1 });

    opened.at(0).nak();
    await time.advanceBy(100_000);

    expect(opened.ids).toEqual(['1']);
  });

  it('counts lost leases among the attempts', async () => {
    const { time, opened } = await delivered({ maxDeliver: 3, ackWait: 100 });

    await time.advanceBy(10_000);

    expect(opened.attempts).toEqual([1, 2, 3]);
  });

  it('tells once, and when it would have delivered again, that it gave a message up', async () => {
    const held = await delivered({ maxDeliver: 2 });
    const { time, opened, transport } = held;
    const told = advisories(held);
    const seen = statuses(transport);
    opened.at(0).nak();
    await time.advanceBy(0);

    opened.at(1).nak(500);
    await time.advanceBy(499);
    expect([told, seen.length]).toEqual([[], 1]);
    await time.advanceBy(10_000);

    const advisory = { kind: 'maxDeliveries', stream: 'SHOP', consumer: 'billing', sequence: 1, attempts: 2 };
    expect(told).toEqual([advisory]);
    expect(seen.slice(1)).toEqual([advisory]);
  });

  it('says once to each transport that it gave a message up, however many subscriptions it has', async () => {
    const { time, open, opened, transport } = await delivered({ maxDeliver: 1 });
    await open('billing');
    const seen = statuses(transport);

    opened.at(0).nak();
    await time.advanceBy(0);

    expect(seen.map(({ kind }) => kind)).toEqual(['connected', 'maxDeliveries']);
  });

  it('leaves in the stream what it gave up', async () => {
    const { time, opened, stored } = await delivered({ maxDeliver: 1, ackWait: 100 });

    await time.advanceBy(1_000);

    expect([opened.ids, stored()]).toEqual([['1'], '1']);
  });

  it('goes on with the next message after it gave one up', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing', { maxDeliver: 1, maxAckPending: 1, ackWait: 100 });
    publish('1 2 3');
    const opened = await open('billing');

    await time.advanceBy(1_000);

    expect(opened.ids).toEqual(['1', '2', '3']);
  });

  it('gives up by a maxDeliver that was lowered meanwhile', async () => {
    const { time, consumer, opened } = await delivered({ maxDeliver: 10 });
    opened.at(0).nak();
    await time.advanceBy(0);
    opened.at(1).nak(100);

    consumer('billing', { maxDeliver: 2 });
    await time.advanceBy(1_000);

    expect(opened.attempts).toEqual([1, 2]);
  });

  it('says in its subscription after which attempt it gives up', async () => {
    expect((await delivered({ maxDeliver: 4 })).opened.at(0).subscription.maxDeliver).toBe(4);
    expect((await delivered()).opened.at(0).subscription.maxDeliver).toBeUndefined();
  });

  it('does not let one message that comes again and again hold up the others', async () => {
    const { time, broker, open, publish } = shop();
    lastOf(ensureConsumer(broker, { stream: 'SHOP', name: 'billing' }));
    publish('bad 1 2 3');
    const opened = await open({ consumer: 'billing', prefetch: 1 }, (delivery) => {
      if (delivery.event.id === 'bad') delivery.nak(10);
      else delivery.ack();
    });

    await time.advanceBy(100);

    expect(opened.ids.filter((id) => id !== 'bad')).toEqual(['1', '2', '3']);
    expect(opened.attempts.at(-1)).toBe(11);
  });
});
