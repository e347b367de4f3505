import { InvalidAddressError, InvalidNameError, StreamConflictError, StreamNotFoundError } from 'millrace';
import { deleteStream, ensureStream, type StreamConfig, streamInfo } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { errorOf, lastOf, publish, sample, shop, world } from './support.ts';

const ensure = (subjects: readonly string[], name = 'SHOP'): StreamConfig => ({ name, subjects });

describe('ensureStream', () => {
  it('makes a stream when it is subscribed to, and not before', () => {
    const { broker } = world();
    const making = ensureStream(broker, ensure(['shop.>']));

    expect(errorOf(streamInfo(broker, 'SHOP'))).toBeInstanceOf(StreamNotFoundError);
    lastOf(making);

    expect(lastOf(streamInfo(broker, 'SHOP')).config.subjects).toEqual(['shop.>']);
  });

  it('makes a stream that is empty', () => {
    const { broker } = world();

    expect(lastOf(ensureStream(broker, ensure(['shop.>'])))).toMatchObject({
      messages: 0,
      firstSequence: 1,
      lastSequence: 0,
      subjects: 0,
      consumers: [],
    });
  });

  it('fills in defaults', () => {
    const { broker } = world();

    expect(lastOf(ensureStream(broker, { name: 'SHOP' })).config).toEqual({
      name: 'SHOP',
      subjects: ['SHOP'],
      retention: 'limits',
      maxAge: Number.POSITIVE_INFINITY,
      maxMessages: Number.POSITIVE_INFINITY,
      maxBytes: Number.POSITIVE_INFINITY,
      maxMessagesPerSubject: Number.POSITIVE_INFINITY,
      maxMessageSize: Number.POSITIVE_INFINITY,
      discard: 'old',
      discardNewPerSubject: false,
      duplicateWindow: 120_000,
      duplicateLimit: 100_000,
    });
  });

  it('is idempotent, and keeps the messages', () => {
    const { broker, publish, change, stored } = shop();
    publish('1 2');

    change({});
    lastOf(ensureStream(broker, ensure(['shop.>'])));

    expect(stored()).toBe('1 2');
  });

  it.each(['', 'a.b', 'a b', 'a*', '>', 'é'])('refuses %j for a name', (name) => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, { name, subjects: ['a'] }))).toBeInstanceOf(InvalidNameError);
  });

  it.each(['', '.', 'a..b', 'a.b.', 'a.>.d', 'a.b*', 'a.b>', 'a/b', 'a b'])('refuses %j for a subject', (subject) => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, ensure([subject])))).toBeInstanceOf(InvalidAddressError);
  });

  it.each(['a', 'a.b', 'a.b.*', 'a.b.>', 'a.b.*.d', '*.b', '>'])('takes %j for a subject', (subject) => {
    const { broker } = world();

    expect(lastOf(ensureStream(broker, ensure([subject]))).config.subjects).toEqual([subject]);
  });

  it('refuses an empty list of subjects', () => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, ensure([])))).toBeInstanceOf(RangeError);
  });

  it('refuses what is no config', () => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, undefined as unknown as StreamConfig))).toBeInstanceOf(Error);
  });

  it.each([[['a', 'a']], [['a.b', 'a.*']], [['a.>', 'a.b.c']], [['a.*', '*.b']], [['b', 'a.>', '>']]])(
    'refuses subjects of one stream that overlap: %j',
    (subjects) => {
      const { broker } = world();

      expect(errorOf(ensureStream(broker, ensure(subjects)))).toBeInstanceOf(TypeError);
    },
  );

  it.each([['shop.>'], ['shop.orders'], ['*.orders'], ['>'], ['shop.*']])(
    'refuses a second stream on %j where the first stores shop.>',
    (subject) => {
      const { broker } = shop();

      const error = errorOf(ensureStream(broker, ensure([subject], 'OTHER')));

      expect(error).toBeInstanceOf(StreamConflictError);
      expect(error).toMatchObject({ stream: 'OTHER' });
      expect((error as Error).message).toContain("'SHOP'");
      expect(errorOf(streamInfo(broker, 'OTHER'))).toBeInstanceOf(StreamNotFoundError);
    },
  );

  it('takes a second stream beside the first', () => {
    const { broker, transport } = shop();
    lastOf(ensureStream(broker, ensure(['shop', 'mail.*'], 'OTHER')));

    const [here] = publish(transport, '1', { address: 'shop.orders' });
    const [there] = publish(transport, '1', { address: 'mail.out' });

    expect([here, there]).toMatchObject([
      { stream: 'SHOP', sequence: 1 },
      { stream: 'OTHER', sequence: 1 },
    ]);
  });

  it('takes the subjects of a stream that was deleted', () => {
    const { broker } = shop();
    lastOf(deleteStream(broker, 'SHOP'));

    expect(lastOf(ensureStream(broker, ensure(['shop.>'], 'OTHER'))).config.name).toBe('OTHER');
  });

  it('replaces the subjects', () => {
    const { broker, change, transport } = shop();

    change({ subjects: ['mail.>'] });

    expect(lastOf(streamInfo(broker, 'SHOP')).config.subjects).toEqual(['mail.>']);
    expect(publish(transport, '1', { address: 'mail.out' })).toMatchObject([{ stream: 'SHOP' }]);
    expect(errorOf(transport.publish(sample('2'), { address: 'shop.orders' }))).toMatchObject({
      code: 'UNBOUND_ADDRESS',
    });
  });

  it.each([
    { title: 'adds a subject', subjects: ['shop.>', 'mail.>'], bound: ['shop.a', 'mail.a'], unbound: ['post.a'] },
    { title: 'removes a subject', subjects: ['post.*'], bound: ['post.a'], unbound: ['shop.a', 'mail.a'] },
  ])('$title', ({ subjects, bound, unbound }) => {
    const { change, transport } = shop({ subjects: ['shop.>', 'post.*'] });

    change({ subjects });

    for (const address of bound) expect(publish(transport, address, { address })).toHaveLength(1);
    for (const address of unbound)
      expect(errorOf(transport.publish(sample('1'), { address }))).toMatchObject({ code: 'UNBOUND_ADDRESS' });
  });

  it('refuses to take over a subject of another stream by a change, and changes nothing', () => {
    const { broker, change } = shop();
    lastOf(ensureStream(broker, ensure(['mail.>'], 'OTHER')));

    const error = errorOf(ensureStream(broker, { ...ensure(['shop.>', 'mail.in']), maxMessages: 1 }));

    expect(error).toBeInstanceOf(StreamConflictError);
    expect(change({}).config).toMatchObject({ subjects: ['shop.>'], maxMessages: Number.POSITIVE_INFINITY });
  });

  it('keeps the messages of a subject that it removes', async () => {
    const { change, consumer, open, publish, stored } = shop({ subjects: ['shop.>', 'mail.>'] });
    publish('1', { address: 'mail.out' });
    consumer('all');

    change({ subjects: ['shop.>'] });

    expect(stored()).toBe('1');
    expect((await open('all')).ids).toEqual(['1']);
  });

  it('delivers no message of a removed subject to a consumer that does not filter for it', async () => {
    const { change, consumer, open, publish } = shop({ subjects: ['shop.*', 'mail.*'] });
    consumer('orders', { filter: 'shop.*' });
    publish('mail', { address: 'mail.out' });

    change({ subjects: ['shop.*'] });
    publish('order');

    expect((await open('orders')).ids).toEqual(['order']);
  });

  it('delivers no message of an added subject to a consumer that does not filter for it', async () => {
    const { change, consumer, open, publish } = shop({ subjects: ['shop.*'] });
    consumer('orders', { filter: 'shop.*' });

    change({ subjects: ['shop.*', 'mail.*'] });
    publish('mail', { address: 'mail.out' });
    publish('order');

    expect((await open('orders')).ids).toEqual(['order']);
  });

  it('stores by a subject with wildcards in any place', () => {
    const { info, publish } = shop({ subjects: ['*.orders', 'mail.*.b'] });

    for (const address of ['shop.orders', 'mall.orders', 'mail.a.b']) publish(address, { address });

    expect(info()).toMatchObject({ messages: 3, subjects: 3 });
  });
});
