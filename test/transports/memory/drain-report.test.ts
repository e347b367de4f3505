import type { DrainReport } from 'millrace';
import { deleteConsumer } from 'millrace/memory';
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { addsUp, inbox, lastOf, publish, type Shop, shop, statuses, world } from './support.ts';

const nothing = { received: 0, acked: 0, naked: 0, termed: 0, returned: 0, expired: 0, abandoned: 0, late: 0 };

/** A shop with a consumer, five messages, and no more than `prefetch` of them out. */
async function stocked(prefetch = 256) {
  const held: Shop = shop();
  held.consumer('billing', { ackWait: 1_000 });
  held.publish('1 2 3 4 5');
  return { ...held, opened: await held.open({ consumer: 'billing', prefetch }) };
}

/** Starts a drain, and collects what it says. */
function follow(drain: Observable<DrainReport>) {
  const reports: DrainReport[] = [];
  let completed = false;
  drain.subscribe({ next: (report) => reports.push(report), complete: () => (completed = true) });
  return {
    reports,
    get completed() {
      return completed;
    },
  };
}

describe('memoryTransport', () => {
  it('drains nothing at once', () => {
    const { time, transport } = world();

    expect(lastOf(transport.drain())).toEqual({ ...nothing, elapsedMs: 0 });
    expect(time.pending).toBe(0);
  });

  it('accounts for every way in which a delivery can end', async () => {
    const { time, transport, opened } = await stocked();
    opened.at(0).ack();
    opened.at(1).term();
    opened.at(2).nak(100_000);

    const drain = follow(transport.drain({ grace: 500 }));
    opened.at(3).nak(0);
    await time.advanceBy(500);

    const [report] = drain.reports;
    expect(report).toEqual({
      ...nothing,
      received: 5,
      acked: 1,
      termed: 1,
      naked: 1,
      returned: 1,
      abandoned: 1,
      elapsedMs: 500,
    });
    expect(addsUp(report!)).toBe(true);
  });

  it('takes for naked what goes back with a delay while it drains, and for returned what goes back at once', async () => {
    const { transport, opened } = await stocked(2);
    const drain = follow(transport.drain());

    opened.at(0).nak(10);
    opened.at(1).nak();

    expect(drain.reports).toMatchObject([{ received: 2, naked: 1, returned: 1 }]);
  });

  it('counts what was lost, and what came late', async () => {
    const { time, transport, opened } = await stocked(2);
    await time.advanceBy(1_000);
    expect(opened.ids).toEqual(['1', '2', '1', '2']);
    opened.at(0).ack();
    opened.at(1).nak();

    const drain = follow(transport.drain({ grace: 0 }));
    await time.advanceBy(0);

    expect(drain.reports).toMatchObject([{ ...nothing, received: 5, acked: 2, expired: 1, abandoned: 2, late: 2 }]);
    expect(addsUp(drain.reports[0]!)).toBe(true);
  });

  it('waits for the deliveries of subscriptions that have ended before', async () => {
    const { time, transport, opened } = await stocked(1);
    opened.close();
    const drain = follow(transport.drain());
    await time.advanceBy(100);
    expect(drain.reports).toEqual([]);

    opened.at(0).ack();

    expect(drain.reports).toMatchObject([{ received: 1, acked: 1, elapsedMs: 100 }]);
  });

  it('waits for the deliveries of a consumer that was deleted', async () => {
    const { time, broker, transport, opened } = await stocked(1);
    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));
    const drain = follow(transport.drain({ grace: 100 }));

    await time.advanceBy(100);

    expect(opened.end).toBe('failed');
    expect(drain.reports).toMatchObject([{ received: 1, abandoned: 1 }]);
  });

  it('accounts for all of its subscriptions together', async () => {
    const { time, transport, open, publish, opened } = await stocked(1);
    const [core, ephemeral] = [await open({ address: 'shop.>' }), await open({ from: 'new' })];
    publish('6');
    await time.advanceBy(0);

    const drain = follow(transport.drain());
    for (const each of [core, ephemeral, opened]) each.at(0).ack();

    expect(drain.reports).toMatchObject([{ received: 3, acked: 3 }]);
  });

  it('counts how core deliveries were settled', () => {
    const { transport } = world();
    const opened = inbox(transport.subscribe({ address: 'news' }));
    publish(transport, '1 2 3 4', { address: 'news' });

    opened.at(0).ack();
    opened.at(1).term();
    opened.at(2).nak();
    opened.at(3).nak(1_000);

    expect(lastOf(transport.drain())).toEqual({ ...nothing, received: 4, acked: 1, termed: 1, naked: 2, elapsedMs: 0 });
  });

  it('ends with the last settlement of a core delivery', async () => {
    const { time, transport } = world();
    const opened = inbox(transport.subscribe({ address: 'news' }));
    publish(transport, '1', { address: 'news' });
    const drain = follow(transport.drain());
    await time.advanceBy(100);
    expect(drain.reports).toEqual([]);

    opened.at(0).ack();

    expect(drain.reports).toEqual([{ ...nothing, received: 1, acked: 1, elapsedMs: 100 }]);
  });

  it('aborts core deliveries when grace is over, and takes a settlement that answers the abort', async () => {
    const { time, transport } = world();
    const opened = inbox(transport.subscribe({ address: 'news' }));
    publish(transport, '1 2', { address: 'news' });
    opened.at(0).signal.addEventListener('abort', () => opened.at(0).ack());
    const drain = follow(transport.drain({ grace: 10 }));

    await time.advanceBy(10);

    expect(drain.reports).toMatchObject([{ received: 2, acked: 1, abandoned: 1 }]);
    expect([opened.at(1).signal.aborted, opened.at(1).settled, opened.at(1).ack()]).toEqual([true, true, false]);
  });

  it('counts as abandoned, and says that it drops, what core listeners have not settled in time', async () => {
    const { time, transport } = world();
    const seen = statuses(transport);
    const opened = inbox(transport.subscribe({ address: 'news' }));
    publish(transport, '1 2', { address: 'news' });
    const drain = follow(transport.drain({ grace: 10 }));
    opened.at(0).nak();

    await time.advanceBy(10);

    expect(drain.reports).toMatchObject([{ received: 2, returned: 1, abandoned: 1 }]);
    expect(seen.filter(({ kind }) => kind === 'dropped')).toHaveLength(2);
  });
});
