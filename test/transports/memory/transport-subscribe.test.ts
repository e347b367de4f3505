import { ConsumerNotFoundError, InvalidAddressError, InvalidNameError, StreamNotFoundError } from 'millrace';
import { deleteConsumer, deleteStream, type MemorySubscribeOptions, memoryTransport } from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import { asapScheduler, concatMap, delay, of, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, type Inbox, inbox, lastOf, publish, type Shop, shop, world } from './support.ts';

/** A shop with a consumer and three messages. */
function stocked(): Shop {
  const held = shop();
  held.consumer('billing');
  held.publish('1 2 3');
  return held;
}

describe('memoryTransport', () => {
  it('opens a subscription with its first subscriber, and not before', async () => {
    const { time, transport, consumerInfo } = stocked();
    const source = transport.subscribe({ stream: 'SHOP', consumer: 'billing' });
    await time.advanceBy(0);
    expect(consumerInfo('billing').delivered).toBe(0);

    inbox(source);
    await time.advanceBy(0);

    expect(consumerInfo('billing').delivered).toBe(3);
  });

  it('delivers nothing within the call of subscribe', () => {
    const { transport } = stocked();

    expect(inbox(transport.subscribe({ stream: 'SHOP', consumer: 'billing' })).ids).toEqual([]);
  });

  it('shares one subscription and its deliveries among its subscribers', async () => {
    const { time, transport, consumerInfo } = stocked();
    const source = transport.subscribe({ stream: 'SHOP', consumer: 'billing', prefetch: 2 });
    const inboxes = [inbox(source), inbox(source)] as [Inbox, Inbox];
    await time.advanceBy(0);

    expect(inboxes.map(({ ids }) => ids)).toEqual([
      ['1', '2'],
      ['1', '2'],
    ]);
    expect(inboxes[0].at(0)).toBe(inboxes[1].at(0));
    expect(consumerInfo('billing').unsettled).toBe(2);
  });

  it('is kept open by its last subscriber', async () => {
    const { time, transport, publish } = stocked();
    const source = transport.subscribe({ stream: 'SHOP', consumer: 'billing' });
    const [first, second] = [inbox(source, ack), inbox(source)];
    await time.advanceBy(0);

    first.close();
    publish('4');
    await time.advanceBy(0);
    expect(second.ids).toEqual(['1', '2', '3', '4']);
    second.close();
    publish('5');
    await time.advanceBy(0);

    expect(second.ids).toHaveLength(4);
  });

  it('is opened again where it was left by the next subscriber', async () => {
    const { time, transport } = stocked();
    const source = transport.subscribe({ stream: 'SHOP', consumer: 'billing', prefetch: 1 });
    source.pipe(take(1)).subscribe(ack);
    await time.advanceBy(0);

    const again = inbox(source, ack);
    await time.advanceBy(0);

    expect(again.ids).toEqual(['2', '3']);
  });

  it('has taken nothing that it did not emit when it is unsubscribed in the middle', async () => {
    const { time, transport, open, consumerInfo } = stocked();
    const taken: string[] = [];

    transport
      .subscribe({ stream: 'SHOP', consumer: 'billing' })
      .pipe(take(1))
      .subscribe(({ event }) => taken.push(event.id));
    await time.advanceBy(0);

    expect([taken, consumerInfo('billing')]).toMatchObject([['1'], { unsettled: 1, pending: 2 }]);
    expect((await open('billing', ack)).ids).toEqual(['2', '3']);
  });

  it('lets a delivery be settled after its subscription has ended', async () => {
    const { open, consumerInfo } = stocked();
    const opened = await open('billing');
    opened.close();

    expect(opened.deliveries.map((delivery) => delivery.ack())).toEqual([true, true, true]);

    expect(consumerInfo('billing').unsettled).toBe(0);
  });

  it('works with handlers that take their time', async () => {
    const { time, transport, consumerInfo } = stocked();
    const done: string[] = [];
    transport
      .subscribe({ stream: 'SHOP', consumer: 'billing', prefetch: 1 })
      .pipe(concatMap((delivery) => of(delivery).pipe(delay(100, time))))
      .subscribe((delivery) => {
        done.push(`${delivery.event.id}@${time.now() % 1_000}`);
        delivery.ack();
      });

    await time.advanceBy(1_000);

    expect(done).toEqual(['1@100', '2@200', '3@300']);
    expect(consumerInfo('billing').unsettled).toBe(0);
  });

  it('tells what the deliveries of a subscription share', async () => {
    const { consumer, open } = stocked();
    consumer('billing', { ackWait: 1_000, maxDeliver: 3 });

    const { deliveries } = await open({ consumer: 'billing', prefetch: 5 });

    expect(deliveries[0]?.subscription).toMatchObject({
      stream: 'SHOP',
      consumer: 'billing',
      lease: 1_000,
      prefetch: 5,
      maxDeliver: 3,
    });
    expect(deliveries[0]?.subscription).toBe(deliveries[2]?.subscription);
  });

  it.each([
    [{ address: 'a', stream: 'SHOP' }, 'address', 'stream'],
    [{ address: 'a', consumer: 'billing' }, 'address', 'consumer'],
    [{ address: 'a', filter: 'a' }, 'address', 'filter'],
    [{ address: 'a', from: 'all' }, 'address', 'from'],
    [{ stream: 'SHOP', queue: 'q' }, 'stream', 'queue'],
    [{ stream: 'SHOP', buffer: 1 }, 'stream', 'buffer'],
    [{ stream: 'SHOP', overflow: 'error' }, 'stream', 'overflow'],
    [{ stream: 'SHOP', consumer: 'billing', from: 'new' }, 'consumer', 'from'],
    [{ stream: 'SHOP', consumer: 'billing', filter: 'shop.a' }, 'consumer', 'filter'],
    [{}, 'address', 'stream'],
    [{ prefetch: 1 }, 'address', 'stream'],
  ])('refuses %j at once, and names %s and %s', (options, ...named) => {
    const { transport } = stocked();
    const subscribing = (): unknown => transport.subscribe(options as MemorySubscribeOptions);

    expect(subscribing).toThrow(TypeError);
    for (const name of named) expect(subscribing).toThrow(new RegExp(`'${name}'`));
  });

  it.each([
    [{ address: 'a..b' }, InvalidAddressError],
    [{ address: 'a', queue: 'a b' }, InvalidNameError],
    [{ address: 'a', buffer: 0 }, RangeError],
    [{ address: 'a', overflow: 'wait' }, TypeError],
    [{ address: 'a', prefetch: 0 }, RangeError],
    [{ stream: 'A B' }, InvalidNameError],
    [{ stream: '' }, InvalidNameError],
    [{ stream: 'SHOP', consumer: 'a.b' }, InvalidNameError],
    [{ stream: 'SHOP', consumer: '' }, InvalidNameError],
    [{ stream: 'SHOP', from: 'first' }, TypeError],
    [{ stream: 'SHOP', prefetch: 1.5 }, RangeError],
    [{ stream: 'SHOP', scheduler: virtualTime() }, TypeError],
    [{ address: 'a', scheduler: asapScheduler }, TypeError],
  ])('refuses %j at once', (options, error) => {
    const { transport } = stocked();

    expect(() => transport.subscribe(options as MemorySubscribeOptions)).toThrow(error);
  });

  it('takes options that are undefined for ones that are not given', async () => {
    const { time, transport } = stocked();
    const options = { stream: 'SHOP', consumer: 'billing', address: undefined, from: undefined, queue: undefined };

    const opened = inbox(transport.subscribe(options as unknown as MemorySubscribeOptions));
    await time.advanceBy(0);

    expect(opened.ids).toHaveLength(3);
  });

  it("takes the broker's own clock for a scheduler", async () => {
    const { time, open } = stocked();

    expect((await open({ consumer: 'billing', scheduler: time })).ids).toHaveLength(3);
  });

  it('fails where there is no such stream or consumer, when it is subscribed to, and makes none', () => {
    const { broker, transport } = shop();
    const [stream, consumer] = [
      transport.subscribe({ stream: 'OTHER', consumer: 'billing' }),
      transport.subscribe({ stream: 'SHOP', consumer: 'billing' }),
    ];

    expect(inbox(stream).error).toBeInstanceOf(StreamNotFoundError);
    expect(inbox(transport.subscribe({ stream: 'OTHER' })).error).toBeInstanceOf(StreamNotFoundError);
    expect(inbox(consumer).error).toBeInstanceOf(ConsumerNotFoundError);
    expect([broker.streams.size, broker.stream('SHOP').consumers.size]).toEqual([1, 0]);
  });

  it('fails a subscription without a name whose filter matches nothing of the stream', () => {
    const { transport } = shop();

    expect(inbox(transport.subscribe({ stream: 'SHOP', filter: 'mail.>' })).error).toBeInstanceOf(TypeError);
  });

  it('fails when its consumer is deleted', async () => {
    const { broker, open } = stocked();
    const opened = await open('billing');

    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));

    expect(opened.end).toBe('failed');
    expect(opened.error).toBeInstanceOf(ConsumerNotFoundError);
    expect(opened.error).toMatchObject({ stream: 'SHOP', consumer: 'billing' });
  });

  it('fails once its consumer is deleted by a handler, and delivers nothing more', async () => {
    const { broker, open } = stocked();

    const opened = await open('billing', () => lastOf(deleteConsumer(broker, 'SHOP', 'billing')));

    expect([opened.ids, opened.end]).toEqual([['1'], 'failed']);
  });

  it('lets deliveries be settled after their consumer was deleted, without redelivery', async () => {
    const { time, broker, consumer, open } = stocked();
    const opened = await open('billing');
    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));
    consumer('billing', { from: 'new' });
    const again = await open('billing');

    expect([opened.at(0).ack(), opened.at(1).nak(), opened.at(2).term()]).toEqual([true, true, true]);
    await time.advanceBy(100_000);

    expect(again.ids).toEqual([]);
  });

  it('can be opened again when its consumer was made again', async () => {
    const { time, broker, transport, consumer } = stocked();
    const source = transport.subscribe({ stream: 'SHOP', consumer: 'billing' });
    const first = inbox(source);
    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));
    consumer('billing');

    const second = inbox(source);
    await time.advanceBy(0);

    expect([first.end, second.ids]).toEqual(['failed', ['1', '2', '3']]);
  });

  it('fails every subscription of every transport when the stream is deleted', async () => {
    const { time, broker, open } = stocked();
    const here = [await open('billing'), await open({ from: 'new' })];
    const there = inbox(memoryTransport(broker).subscribe({ stream: 'SHOP', consumer: 'billing' }));
    await time.advanceBy(0);

    lastOf(deleteStream(broker, 'SHOP'));

    for (const { error } of [...here, there]) expect(error).toBeInstanceOf(ConsumerNotFoundError);
  });

  it('lets core listeners be when a stream is deleted', async () => {
    const { broker, open, transport } = stocked();
    const opened = await open({ address: 'shop.>' });

    lastOf(deleteStream(broker, 'SHOP'));
    publish(transport, '4', { address: 'shop.orders' });

    expect([opened.ids, opened.end]).toEqual([['4'], undefined]);
  });

  it('claims what it can do', () => {
    expect(Object.entries(world().transport.capabilities).filter(([, can]) => !can)).toEqual([]);
  });
});
