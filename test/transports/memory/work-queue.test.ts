import { ConsumerConflictError } from 'millrace';
import { deleteConsumer, ensureConsumer } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, inbox, lastOf, publish, type Shop, shop } from './support.ts';

const workQueue = (): Shop => shop({ retention: 'workqueue' });

describe('stream', () => {
  it.each(['ack', 'term'] as const)('lets go of a message of a work queue at its %s', async (settlement) => {
    const { consumer, open, publish, stored } = workQueue();
    consumer('work');
    publish('1 2');
    const opened = await open('work');
    expect(stored()).toBe('1 2');

    opened.at(1)[settlement]();
    expect(stored()).toBe('1');
    opened.at(0)[settlement]();

    expect(stored()).toBe('');
  });

  it('keeps a message of a work queue that is handed back, lost or given up after its last attempt', async () => {
    const { time, consumer, open, publish, stored } = workQueue();
    consumer('work', { ackWait: 100, maxDeliver: 2 });
    publish('naked lost');
    const opened = await open('work', (delivery) => delivery.event.id === 'naked' && delivery.nak(10));

    await time.advanceBy(1_000);

    expect([...opened.ids].sort()).toEqual(['lost', 'lost', 'naked', 'naked']);
    expect(stored()).toBe('naked lost');
  });

  it('keeps the messages of a work queue until there is a consumer', async () => {
    const { consumer, open, publish, stored } = workQueue();
    publish('1 2');
    expect(stored()).toBe('1 2');

    consumer('work');
    const opened = await open('work', ack);

    expect([opened.ids, stored()]).toEqual([['1', '2'], '']);
  });

  it('gives a new consumer of a work queue what the deleted one has left', async () => {
    const { broker, consumer, open, publish } = workQueue();
    consumer('work');
    publish('1 2 3');
    await open({ consumer: 'work', prefetch: 1 }, (delivery) => delivery.event.id === '1' && ack(delivery));

    lastOf(deleteConsumer(broker, 'SHOP', 'work'));
    consumer('other');

    expect((await open('other', ack)).ids).toEqual(['2', '3']);
  });

  it('keeps what a deleted consumer acks after that', async () => {
    const { broker, consumer, open, publish, stored } = workQueue();
    consumer('work');
    publish('1 2');
    const opened = await open('work');

    lastOf(deleteConsumer(broker, 'SHOP', 'work'));

    expect([opened.at(0).ack(), opened.at(1).term(), stored()]).toEqual([true, true, '1 2']);
  });

  it('shares a work queue among consumers with filters of their own', async () => {
    const { consumer, open, transport, stored } = workQueue();
    consumer('a', { filter: 'shop.a' });
    consumer('b', { filter: ['shop.b', 'shop.c'] });
    for (const id of ['a1', 'b2', 'c3', 'd4']) publish(transport, id, { address: `shop.${id[0]}` });

    expect((await open('a', ack)).ids).toEqual(['a1']);
    expect((await open('b', ack)).ids).toEqual(['b2', 'c3']);
    expect(stored()).toBe('d4');
  });

  it('holds the limits of a work queue too', () => {
    const { publish, stored } = shop({ retention: 'workqueue', maxMessages: 2 });

    publish('1 2 3');

    expect(stored()).toBe('2 3');
  });
});

describe('ensureConsumer', () => {
  it.each([
    [undefined, undefined],
    [undefined, 'shop.a'],
    ['shop.a', undefined],
    ['shop.a', 'shop.a'],
    ['shop.*', 'shop.a'],
    ['shop.a', 'shop.>'],
    [
      ['shop.a', 'shop.b'],
      ['shop.c', 'shop.b'],
    ],
  ])('refuses a second consumer of a work queue where their filters overlap: %j and %j', (first, second) => {
    const { broker, consumer, info } = workQueue();
    consumer('one', first === undefined ? {} : { filter: first });

    const error = errorOf(
      ensureConsumer(broker, { stream: 'SHOP', name: 'two', ...(second === undefined ? {} : { filter: second }) }),
    );

    expect(error).toBeInstanceOf(ConsumerConflictError);
    expect(error).toMatchObject({ stream: 'SHOP', consumer: 'two' });
    expect((error as Error).message).toContain("'one'");
    expect(info().consumers).toEqual(['one']);
  });

  it('refuses a filter of a work queue that is changed to overlap', () => {
    const { broker, consumer } = workQueue();
    consumer('a', { filter: 'shop.a' });
    consumer('b', { filter: 'shop.b' });

    expect(errorOf(ensureConsumer(broker, { stream: 'SHOP', name: 'b', filter: 'shop.*' }))).toBeInstanceOf(
      ConsumerConflictError,
    );
    expect(consumer('b').config.filter).toEqual(['shop.b']);
  });

  it('changes a filter of a work queue where it overlaps with no other', () => {
    const { consumer } = workQueue();
    consumer('a', { filter: 'shop.a' });

    expect(consumer('a', { filter: 'shop.*' }).config.filter).toEqual(['shop.*']);
  });

  it('takes another consumer of a work queue when the first is deleted', () => {
    const { broker, consumer } = workQueue();
    consumer('one');
    lastOf(deleteConsumer(broker, 'SHOP', 'one'));

    expect(consumer('two').config.name).toBe('two');
  });

  it.each(['new', 'last', { sequence: 1 }, { time: 0 }] as const)(
    'refuses a consumer of a work queue that starts from %j',
    (from) => {
      const { broker } = workQueue();

      expect(errorOf(ensureConsumer(broker, { stream: 'SHOP', name: 'work', from }))).toBeInstanceOf(
        ConsumerConflictError,
      );
    },
  );

  it('refuses a subscription without a name beside a consumer of a work queue', () => {
    const { consumer, transport } = workQueue();
    consumer('work');

    expect(inbox(transport.subscribe({ stream: 'SHOP' })).error).toBeInstanceOf(ConsumerConflictError);
  });

  it('works off a work queue by a subscription without a name', async () => {
    const { open, publish, stored } = workQueue();
    publish('1 2');

    const opened = await open({}, ack);

    expect([opened.ids, stored()]).toEqual([['1', '2'], '']);
  });
});
