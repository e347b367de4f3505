import { NoRespondersError, UnboundAddressError } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, addsUp, errorOf, inbox, lastOf, publish, sample, statuses, world } from './support.ts';

const address = 'news.today';

describe('coreSource', () => {
  it('delivers at once to all who listen, with one attempt and no position', () => {
    const { transport } = world();
    const inboxes = [inbox(transport.subscribe({ address })), inbox(transport.subscribe({ address: 'news.*' }))];

    publish(transport, '1', { address, headers: { trace: 'x' } });

    for (const { ids, deliveries } of inboxes) {
      expect(ids).toEqual(['1']);
      expect(deliveries[0]).toMatchObject({
        address,
        attempt: 1,
        headers: { trace: 'x' },
        settled: false,
        lost: false,
      });
      expect(deliveries[0]?.position).toBeUndefined();
    }
  });

  it('says that nothing is redelivered', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 7 }));

    publish(transport, '1', { address });

    const { subscription } = open.at(0);
    expect(subscription).toMatchObject({ prefetch: 7, maxDeliver: 1 });
    expect([subscription.stream, subscription.consumer, subscription.lease]).toEqual([undefined, undefined, undefined]);
  });

  it('keeps nothing for those who come later', () => {
    const { transport } = world();
    inbox(transport.subscribe({ address }), ack);
    publish(transport, '1', { address });

    const late = inbox(transport.subscribe({ address }));

    expect(late.ids).toEqual([]);
  });

  it('gives each event to one member of a queue group, in turn', () => {
    const { transport } = world();
    const members = [1, 2].map(() => inbox(transport.subscribe({ address, queue: 'readers' }), ack));
    const alone = inbox(transport.subscribe({ address, queue: 'others' }), ack);

    publish(transport, '1 2 3 4', { address });

    expect(members.map(({ ids }) => ids.length)).toEqual([2, 2]);
    expect(alone.ids).toEqual(['1', '2', '3', '4']);
  });

  it('hears the other transports of its broker, and none of another broker', () => {
    const [here, elsewhere] = [world(), world()];
    const open = inbox(memoryTransport(here.broker).subscribe({ address }));

    publish(here.transport, '1', { address });

    expect(open.ids).toEqual(['1']);
    expect(errorOf(elsewhere.transport.publish(sample('2'), { address }))).toBeInstanceOf(UnboundAddressError);
  });

  it('hands over no more than prefetch at a time, and the rest in order as they are settled', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 2 }));
    publish(transport, '1 2 3 4 5', { address });
    expect(open.ids).toEqual(['1', '2']);

    open.at(1).ack();
    expect(open.ids).toEqual(['1', '2', '3']);
    open.at(0).term();
    open.at(2).nak();

    expect(open.ids).toEqual(['1', '2', '3', '4', '5']);
  });

  it('settles a delivery once', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address }));
    publish(transport, '1 2 3', { address });

    expect([open.at(0).ack(), open.at(1).nak(), open.at(2).term()]).toEqual([true, true, true]);

    for (const delivery of open.deliveries) {
      expect([delivery.settled, delivery.ack(), delivery.nak(), delivery.term()]).toEqual([true, false, false, false]);
    }
  });

  it('says that a nak is a drop, and counts them', async () => {
    const { time, transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address }));
    publish(transport, '1 2', { address });

    open.at(0).nak();
    open.at(1).nak(1_000);
    await time.advanceBy(10_000);

    expect(open.ids).toEqual(['1', '2']);
    const reason = 'nak where nothing is redelivered';
    expect(seen.slice(1)).toEqual([
      { kind: 'dropped', address, reason, total: 1 },
      { kind: 'dropped', address, reason, total: 2 },
    ]);
  });

  it('has no leases: nothing is lost for taking long, and nothing to keep', async () => {
    const { time, transport } = world();
    const open = inbox(transport.subscribe({ address }));
    publish(transport, '1', { address });

    open.at(0).working();
    await time.advanceBy(3_600_000);

    expect([open.at(0).signal.aborted, open.at(0).ack(), open.ids.length, time.pending]).toEqual([false, true, 1, 0]);
  });

  it('confirms an ack', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address }));
    publish(transport, '1', { address });

    let confirmed = false;
    open
      .at(0)
      .confirm()
      .subscribe({ complete: () => (confirmed = true) });

    expect([confirmed, open.at(0).settled]).toEqual([true, true]);
  });

  it('receives nothing any more when it is unsubscribed, not even what it had buffered', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 1 }));
    publish(transport, '1 2', { address });

    open.close();
    open.at(0).ack();

    expect(open.ids).toEqual(['1']);
    expect(errorOf(transport.publish(sample('3'), { address }))).toBeInstanceOf(UnboundAddressError);
    expect(lastOf(transport.drain())).toMatchObject({ received: 1, acked: 1 });
  });

  it('stops in the middle of its buffer when it is unsubscribed there', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 2 }), (delivery) => {
      if (delivery.event.id === '3') open.close();
    });
    publish(transport, '1 2 3 4 5', { address });

    open.at(0).ack();
    open.at(1).ack();

    expect(open.ids).toEqual(['1', '2', '3']);
  });

  it('counts nothing as received that came while it was unsubscribed by another listener', async () => {
    const { time, transport } = world();
    inbox(transport.subscribe({ address }), (delivery) => {
      delivery.ack();
      second.close();
    });
    const second = inbox(transport.subscribe({ address }), ack);

    publish(transport, '1', { address });
    const report = lastOf(transport.drain());
    await time.advanceBy(0);

    expect([second.ids, report.received, addsUp(report)]).toEqual([[], 1, true]);
  });

  it('lets a publisher know that an event is not stored', () => {
    const { transport } = world();
    inbox(transport.subscribe({ address }));

    expect(publish(transport, '1', { address })).toEqual([{ address, stored: false, duplicate: false }]);
  });

  it('hears requests and replies that pass by, and not the mark at their end', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address: '>' }), ack);
    transport.requests({ address }).subscribe((request) => {
      request.reply(sample('answer'));
      request.end();
    });

    transport.request(sample('question'), { address, many: true }).subscribe();

    expect([...open.ids].sort()).toEqual(['answer', 'question']);
  });

  it('is no responder', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address: 'elsewhere' }));

    expect(errorOf(transport.request(sample('1'), { address }))).toBeInstanceOf(NoRespondersError);
    expect(open.ids).toEqual([]);
  });
});
