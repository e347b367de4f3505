import { ConfirmFailedError } from 'millrace';
import type { ConsumerConfig, StreamConfig } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { addsUp, type Inbox, lastOf, resultOf, type Shop, shop, statuses } from './support.ts';

type Lost = Shop & { readonly opened: Inbox };

/** Opens a subscription whose first delivery has lost its lease of 200 ms, and is out for the second time. */
async function lost(config: Partial<ConsumerConfig> = {}, stream: Partial<StreamConfig> = {}): Promise<Lost> {
  const held = shop(stream);
  held.consumer('billing', { ackWait: 200, ...config });
  held.publish('1');
  const opened = await held.open('billing');
  await held.time.advanceBy(200);
  return { ...held, opened };
}

describe('consumer', () => {
  it('takes a late ack, once', async () => {
    const { opened } = await lost();
    const late = opened.at(0);

    expect([late.ack(), late.settled, late.ack(), late.nak(), late.term()]).toEqual([true, true, false, false, false]);
  });

  it('ends the run that is going on with a late ack of an earlier one', async () => {
    const { time, opened, consumerInfo } = await lost();

    opened.at(0).ack();

    expect([opened.at(1).settled, opened.at(1).ack(), opened.at(1).nak()]).toEqual([true, false, false]);
    expect(consumerInfo('billing')).toMatchObject({ unsettled: 0, redelivering: 0 });
    await time.advanceBy(1_000);
    expect(opened.ids).toHaveLength(2);
  });

  it('takes what waits for its redelivery by a late ack', async () => {
    const { time, opened, consumerInfo } = await lost();
    opened.at(1).nak(5_000);

    expect(opened.at(0).ack()).toBe(true);

    expect(consumerInfo('billing')).toMatchObject({ unsettled: 0, redelivering: 0 });
    await time.advanceBy(10_000);
    expect(opened.ids).toHaveLength(2);
  });

  it.each(['ack', 'term'] as const)(
    'takes a late ack that changes nothing after another run ended with %s',
    async (end) => {
      const { opened, consumerInfo } = await lost();
      opened.at(1)[end]();

      expect(opened.at(0).ack()).toBe(true);

      expect(consumerInfo('billing')).toMatchObject({ unsettled: 0, redelivering: 0 });
    },
  );

  it('frees demand by a late ack', async () => {
    const { time, publish, opened } = await lost({ maxAckPending: 1 });
    publish('2');
    await time.advanceBy(0);
    expect(opened.ids).toEqual(['1', '1']);

    opened.at(0).ack();

    expect(opened.ids).toEqual(['1', '1', '2']);
  });

  it.each(['nak', 'term'] as const)(
    'refuses a late %s, and leaves the run that is going on alone',
    async (settlement) => {
      const { time, opened, consumerInfo } = await lost();
      const late = opened.at(0);

      expect([late[settlement](), late.settled]).toEqual([false, false]);

      expect([opened.at(1).settled, consumerInfo('billing').unsettled]).toEqual([false, 1]);
      await time.advanceBy(200);
      expect(opened.attempts).toEqual([1, 2, 3]);
    },
  );

  it('takes a late ack after it refused a late nak', async () => {
    const { opened } = await lost();
    opened.at(0).nak();

    expect([opened.at(0).ack(), opened.at(1).settled]).toEqual([true, true]);
  });

  it('says of each late settlement what it was', async () => {
    const { transport, opened } = await lost();
    const seen = statuses(transport);

    opened.at(0).nak();
    opened.at(0).term();
    opened.at(0).ack();
    opened.at(0).ack();

    const where = { kind: 'lateSettle', stream: 'SHOP', consumer: 'billing', sequence: 1 };
    expect(seen.slice(1)).toEqual([
      { ...where, settlement: 'nak' },
      { ...where, settlement: 'term' },
      { ...where, settlement: 'ack' },
    ]);
  });

  it('counts late settlements, and an ack in place of the expiry', async () => {
    const { transport, opened } = await lost();
    opened.at(0).nak();
    opened.at(0).ack();

    const report = lastOf(transport.drain());

    expect(report).toMatchObject({ received: 2, acked: 2, expired: 0, naked: 0, late: 2 });
    expect(addsUp(report)).toBe(true);
  });

  it('counts what was lost and never acked', async () => {
    const { time, transport, opened } = await lost();
    opened.at(0).term();
    opened.at(1).ack();

    const report = await resultOf(time, transport.drain());

    expect(report).toMatchObject({ received: 2, acked: 1, expired: 1, termed: 0, late: 1 });
  });

  it('lets go of a message of a work queue by a late ack', async () => {
    const { opened, stored } = await lost({}, { retention: 'workqueue' });

    opened.at(0).ack();

    expect(stored()).toBe('');
  });

  it('lets go of a message of a work queue by a late ack after its last attempt', async () => {
    const { time, opened, stored } = await lost({ maxDeliver: 2 }, { retention: 'workqueue' });
    await time.advanceBy(200);
    expect([opened.attempts, stored()]).toEqual([[1, 2], '1']);

    opened.at(1).ack();

    expect(stored()).toBe('');
  });

  it('lets go of a message of an interest stream once, by several late acks', async () => {
    const { time, consumer, opened, stored } = await lost({ maxDeliver: 2 }, { retention: 'interest' });
    consumer('audit');
    await time.advanceBy(200);

    opened.at(0).ack();
    opened.at(1).ack();

    expect(stored()).toBe('1');
  });

  it('confirms a late ack', async () => {
    const { opened } = await lost();
    let end = 'open';

    opened
      .at(0)
      .confirm()
      .subscribe({ complete: () => (end = 'completed') });

    expect([end, opened.at(0).settled]).toEqual(['completed', true]);
  });
});

describe('MemoryDelivery', () => {
  async function delivered() {
    const held = shop();
    held.consumer('billing', { ackWait: 200 });
    held.publish('1');
    return (await held.open('billing')).at(0);
  }

  it('acks when its confirmation is subscribed to, and not before', async () => {
    const delivery = await delivered();
    const confirming = delivery.confirm();
    expect(delivery.settled).toBe(false);

    let confirmed = false;
    confirming.subscribe({ complete: () => (confirmed = true) });

    expect([confirmed, delivery.settled, delivery.ack()]).toEqual([true, true, false]);
  });

  it('confirms an ack that was made before, as often as it is asked', async () => {
    const delivery = await delivered();
    delivery.ack();
    let confirmed = 0;

    for (let n = 0; n < 2; n += 1) delivery.confirm().subscribe({ complete: () => (confirmed += 1) });

    expect(confirmed).toBe(2);
  });

  it.each(['nak', 'term'] as const)('confirms nothing after %s, and says why', async (settlement) => {
    const delivery = await delivered();
    delivery[settlement]();
    const errors: unknown[] = [];

    delivery.confirm().subscribe({ error: (error: unknown) => errors.push(error) });

    expect(errors[0]).toBeInstanceOf(ConfirmFailedError);
    expect((errors[0] as Error).message).toContain(settlement);
  });

  it('is aborted with the reason that is given, and left to be settled', async () => {
    const delivery = await delivered();
    const reason = new Error('enough');

    delivery.abort(reason);

    expect([delivery.signal.aborted, delivery.signal.reason, delivery.settled, delivery.lost]).toEqual([
      true,
      reason,
      false,
      false,
    ]);
    expect(delivery.ack()).toBe(true);
  });

  it('is not aborted once it is settled', async () => {
    const delivery = await delivered();
    delivery.ack();

    delivery.abort(new Error('too late'));

    expect(delivery.signal.aborted).toBe(false);
  });
});
