import { type Delivery, type Event, eventSource, InvalidListenerError, SourceClosedError } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import { fakeDelivery } from 'millrace/testing';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { eventsRig, request, seen } from './events-rig.ts';

const ids = (events: readonly Event[]) => events.map(({ id }) => id).join(' ');

function sourceRig(options: Parameters<typeof eventSource>[1] = {}) {
  const rig = eventsRig();
  const source = eventSource(rig.transport, { stream: 'SHOP', scheduler: rig.time, ...options });
  return { ...rig, source };
}

describe('eventSource', () => {
  it('emits what matches a type, a transaction, or both', async () => {
    const { source, publish, time } = sourceRig();
    const [byType, byTransaction, byBoth] = [
      seen(source.listen({ types: ['shop.paid'] })),
      seen(source.listen({ transactionId: 'tid-1' })),
      seen(source.listen({ types: ['shop.paid', 'shop.sent'], transactionId: 'tid-1' })),
    ];
    await time.advanceBy(10);

    publish({ id: '1', type: 'shop.paid', transactionid: 'tid-1' });
    publish({ id: '2', type: 'shop.paid', transactionid: 'tid-2' });
    publish({ id: '3', type: 'shop.sent', transactionid: 'tid-1' });
    publish({ id: '4', type: 'shop.other', transactionid: 'tid-1' });
    publish({ id: '5', type: 'shop.other' });
    await time.advanceBy(10);

    expect([ids(byType.values), ids(byTransaction.values), ids(byBoth.values)]).toEqual(['1 2', '1 3 4', '1 3']);
    expect(source.dropped).toBe(1);
  });

  it.each([
    ['neither types nor a transaction', {}, 'types'],
    ['no types', { types: [] }, 'types'],
    ['an empty type', { types: ['shop.paid', ''] }, 'types'],
    ['an empty transaction', { transactionId: '' }, 'transactionId'],
  ])('fails where a listener gives %s', (_, options, field) => {
    const { source } = sourceRig();

    const { error } = seen(source.listen(options));

    expect(error).toBeInstanceOf(InvalidListenerError);
    expect(error).toMatchObject({ code: 'INVALID_LISTENER', field });
    expect(source.size).toBe(0);
  });

  it('fails where a type cannot be an address', () => {
    const { source } = sourceRig();

    expect(seen(source.listen({ types: ['shop paid'] })).error).toMatchObject({ code: 'INVALID_ADDRESS' });
    expect(source.size).toBe(0);
  });

  it('emits one event to a listener that wants one, though the next comes while it is told', () => {
    const deliveries = new Subject<Delivery>();
    const { transport } = eventsRig();
    const source = eventSource({ ...transport, subscribe: () => deliveries as never }, { stream: 'SHOP' });
    const events: string[] = [];
    const bring = (id: string) => deliveries.next(fakeDelivery(request(id)));
    const witness = seen(source.listen({ types: ['shop.order'] }));
    source.listen({ types: ['shop.order'], once: true }).subscribe(({ id }) => {
      events.push(id);
      bring('nested');
    });

    bring('1');
    bring('2');

    expect(events).toEqual(['1']);
    expect(witness.values.length).toBe(3);
  });

  it('opens with the first listener, closes with the last, and opens again', async () => {
    const { source, consumers, publish, time } = sourceRig();
    expect(consumers()).toEqual(['billing']);
    const first = seen(source.listen({ types: ['shop.paid'] }));
    const second = seen(source.listen({ types: ['shop.paid'] }));
    await time.advanceBy(10);
    expect(consumers().length).toBe(2);

    first.close();
    first.close();
    expect([source.size, consumers().length]).toEqual([1, 2]);
    second.close();
    expect([source.size, consumers().length]).toEqual([0, 1]);

    const third = seen(source.listen({ types: ['shop.paid'] }));
    await time.advanceBy(10);
    publish({ id: '1', type: 'shop.paid' });
    await time.advanceBy(10);
    expect(ids(third.values)).toBe('1');
  });

  it('stays open for a while after the last listener with a timeout, for the next one', async () => {
    const { source, consumers, time } = sourceRig({ linger: 500 });
    const wait = () => seen(source.listen({ types: ['shop.paid'], timeout: 10_000 }));
    const first = wait();
    await time.advanceBy(10);
    const [, name] = consumers();
    first.close();
    await time.advanceBy(400);
    const second = wait();
    await time.advanceBy(400);
    expect(consumers()[1]).toBe(name);
    second.close();
    await time.advanceBy(499);
    expect(consumers()[1]).toBe(name);

    await time.advanceBy(2);

    expect(consumers()).toEqual(['billing']);
    await time.advanceBy(1);
    expect(time.pending).toBe(0);
  });

  it('asks the broker for the types that are listened to, and for nothing else', async () => {
    const { source, publish, filters, time } = sourceRig();
    const listener = seen(source.listen({ types: ['shop.b', 'shop.a'] }));
    await time.advanceBy(10);

    publish({ type: 'shop.other' });
    await time.advanceBy(10);

    expect(filters()).toEqual([['shop.a', 'shop.b']]);
    expect(source.dropped).toBe(0);
    listener.close();
    seen(source.listen({ transactionId: 'tid-1' }));
    await time.advanceBy(10);
    expect(filters()).toEqual([[]]);
  });

  it('asks for what is configured, from the start', async () => {
    const { source, filters } = sourceRig({ types: ['paid', 'sent'], prefix: 'shop' });

    seen(source.listen({ types: ['paid'] }));

    expect(filters()).toEqual([['shop.paid', 'shop.sent']]);
  });

  it('takes in further types without missing an event or giving one twice, and ends up with one subscription', async () => {
    const { source, publish, filters, time } = sourceRig();
    const first = seen(source.listen({ types: ['shop.a'] }));
    await time.advanceBy(10);
    publish({ id: '1', type: 'shop.a' });
    publish({ id: 'too early', type: 'shop.b' });
    const second = seen(source.listen({ types: ['shop.b'] }));
    publish({ id: '2', type: 'shop.a' });
    publish({ id: '3', type: 'shop.b' });
    await time.advanceBy(10);
    publish({ id: '4', type: 'shop.a' });
    publish({ id: '5', type: 'shop.b' });
    await time.advanceBy(10);

    expect([ids(first.values), ids(second.values)]).toEqual(['1 2 4', '3 5']);
    expect(filters()).toEqual([['shop.a', 'shop.b']]);
    const everything = seen(source.listen({ transactionId: 'tid-1' }));
    await time.advanceBy(10);
    publish({ id: '6', type: 'shop.a', transactionid: 'tid-1' });
    publish({ id: '7', type: 'shop.c', transactionid: 'tid-1' });
    await time.advanceBy(10);
    expect([ids(first.values), ids(everything.values)]).toEqual(['1 2 4 6', '6 7']);
    expect(filters()).toEqual([[]]);
  });

  it('says when it is open for a listener', async () => {
    const { source, time } = sourceRig();
    const opened: string[] = [];
    for (const type of ['shop.a', 'shop.b', 'shop.a'])
      source.listen({ types: [type], opened: () => opened.push(type) }).subscribe();
    await time.advanceBy(10);

    expect(opened).toEqual(['shop.a', 'shop.b', 'shop.a']);
  });

  it('fails all listeners with the error of the subscription, and opens anew for the next one', async () => {
    const { source, broker, time } = sourceRig();
    const listeners = [seen(source.listen({ types: ['shop.a'] })), seen(source.listen({ transactionId: 'tid-1' }))];
    await time.advanceBy(10);

    broker.deleteStream('SHOP');
    await time.advanceBy(10);

    expect(listeners.map(({ end }) => end)).toEqual(['failed', 'failed']);
    expect(listeners.map(({ error }) => error instanceof SourceClosedError)).toEqual([false, false]);
    expect(source.size).toBe(0);
    expect(seen(source.listen({ types: ['shop.a'] })).error).toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('ends with its transport: listeners complete, and those who wait for something fail', async () => {
    const { source, transport, time } = sourceRig();
    const listener = seen(source.listen({ types: ['shop.a'] }));
    const waiting = seen(source.listen({ types: ['shop.a'], timeout: 60_000 }));
    await time.advanceBy(10);

    transport.drain().subscribe();
    await time.advanceBy(10);

    expect([listener.end, waiting.end]).toEqual(['completed', 'failed']);
    expect(waiting.error).toMatchObject({ code: 'SOURCE_CLOSED' });
    expect(seen(source.listen({ types: ['shop.a'] })).error).toMatchObject({ code: 'TRANSPORT_CLOSED' });
  });

  it('ends when it is disposed of, and leaves nothing', async () => {
    const { source, consumers, time } = sourceRig();
    const listener = seen(source.listen({ types: ['shop.a'] }));
    const waiting = seen(source.listen({ types: ['shop.a'], timeout: 60_000 }));

    await source[Symbol.asyncDispose]();

    expect([listener.end, waiting.end, source.size]).toEqual(['completed', 'failed', 0]);
    expect(consumers()).toEqual(['billing']);
    await time.advanceBy(1);
    expect(time.pending).toBe(0);
    expect(seen(source.listen({ types: ['shop.a'] })).error).toBeInstanceOf(SourceClosedError);
  });

  it('drops what is no event, and counts it', async () => {
    const rig = eventsRig();
    const transport = memoryTransport(rig.broker);
    const subscribe: typeof transport.subscribe = (options) => {
      const deliveries = transport.subscribe(options);
      deliveries.subscribe((delivery) => Object.defineProperty(delivery, 'failure', { value: new Error('no event') }));
      return deliveries as never;
    };
    const source = eventSource({ ...transport, subscribe }, { stream: 'SHOP', scheduler: rig.time });
    const listener = seen(source.listen({ types: ['shop.a'] }));
    await rig.time.advanceBy(10);
    rig.publish({ type: 'shop.a' });
    await rig.time.advanceBy(10);

    expect([listener.values.length, source.dropped]).toEqual([0, 1]);
  });

  describe('without a stream', () => {
    it('listens at the addresses of the types, and gives each event once', async () => {
      const { transport, time, publish } = eventsRig();
      const source = eventSource(transport, { scheduler: time });
      const typed = seen(source.listen({ types: ['live.a'] }));
      publish({ id: '1', type: 'live.a', transactionid: 'tid-1' });
      const wild = seen(source.listen({ transactionId: 'tid-1' }));
      const other = seen(source.listen({ types: ['live.b', 'live.a'] }));
      publish({ id: '2', type: 'live.a', transactionid: 'tid-1' });
      publish({ id: '3', type: 'live.b', transactionid: 'tid-1' });
      await time.advanceBy(10);

      expect([ids(typed.values), ids(wild.values), ids(other.values)]).toEqual(['1 2', '2 3', '2 3']);
      typed.close();
      wild.close();
      other.close();
      expect(source.size).toBe(0);
    });
  });

  it.each([{ linger: -1 }, { prefetch: 0 }, { prefix: 'a.*' }, { prefix: 'a', addressOf: String }])(
    'refuses %j',
    (options) => {
      const { transport } = eventsRig();

      expect(() => eventSource(transport, { stream: 'SHOP', ...options })).toThrow();
    },
  );
});
