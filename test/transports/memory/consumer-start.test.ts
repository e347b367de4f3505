import type { StartPosition } from 'millrace';
import { describe, expect, it } from 'vitest';
import { ack, publish, type Shop, START, shop } from './support.ts';

/** A shop that holds 1 to 5, stored 1000 ms apart, on `shop.odd` and `shop.even`. */
async function stocked(): Promise<Shop> {
  const held = shop();
  for (let n = 1; n <= 5; n += 1) {
    publish(held.transport, String(n), { address: n % 2 === 1 ? 'shop.odd' : 'shop.even' });
    await held.time.advanceBy(1_000);
  }
  return held;
}

const starts: readonly { readonly from: StartPosition; readonly all: string; readonly even: string }[] = [
  { from: 'all', all: '1 2 3 4 5 6', even: '2 4 6' },
  { from: 'new', all: '6', even: '6' },
  { from: 'last', all: '5 6', even: '4 6' },
  { from: { sequence: 1 }, all: '1 2 3 4 5 6', even: '2 4 6' },
  { from: { sequence: 3 }, all: '3 4 5 6', even: '4 6' },
  { from: { sequence: 6 }, all: '6', even: '6' },
  { from: { sequence: 7 }, all: '', even: '' },
  { from: { time: START }, all: '1 2 3 4 5 6', even: '2 4 6' },
  { from: { time: START + 2_000 }, all: '3 4 5 6', even: '4 6' },
  { from: { time: START + 2_001 }, all: '4 5 6', even: '4 6' },
  { from: { time: new Date(START + 2_000) }, all: '3 4 5 6', even: '4 6' },
  { from: { time: new Date(START + 2_000).toISOString() }, all: '3 4 5 6', even: '4 6' },
  { from: { time: START + 1e9 }, all: '6', even: '6' },
  { from: { time: 0 }, all: '1 2 3 4 5 6', even: '2 4 6' },
];

describe('consumer', () => {
  it.each(starts)('starts from $from when it was made', async ({ from, all, even }) => {
    const { consumer, open, publish } = await stocked();
    consumer('all', { from });
    consumer('even', { from, filter: 'shop.even' });

    publish('6', { address: 'shop.even' });

    expect((await open('all')).ids.join(' ')).toBe(all);
    expect((await open('even')).ids.join(' ')).toBe(even);
  });

  it.each(starts)('starts from $from for a subscription without a name', async ({ from, all, even }) => {
    const { time, open, publish } = await stocked();
    const [everything, filtered] = [await open({ from }), await open({ from, filter: 'shop.even' })];

    publish('6', { address: 'shop.even' });
    await time.advanceBy(0);

    expect(everything.ids.join(' ')).toBe(all);
    expect(filtered.ids.join(' ')).toBe(even);
  });

  it('starts at the beginning unless it is told otherwise', async () => {
    const { consumer, open } = await stocked();
    consumer('all');

    expect((await open('all')).ids).toHaveLength(5);
    expect((await open({})).ids).toHaveLength(5);
  });

  it.each(['last', 'all', { sequence: 1 }, { time: START }] as const)(
    'starts from %j in an empty stream, and takes what comes',
    async (from) => {
      const { time, consumer, open, publish } = shop();
      consumer('all', { from });
      const opened = await open('all');

      publish('1');
      await time.advanceBy(0);

      expect(opened.ids).toEqual(['1']);
    },
  );

  it('starts from the last that it filters for, and from what comes where there is none', async () => {
    const { time, consumer, open, publish } = await stocked();
    consumer('none', { from: 'last', filter: 'shop.none' });
    const opened = await open('none');
    expect(opened.ids).toEqual([]);

    publish('6', { address: 'shop.none' });
    await time.advanceBy(0);

    expect(opened.ids).toEqual(['6']);
  });

  it('takes what any of its filters match, in the order of the stream', async () => {
    const { consumer, open, transport } = shop({ subjects: ['shop.>', 'mail.*'] });
    consumer('some', { filter: ['shop.*.x', 'mail.*', 'shop.a'] });

    for (const address of ['shop.a', 'shop.b', 'mail.c', 'shop.d.x', 'shop.d.y'])
      publish(transport, address, { address });

    expect((await open('some')).ids).toEqual(['shop.a', 'mail.c', 'shop.d.x']);
  });

  it('takes everything with a filter as wide as the stream', async () => {
    const { consumer, consumerInfo, open } = await stocked();
    consumer('all', { filter: 'shop.>' });

    expect(consumerInfo('all').pending).toBe(5);
    expect((await open('all')).ids).toHaveLength(5);
  });

  it('gives each consumer all that it wants, whatever the others do', async () => {
    const { consumer, open } = await stocked();
    for (const name of ['one', 'other']) consumer(name);

    expect((await open('one', ack)).ids).toHaveLength(5);
    expect((await open('other', (delivery) => delivery.term())).ids).toHaveLength(5);
  });

  it('gives two subscriptions without a name all of it each', async () => {
    const { open } = await stocked();

    expect((await open({}, ack)).ids).toHaveLength(5);
    expect((await open({}, ack)).ids).toHaveLength(5);
  });

  it('lives as long as its subscription when it has no name', async () => {
    const { info, open } = await stocked();
    const opened = await open({});
    expect(info().consumers).toHaveLength(1);

    opened.close();

    expect(info().consumers).toEqual([]);
  });
});
