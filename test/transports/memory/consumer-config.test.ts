import {
  ConsumerConflictError,
  ConsumerNotFoundError,
  InvalidAddressError,
  InvalidNameError,
  StreamNotFoundError,
} from 'millrace';
import {
  type ConsumerConfig,
  consumerInfo,
  deleteConsumer,
  ensureConsumer,
  pauseConsumer,
  resumeConsumer,
} from 'millrace/memory';
import { forkJoin } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, lastOf, publish, shop } from './support.ts';

const config: ConsumerConfig = { stream: 'SHOP', name: 'billing' };

describe('ensureConsumer', () => {
  it('makes a consumer when it is subscribed to, and not before', () => {
    const { broker, info } = shop();
    const making = ensureConsumer(broker, config);

    expect(info().consumers).toEqual([]);
    lastOf(making);

    expect(info().consumers).toEqual(['billing']);
  });

  it('fills in defaults', () => {
    const { broker } = shop();

    expect(lastOf(ensureConsumer(broker, config))).toEqual({
      config: {
        stream: 'SHOP',
        name: 'billing',
        filter: [],
        from: 'all',
        ackWait: 30_000,
        maxDeliver: Number.POSITIVE_INFINITY,
        backoff: [],
        maxAckPending: 1_000,
      },
      pending: 0,
      unsettled: 0,
      redelivering: 0,
      delivered: 0,
    });
  });

  it('fails where there is no such stream', () => {
    const { broker } = shop();

    expect(errorOf(ensureConsumer(broker, { ...config, stream: 'OTHER' }))).toBeInstanceOf(StreamNotFoundError);
  });

  it.each(['', '.', 'a.b', 'a..b', 'a.b.', 'a.b.*', 'a.b.>', 'a b'])('refuses %j for a name', (name) => {
    const { broker, info } = shop();

    expect(errorOf(ensureConsumer(broker, { ...config, name }))).toBeInstanceOf(InvalidNameError);
    expect(info().consumers).toEqual([]);
  });

  it.each(['a', 'A', '0', '_', '-'])('takes %j for a name', (name) => {
    const { consumer } = shop();

    expect(consumer(name).config.name).toBe(name);
  });

  it.each(['', 'shop..a', 'shop.>.a', 'shop.a*'])('refuses %j for a filter', (filter) => {
    const { broker } = shop();

    expect(errorOf(ensureConsumer(broker, { ...config, filter }))).toBeInstanceOf(InvalidAddressError);
    expect(errorOf(ensureConsumer(broker, { ...config, filter: ['shop.a', filter] }))).toBeInstanceOf(
      InvalidAddressError,
    );
  });

  it('refuses a filter that matches nothing of the stream', () => {
    const { broker } = shop();

    const error = errorOf(ensureConsumer(broker, { ...config, filter: 'mail.>' }));

    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain('mail.>');
  });

  it.each([[['shop.a', 'shop.a']], [['shop.*', 'shop.a']], [['shop.a', 'shop.>']]])(
    'refuses filters that overlap: %j',
    (filter) => {
      const { broker } = shop();

      expect(errorOf(ensureConsumer(broker, { ...config, filter }))).toBeInstanceOf(TypeError);
    },
  );

  it('takes one filter for a list of one', () => {
    const { consumer } = shop();

    expect(consumer('a', { filter: 'shop.a' }).config.filter).toEqual(['shop.a']);
  });

  it('takes several filters', () => {
    const { consumer } = shop();

    expect(consumer('a', { filter: ['shop.a', 'shop.b.*'] }).config.filter).toEqual(['shop.a', 'shop.b.*']);
  });

  it.each(['ackWait', 'maxDeliver', 'maxAckPending'])('refuses a %s that is no whole number of at least 1', (field) => {
    const { broker } = shop();

    for (const value of [0, -1, 1.5, Number.NaN]) {
      const error = errorOf(ensureConsumer(broker, { ...config, [field]: value }));
      expect(error).toBeInstanceOf(RangeError);
      expect((error as Error).message).toContain(field);
    }
  });

  it.each([[[0]], [[100, -1]], [[1.5]]])('refuses a backoff of %j', (backoff) => {
    const { broker } = shop();

    expect(errorOf(ensureConsumer(broker, { ...config, backoff }))).toBeInstanceOf(RangeError);
  });

  it('refuses a backoff with more entries than maxDeliver, and names both', () => {
    const { broker, consumer } = shop();
    consumer('exact', { backoff: [1, 2, 3], maxDeliver: 3 });

    const error = errorOf(ensureConsumer(broker, { ...config, backoff: [1, 2, 3], maxDeliver: 2 }));

    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/backoff.*maxDeliver/);
  });

  it.each([
    'first',
    { sequence: 0 },
    { sequence: 1.5 },
    { time: 'yesterday' },
    { time: Number.NaN },
    { sequence: 1, time: 0 },
    {},
    null,
  ])('refuses to start from %j', (from) => {
    const { broker, info } = shop();

    expect(errorOf(ensureConsumer(broker, { ...config, from: from as never }))).toBeInstanceOf(Error);
    expect(info().consumers).toEqual([]);
  });

  it('is idempotent, and keeps its place', async () => {
    const { consumer, open, publish } = shop();
    consumer('billing', { from: { sequence: 1 }, filter: 'shop.orders' });
    publish('1');
    (await open('billing', ack)).close();

    consumer('billing');
    consumer('billing', { from: { sequence: 1 }, filter: 'shop.orders' });
    publish('2');

    expect((await open('billing')).ids).toEqual(['2']);
  });

  it('is done twice at a time without harm', () => {
    const { broker, info } = shop();

    lastOf(forkJoin([ensureConsumer(broker, config), ensureConsumer(broker, config)]));

    expect(info().consumers).toEqual(['billing']);
  });

  it.each([
    { filter: 'shop.b' },
    { filter: ['shop.b', 'shop.c'] },
    { filter: [] },
    { ackWait: 5 },
    { maxDeliver: 6 },
    { maxDeliver: Number.POSITIVE_INFINITY },
    { backoff: [7] },
    { backoff: [] },
    { maxAckPending: 8 },
  ] satisfies Partial<ConsumerConfig>[])('changes %j, and nothing that it does not name', (named) => {
    const { consumer, consumerInfo: look } = shop();
    const given = { filter: ['shop.a'], ackWait: 1_000, maxDeliver: 5, backoff: [10, 20], maxAckPending: 50 };
    consumer('billing', { ...given, from: 'last' });

    consumer('billing', named);

    const filter = typeof named.filter === 'string' ? { filter: [named.filter] } : {};
    expect(look('billing').config).toEqual({ ...config, ...given, from: 'last', ...named, ...filter });
  });

  it('changes nothing when it refuses', () => {
    const { broker, consumer } = shop();
    const before = consumer('billing', { ackWait: 5_000 });

    errorOf(ensureConsumer(broker, { ...config, ackWait: 1, maxDeliver: -1 }));

    expect(consumer('billing')).toEqual(before);
  });

  it.each([
    ['all', 'new'],
    ['new', { sequence: 1 }],
    [{ sequence: 1 }, { sequence: 2 }],
    [{ time: 1_000 }, { time: 2_000 }],
  ] as const)('refuses to start from %j and then from %j', (from, other) => {
    const { broker, consumer } = shop();
    consumer('billing', { from });

    const error = errorOf(ensureConsumer(broker, { ...config, from: other }));

    expect(error).toBeInstanceOf(ConsumerConflictError);
    expect(error).toMatchObject({ stream: 'SHOP', consumer: 'billing' });
  });

  it('applies another filter to what has not been delivered yet', async () => {
    const { consumer, open, transport } = shop();
    consumer('billing', { filter: 'shop.a' });
    for (const id of ['a1', 'b2', 'a3', 'b4']) publish(transport, id, { address: `shop.${id[0]}` });
    (await open({ consumer: 'billing', prefetch: 1 }, ack)).close();

    consumer('billing', { filter: 'shop.b' });
    publish(transport, 'b5', { address: 'shop.b' });

    expect((await open('billing')).ids).toEqual(['b5']);
  });

  it('wakes a running subscription when more may be out', async () => {
    const { time, consumer, open, publish } = shop();
    consumer('billing', { maxAckPending: 1 });
    publish('1 2 3');
    const opened = await open('billing');
    expect(opened.ids).toEqual(['1']);

    consumer('billing', { maxAckPending: 2 });
    await time.advanceBy(0);

    expect(opened.ids).toEqual(['1', '2']);
  });
});

