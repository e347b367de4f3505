import type { Event } from 'millrace';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, inbox, lastOf, sample, shop, world } from './support.ts';

interface Basket {
  items: string[];
}

const address = 'shop.orders';
const basket = (...items: string[]): Event => sample('1', { data: { items } });
const itemsOf = ({ data }: Event): string[] => (data as Basket).items;

describe('memoryBroker', () => {
  it('shares one event among all who receive it, unless it is told otherwise', async () => {
    const { open, transport } = shop();
    const event = basket('a');
    const core = await open({ address }, ack);

    lastOf(transport.publish(event, { address }));

    const inboxes = [await open({}), await open({}), core];
    expect(inboxes.every((each) => each.at(0).event === event)).toBe(true);
  });

  it('isolates each receiver of a stream from the others', async () => {
    const { open, transport } = shop({}, { isolate: true });
    lastOf(transport.publish(basket('a'), { address }));
    const [one, other] = [await open({}), await open({})];

    itemsOf(one.at(0).event).push('b');

    expect(itemsOf(other.at(0).event)).toEqual(['a']);
  });

  it('isolates each redelivery', async () => {
    const { time, consumer, open, transport } = shop({}, { isolate: true });
    consumer('billing');
    lastOf(transport.publish(basket('a'), { address }));
    const opened = await open('billing');

    itemsOf(opened.at(0).event).push('b');
    opened.at(0).nak();
    await time.advanceBy(0);

    expect(opened.deliveries.map(({ event }) => itemsOf(event))).toEqual([['a', 'b'], ['a']]);
  });

  it('isolates the publisher', async () => {
    const { open, transport } = shop({}, { isolate: true });
    const event = basket('a');
    lastOf(transport.publish(event, { address }));

    itemsOf(event).push('b');

    expect(itemsOf((await open({})).at(0).event)).toEqual(['a']);
  });

  it('isolates core listeners from each other, from the stream and from the publisher', async () => {
    const { open, transport } = shop({}, { isolate: true });
    const event = basket('a');
    const [one, other] = [await open({ address }), await open({ address: 'shop.*' })];
    lastOf(transport.publish(event, { address }));

    itemsOf(one.at(0).event).push('b');

    expect([itemsOf(event), itemsOf(other.at(0).event), itemsOf((await open({})).at(0).event)]).toEqual([
      ['a'],
      ['a'],
      ['a'],
    ]);
  });

  it('isolates what its core listener holds back from what the publisher does next', async () => {
    const { transport } = world({ isolate: true });
    const event = basket('a');
    const opened = inbox(transport.subscribe({ address, prefetch: 1 }));
    for (let n = 0; n < 2; n += 1) lastOf(transport.publish(event, { address }));

    itemsOf(event).push('b');
    opened.at(0).ack();

    expect(itemsOf(opened.at(1).event)).toEqual(['a']);
  });

  it('isolates askers and responders', () => {
    const { transport } = world({ isolate: true });
    const [question, answer] = [basket('a'), basket('x')];
    transport.requests({ address }).subscribe((request) => {
      itemsOf(request.event).push('b');
      request.reply(answer);
    });

    const reply = lastOf(transport.request(question, { address }));
    itemsOf(reply).push('y');

    expect([itemsOf(question), itemsOf(answer)]).toEqual([['a'], ['x']]);
  });

  it('ends a stream of replies that it isolates', () => {
    const { transport } = world({ isolate: true });
    transport.requests({ address }).subscribe((request) => {
      request.reply(basket('x'));
      request.end();
    });
    let end = 'open';

    transport.request(basket('a'), { address, many: true }).subscribe({ complete: () => (end = 'completed') });

    expect(end).toBe('completed');
  });

  it.each([new Uint8Array([1, 2]), 'text', 0, null, [1], new Date(0), undefined])(
    'gives each receiver a copy of %o that is equal to it',
    async (data) => {
      const { open, transport } = shop({}, { isolate: true });
      const event = sample('1', data === undefined ? {} : { data });

      lastOf(transport.publish(event, { address }));

      const received = (await open({})).at(0).event;
      expect(received).toEqual(event);
      if (typeof data === 'object' && data !== null) expect(received.data).not.toBe(data);
    },
  );

  it('refuses data that cannot be copied, and stores nothing', async () => {
    const { open, transport, info } = shop({}, { isolate: true });
    const listening = await open({ address });

    const error = errorOf(transport.publish(sample('1', { data: () => undefined }), { address }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
    expect((error as Error).cause).toBeInstanceOf(DOMException);
    expect([info().messages, listening.ids]).toEqual([0, []]);
  });
});
