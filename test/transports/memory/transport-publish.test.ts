import { AUTO_POPULATE, InvalidAddressError, InvalidEventError, PublishError, UnboundAddressError } from 'millrace';
import { ensureStream, type MemoryTransportOptions, memoryTransport } from 'millrace/memory';
import { take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, allOf, errorOf, inbox, lastOf, sample, shop, world } from './support.ts';

describe('memoryTransport', () => {
  it('publishes when it is subscribed to, and anew for each subscriber', () => {
    const { transport, stored } = shop();
    const publishing = transport.publish(sample('1'), { messageId: false });
    expect(stored()).toBe('');

    publishing.subscribe();
    publishing.subscribe();

    expect(stored()).toBe('1 1');
  });

  it('publishes a batch in order, with a receipt for each', () => {
    const { transport, stored } = shop();

    const receipts = allOf(transport.publish([sample('1'), sample('2'), sample('3')]));

    expect(receipts).toEqual(
      [1, 2, 3].map((sequence) => ({
        address: 'shop.orders',
        stored: true,
        stream: 'SHOP',
        sequence,
        duplicate: false,
      })),
    );
    expect(stored()).toBe('1 2 3');
  });

  it('publishes an empty batch without a receipt', () => {
    expect(allOf(world().transport.publish([]))).toEqual([]);
  });

  it('stops in the middle of a batch when it is unsubscribed there', () => {
    const { transport, stored } = shop();

    transport
      .publish([sample('1'), sample('2'), sample('3')])
      .pipe(take(2))
      .subscribe();

    expect(stored()).toBe('1 2');
  });

  it.each([
    { bad: 'event', event: sample('', {}), error: InvalidEventError },
    { bad: 'address', event: sample('2', { type: 'shop..orders' }), error: InvalidAddressError },
    { bad: 'nothing', event: undefined as never, error: InvalidEventError },
  ])('stores nothing of a batch with an invalid $bad', ({ event, error }) => {
    const { transport, stored } = shop();

    expect(errorOf(transport.publish([sample('1'), event]))).toBeInstanceOf(error);

    expect(stored()).toBe('');
  });

  it('stores what comes before a refusal in a batch, and says so by its receipts', () => {
    const { transport, stored } = shop({ discard: 'new', maxMessages: 2 });
    const ends: unknown[] = [];

    transport.publish([sample('1'), sample('2'), sample('3'), sample('4')]).subscribe({
      next: ({ sequence }) => ends.push(sequence),
      error: ({ code }: PublishError) => ends.push(code),
    });

    expect([ends, stored()]).toEqual([[1, 2, 'LIMIT_REACHED'], '1 2']);
  });

  it.each([
    [{ specversion: '0.3' }, 'specversion'],
    [{ type: '' }, 'type'],
    [{ source: 'no uri' }, 'source'],
    [{ time: 'today' }, 'time'],
    [{ Upper: 1 }, 'Upper'],
    [{ data: new DataView(new ArrayBuffer(1)) }, 'data'],
  ])('refuses an event with %j', (attributes, attribute) => {
    const { transport, info } = shop();

    const error = errorOf(transport.publish(sample('1', attributes), { address: 'shop.orders' }));

    expect(error).toMatchObject({ name: 'InvalidEventError', attribute });
    expect(info().messages).toBe(0);
  });

  it.each(['', 'a..b', 'a.', 'shop.*', 'shop.>', 'shop orders'])('refuses the address %j', (address) => {
    const { transport } = shop();

    expect(errorOf(transport.publish(sample('1'), { address }))).toBeInstanceOf(InvalidAddressError);
  });

  it.each(['', undefined, AUTO_POPULATE])('fills in a source that is %j with its name', async (source) => {
    const { broker, open, consumer } = shop();
    consumer('all');
    const event = sample('1', { source });

    lastOf(memoryTransport(broker, { name: 'checkout' }).publish(event));

    const opened = await open('all');
    expect(opened.at(0).event).toEqual({ ...event, source: 'checkout' });
    expect(event.source).toBe(source);
  });

  it('leaves a source alone that is there, and the event as it is', async () => {
    const { transport, open } = shop();
    const event = Object.freeze(sample('1'));

    lastOf(transport.publish(event));

    expect((await open({})).at(0).event).toBe(event);
  });

  it('takes its own name as the source before it tells duplicates', () => {
    const { broker } = shop();
    const event = sample('1', { source: '' });

    lastOf(memoryTransport(broker, { name: 'one' }).publish(event));

    expect(lastOf(memoryTransport(broker, { name: 'other' }).publish(event)).duplicate).toBe(false);
  });

  it.each<{ options: MemoryTransportOptions; address: string }>([
    { options: {}, address: 'shop.orders' },
    { options: { prefix: 'shop' }, address: 'shop.shop.orders' },
    { options: { prefix: 'shop.eu' }, address: 'shop.eu.shop.orders' },
    { options: { address: ({ id }) => `shop.${id}` }, address: 'shop.1' },
  ])('maps an event to $address with $options', ({ options, address }) => {
    const { broker } = shop();

    expect(lastOf(memoryTransport(broker, options).publish(sample('1'))).address).toBe(address);
  });

  it.each(['shop.else', () => 'shop.else'])('takes another address for one publish: %s', (address) => {
    const { broker } = shop();
    const transport = memoryTransport(broker, { prefix: 'shop' });

    expect(lastOf(transport.publish(sample('1'), { address })).address).toBe('shop.else');
  });

  it('asks for the address of each event of a batch', () => {
    const { transport } = shop();

    const receipts = allOf(transport.publish([sample('a'), sample('b')], { address: ({ id }) => `shop.${id}` }));

    expect(receipts.map(({ address }) => address)).toEqual(['shop.a', 'shop.b']);
  });

  it('refuses a prefix together with a mapping, and names both', () => {
    expect(() => memoryTransport(world().broker, { prefix: 'a', address: () => 'b' })).toThrow(
      /'prefix' and 'address'/,
    );
  });

  it.each(['', 'a.', 'a.*'])('refuses the prefix %j', (prefix) => {
    expect(() => memoryTransport(world().broker, { prefix })).toThrow(InvalidAddressError);
  });

  it('delivers the headers that were published beside an event', async () => {
    const { transport, open } = shop();

    lastOf(transport.publish(sample('1'), { headers: { traceparent: '00-1' } }));
    lastOf(transport.publish(sample('2')));

    expect((await open({})).deliveries.map(({ headers }) => headers)).toEqual([{ traceparent: '00-1' }, {}]);
  });

  it('refuses what no stream is bound to and nobody listens to', () => {
    const error = errorOf(world().transport.publish(sample('1')));

    expect(error).toBeInstanceOf(UnboundAddressError);
    expect(error).toBeInstanceOf(PublishError);
    expect(error).toMatchObject({ outcome: 'refused', address: 'shop.orders', code: 'UNBOUND_ADDRESS' });
  });

  it('stores and hands to core listeners alike', async () => {
    const { transport, open, stored } = shop();
    const opened = await open({ address: 'shop.>' }, ack);

    lastOf(transport.publish(sample('1')));

    expect([opened.ids, stored()]).toEqual([['1'], '1']);
  });

  it('refuses to hand to listeners alone what must be stored', () => {
    const { transport } = world();
    const opened = inbox(transport.subscribe({ address: 'shop.orders' }));

    expect(errorOf(transport.publish(sample('1'), { stored: true }))).toBeInstanceOf(UnboundAddressError);

    expect(opened.ids).toEqual([]);
    expect(lastOf(transport.publish(sample('1'), { stored: false })).stored).toBe(false);
  });

  it('stores what must be stored', () => {
    expect(lastOf(shop().transport.publish(sample('1'), { stored: true })).stored).toBe(true);
  });

  it('makes no stream as a side effect', () => {
    const { broker, transport } = world();
    errorOf(transport.publish(sample('1')));

    expect(broker.streams.size).toBe(0);
  });

  it('shares the streams of its broker with other transports', () => {
    const { broker, transport } = world();
    lastOf(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));

    lastOf(memoryTransport(broker).publish(sample('1')));

    expect(lastOf(transport.publish(sample('2'))).sequence).toBe(2);
  });
});