describe('deleteConsumer', () => {
  it('deletes a consumer, and says whether there was one', () => {
    const { broker, consumer, info } = shop();
    consumer('billing');
    const deleting = deleteConsumer(broker, 'SHOP', 'billing');
    expect(info().consumers).toEqual(['billing']);

    expect([lastOf(deleting), lastOf(deleting)]).toEqual([true, false]);

    expect(info().consumers).toEqual([]);
  });

  it('fails where there is no such stream', () => {
    expect(errorOf(deleteConsumer(shop().broker, 'OTHER', 'billing'))).toBeInstanceOf(StreamNotFoundError);
  });

  it('forgets its place', async () => {
    const { broker, consumer, open, publish } = shop();
    consumer('billing');
    publish('1');
    (await open('billing', ack)).close();

    lastOf(deleteConsumer(broker, 'SHOP', 'billing'));
    consumer('billing');

    expect((await open('billing')).ids).toEqual(['1']);
  });
});

describe.each([
  { name: 'consumerInfo', run: consumerInfo },
  { name: 'resumeConsumer', run: resumeConsumer },
  {
    name: 'pauseConsumer',
    run: (...[broker, stream, name]: Parameters<typeof consumerInfo>) => pauseConsumer(broker, stream, name, 1),
  },
])('$name', ({ run }) => {
  it('fails where there is no such stream or consumer', () => {
    const { broker } = shop();

    expect(errorOf(run(broker, 'OTHER', 'billing'))).toBeInstanceOf(StreamNotFoundError);
    expect(errorOf(run(broker, 'SHOP', 'billing'))).toBeInstanceOf(ConsumerNotFoundError);
  });
});
