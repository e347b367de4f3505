import { type DrainReport, TransportClosedError } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, inbox, lastOf, resultOf, type Shop, sample, shop, world } from './support.ts';

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
  it('drains when it is subscribed to, and not before', async () => {
    const { transport, opened } = await stocked();

    transport.drain();

    expect([opened.end, opened.at(0).subscription.draining.aborted]).toEqual([undefined, false]);
  });

  it('completes its subscriptions, and takes nothing new', async () => {
    const { time, transport, opened, consumerInfo } = await stocked(2);

    follow(transport.drain());
    for (const delivery of opened.deliveries) delivery.ack();
    await time.advanceBy(0);

    expect([opened.end, opened.ids]).toEqual(['completed', ['1', '2']]);
    expect(consumerInfo('billing').pending).toBe(3);
  });

  it('tells deliveries that are not started to go back, and does not take them again', async () => {
    const { time, transport, opened, consumerInfo } = await stocked();
    for (const delivery of opened.deliveries) {
      delivery.subscription.draining.addEventListener('abort', () => delivery.nak());
    }

    const drain = follow(transport.drain());
    await time.advanceBy(1_000);

    expect([opened.ids.length, consumerInfo('billing').redelivering]).toEqual([5, 5]);
    expect(drain.reports).toMatchObject([{ received: 5, returned: 5, elapsedMs: 0 }]);
  });

  it('waits for what is running, and ends with the last settlement', async () => {
    const { time, transport, opened } = await stocked(2);
    const drain = follow(transport.drain({ grace: 10_000 }));

    await time.advanceBy(500);
    opened.at(0).ack();
    expect(drain.reports).toEqual([]);
    await time.advanceBy(100);
    opened.at(1).ack();

    expect(drain.reports).toEqual([{ ...nothing, received: 2, acked: 2, elapsedMs: 600 }]);
    expect([drain.completed, time.pending]).toEqual([true, 0]);
  });

  it('aborts what is still running when grace is over, and hands it back', async () => {
    const { time, broker, transport, opened, consumerInfo } = await stocked(2);
    const other = inbox(memoryTransport(broker).subscribe({ stream: 'SHOP', consumer: 'billing' }));
    await time.advanceBy(0);
    expect(other.ids).toEqual(['3', '4', '5']);

    const drain = follow(transport.drain({ grace: 100 }));
    await time.advanceBy(99);
    expect([opened.at(0).signal.aborted, drain.reports]).toEqual([false, []]);
    await time.advanceBy(1);

    expect(opened.deliveries.map(({ signal }) => signal.reason)).toEqual([
      new TransportClosedError('millrace'),
      new TransportClosedError('millrace'),
    ]);
    expect(opened.deliveries.map(({ settled }) => settled)).toEqual([true, true]);
    expect(other.ids.slice(3)).toEqual(['1', '2']);
    expect(other.attempts.slice(3)).toEqual([2, 2]);
    expect(consumerInfo('billing')).toMatchObject({ unsettled: 5, redelivering: 0 });
  });

  it('refuses a settlement of what it has handed back', async () => {
    const { time, transport, opened } = await stocked(1);
    follow(transport.drain({ grace: 0 }));
    await time.advanceBy(0);

    expect([opened.at(0).ack(), opened.at(0).nak(), opened.at(0).term()]).toEqual([false, false, false]);
  });

  it('takes a settlement that answers the abort', async () => {
    const { time, transport, opened } = await stocked(2);
    opened.at(0).signal.addEventListener('abort', () => opened.at(0).ack());
    const drain = follow(transport.drain({ grace: 10 }));

    await time.advanceBy(10);

    expect(drain.reports).toMatchObject([{ received: 2, acked: 1, abandoned: 1 }]);
  });

  it('gives running handlers 30 seconds unless it is told otherwise', async () => {
    const { time, transport, opened } = await stocked(1);
    const drain = follow(transport.drain());

    await time.advanceBy(29_999);
    expect([drain.reports.length, opened.at(0).settled]).toEqual([0, false]);
    await time.advanceBy(1);

    expect(drain.reports).toMatchObject([{ abandoned: 1, elapsedMs: 30_000 }]);
  });

  it('does not wait for other transports of its broker', async () => {
    const { broker, opened } = await stocked(1);

    expect(lastOf(memoryTransport(broker).drain())).toMatchObject({ received: 0 });

    expect(opened.end).toBeUndefined();
  });

  it('joins a second call to the first, whatever its grace', async () => {
    const { time, transport } = await stocked(1);
    const drains = [follow(transport.drain({ grace: 100 })), follow(transport.drain({ grace: 100_000 }))];

    await time.advanceBy(100);
    drains.push(follow(transport.drain()));

    expect(drains.map(({ reports }) => reports[0])).toEqual(Array(3).fill(drains[0]?.reports[0]));
    expect(drains.every(({ completed }) => completed)).toBe(true);
  });

  it('joins a call that is made by what it completes', async () => {
    const { time, transport } = await stocked(1);
    const inner: ReturnType<typeof follow>[] = [];
    transport.subscribe({ address: 'news' }).subscribe({ complete: () => inner.push(follow(transport.drain())) });

    const outer = follow(transport.drain({ grace: 10 }));
    await time.advanceBy(10);

    expect([outer.reports, inner[0]?.reports]).toEqual([outer.reports, outer.reports]);
    expect(outer.reports).toMatchObject([{ received: 1, abandoned: 1 }]);
  });

  it('lets a handler publish while it drains, and refuses to publish when it is closed', async () => {
    const { transport, opened, publish } = await stocked(1);
    follow(transport.drain());
    expect(publish('while')).toHaveLength(1);

    opened.at(0).ack();

    const error = errorOf(transport.publish(sample('after')));
    expect(error).toBeInstanceOf(TransportClosedError);
    expect(error).toMatchObject({ transport: 'millrace' });
  });

  it('refuses to subscribe or to respond from the start of its drain', async () => {
    const { transport } = await stocked(1);
    const sources = [
      transport.subscribe({ stream: 'SHOP', consumer: 'billing' }),
      transport.subscribe({ stream: 'SHOP' }),
      transport.subscribe({ address: 'news' }),
      transport.requests({ address: 'prices' }),
    ];

    follow(transport.drain());

    for (const source of sources) expect(errorOf(source)).toBeInstanceOf(TransportClosedError);
  });

  it('completes its responders, and lets them answer what they have', async () => {
    const { broker, transport } = await stocked(1);
    const asker = memoryTransport(broker);
    let completed = false;
    let answer: (() => boolean) | undefined;
    transport.requests({ address: 'prices' }).subscribe({
      next: (request) => {
        answer = () => request.reply(sample('answer'));
      },
      complete: () => (completed = true),
    });
    const replies: string[] = [];
    asker.request(sample('question'), { address: 'prices' }).subscribe(({ id }) => replies.push(id));

    follow(transport.drain());

    expect([completed, answer?.(), replies]).toEqual([true, true, ['answer']]);
    expect(errorOf(asker.request(sample('another'), { address: 'prices' }))).toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('fails the requests that wait for a reply when it closes, and leaves no timer behind', () => {
    const { time, broker, transport } = world();
    memoryTransport(broker).requests({ address: 'prices' }).subscribe();
    const errors: unknown[] = [];
    transport.request(sample('1'), { address: 'prices' }).subscribe({ error: (error) => errors.push(error) });

    lastOf(transport.drain());

    expect(errors).toEqual([new TransportClosedError('millrace')]);
    expect(time.pending).toBe(0);
    expect(errorOf(transport.request(sample('2'), { address: 'prices' }))).toBeInstanceOf(TransportClosedError);
  });

  it('drains when it is disposed of', async () => {
    const { transport, opened } = await stocked(1);

    const disposed = transport[Symbol.asyncDispose]();
    opened.at(0).ack();

    await expect(disposed).resolves.toBeUndefined();
    expect(opened.end).toBe('completed');
    expect(lastOf(transport.drain())).toMatchObject({ received: 1, acked: 1 });
  });

  it('leaves the broker as it is', async () => {
    const { time, broker, transport } = await stocked(1);
    await resultOf(time, transport.drain({ grace: 0 }));

    const other = inbox(memoryTransport(broker).subscribe({ stream: 'SHOP', consumer: 'billing' }), ack);
    await time.advanceBy(0);

    expect(other.ids).toEqual(['1', '2', '3', '4', '5']);
  });
});
