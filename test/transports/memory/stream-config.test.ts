import { StreamConflictError } from 'millrace';
import { ensureStream, type StreamConfig } from 'millrace/memory';
import { forkJoin } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { errorOf, lastOf, publish, shop, world } from './support.ts';

type Limits = Partial<StreamConfig>;

const none = Number.POSITIVE_INFINITY;

/** Each limit alone, in pairs and all together, with another value for each. */
const limits: readonly { readonly given: Limits; readonly changed: Limits; readonly removed: Limits }[] = [
  { given: { maxAge: 60_000 }, changed: { maxAge: 120_000 }, removed: { maxAge: none } },
  { given: { maxMessages: 10 }, changed: { maxMessages: 20 }, removed: { maxMessages: none } },
  { given: { maxBytes: 1_000 }, changed: { maxBytes: 2_000 }, removed: { maxBytes: none } },
  { given: { maxMessageSize: 2_000_000 }, changed: { maxMessageSize: 3_000 }, removed: { maxMessageSize: none } },
  {
    given: { maxMessagesPerSubject: 5 },
    changed: { maxMessagesPerSubject: 6 },
    removed: { maxMessagesPerSubject: none },
  },
  {
    given: { maxAge: 60_000, maxMessages: 10 },
    changed: { maxAge: 120_000, maxMessages: 20 },
    removed: { maxAge: none, maxMessages: none },
  },
  {
    given: { maxAge: 60_000, maxBytes: 1_000 },
    changed: { maxAge: 120_000, maxBytes: 2_000 },
    removed: { maxAge: none, maxBytes: none },
  },
  {
    given: { maxMessages: 10, maxBytes: 1_000 },
    changed: { maxMessages: 20, maxBytes: 2_000 },
    removed: { maxMessages: none, maxBytes: none },
  },
  {
    given: { maxAge: 60_000, maxMessages: 10, maxBytes: 1_000 },
    changed: { maxAge: 120_000, maxMessages: 20, maxBytes: 2_000 },
    removed: { maxAge: none, maxMessages: none, maxBytes: none },
  },
];

describe('ensureStream', () => {
  it.each(limits)('makes a stream with $given', ({ given }) => {
    expect(shop(given).info().config).toMatchObject(given);
  });

  it.each(limits)('adds $given to a stream', ({ given }) => {
    const { change, info } = shop();

    change(given);

    expect(info().config).toMatchObject(given);
  });

  it.each(limits)('changes $given to $changed', ({ given, changed }) => {
    const { change, info } = shop(given);

    change(changed);

    expect(info().config).toMatchObject(changed);
  });

  it.each(limits)('removes $given', ({ given, removed }) => {
    const { change, info } = shop(given);

    change(removed);

    expect(info().config).toMatchObject(removed);
  });

  it.each<{ given: Limits; added: Limits }>([
    { given: { maxAge: 60_000 }, added: { maxMessages: 10 } },
    { given: { maxAge: 60_000 }, added: { maxBytes: 1_000 } },
    { given: { maxMessages: 10 }, added: { maxBytes: 1_000 } },
    { given: { maxAge: 60_000, maxMessages: 10 }, added: { maxBytes: 1_000 } },
  ])('adds $added to $given, and takes $given away again', ({ given, added }) => {
    const { change, info } = shop(given);
    const removed = Object.fromEntries(Object.keys(given).map((limit) => [limit, none]));

    change(added);
    expect(info().config).toMatchObject({ ...given, ...added });
    change(removed);

    expect(info().config).toMatchObject({ ...removed, ...added });
  });

  it.each([
    { subjects: ['shop.>', 'mail.>'] },
    { maxAge: 1 },
    { maxMessages: 2 },
    { maxBytes: 3 },
    { maxMessagesPerSubject: 4 },
    { maxMessageSize: 5 },
    { discardNewPerSubject: false },
    { duplicateWindow: 6 },
    { duplicateLimit: 7 },
  ] satisfies Limits[])('changes %j, and nothing that it does not name', (named) => {
    const config: Limits = {
      subjects: ['shop.>'],
      retention: 'workqueue',
      maxAge: 300_000,
      maxMessages: 10,
      maxBytes: 1_000,
      maxMessagesPerSubject: 5,
      maxMessageSize: 500,
      discard: 'new',
      discardNewPerSubject: true,
      duplicateWindow: 60_000,
      duplicateLimit: 50,
    };
    const { change, info } = shop(config);

    change(named);

    expect(info().config).toEqual({ name: 'SHOP', ...config, ...named });
  });

  it('takes a field that is undefined for one that is not named', () => {
    const { broker, info } = shop({ maxMessages: 10 });

    lastOf(ensureStream(broker, { name: 'SHOP', maxMessages: undefined } as unknown as StreamConfig));

    expect(info().config.maxMessages).toBe(10);
  });

  it('is done twice at a time without harm', () => {
    const { broker } = world();
    const config = { name: 'SHOP', subjects: ['shop.>'] };

    expect(lastOf(forkJoin([ensureStream(broker, config), ensureStream(broker, config)]))).toHaveLength(2);
  });

  it.each(['maxAge', 'maxMessages', 'maxBytes', 'maxMessagesPerSubject', 'maxMessageSize', 'duplicateLimit'])(
    'refuses a %s that is no whole number of at least 1',
    (field) => {
      const { broker } = world();

      for (const value of [0, -1, 1.5, Number.NaN, '5']) {
        const error = errorOf(ensureStream(broker, { name: 'SHOP', [field]: value } as StreamConfig));
        expect(error).toBeInstanceOf(RangeError);
        expect((error as Error).message).toContain(field);
      }
    },
  );

  it.each([-1, Number.NaN])('refuses a duplicateWindow of %d', (duplicateWindow) => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, { name: 'SHOP', duplicateWindow }))).toBeInstanceOf(RangeError);
  });

  it.each([{ retention: 'forever' }, { discard: 'both' }])('refuses %j', (config) => {
    const { broker } = world();

    expect(errorOf(ensureStream(broker, { name: 'SHOP', ...config } as unknown as StreamConfig))).toBeInstanceOf(
      TypeError,
    );
  });

  it('changes nothing when it refuses', () => {
    const { broker, info } = shop({ maxMessages: 10 });
    const before = info();

    errorOf(ensureStream(broker, { name: 'SHOP', maxMessages: 5, maxAge: -1 }));

    expect(info()).toEqual(before);
  });

  it.each([
    ['limits', 'workqueue'],
    ['workqueue', 'interest'],
    ['interest', 'limits'],
  ] as const)('refuses to change the retention from %s to %s', (retention, other) => {
    const { broker, info } = shop({ retention });

    const error = errorOf(ensureStream(broker, { name: 'SHOP', retention: other }));

    expect(error).toBeInstanceOf(StreamConflictError);
    expect(error).toMatchObject({ stream: 'SHOP' });
    expect(info().config.retention).toBe(retention);
  });

  it('drops at once what a lower maxMessages has no room for', () => {
    const { change, publish, stored } = shop();
    publish('1 2 3');

    expect(change({ maxMessages: 2 }).messages).toBe(2);

    expect(stored()).toBe('2 3');
  });

  it('drops at once what a lower maxAge is too short for', async () => {
    const { time, change, publish } = shop();
    publish('1');
    await time.advanceBy(1_000);

    expect(change({ maxAge: 1_000 }).messages).toBe(0);
  });

  it('measures what is there, and drops at once what a new maxBytes has no room for', () => {
    const { change, publish, stored } = shop();
    publish('1 2 3');
    const each = change({ maxBytes: 1_000_000 }).bytes / 3;

    change({ maxBytes: 2 * each });

    expect([stored(), change({}).bytes]).toEqual(['2 3', 2 * each]);
  });

  it('measures again what came while nothing was counted', () => {
    const { change, publish } = shop({ maxBytes: 1_000_000 });
    publish('1');
    const each = change({}).bytes;
    change({ maxBytes: none });
    publish('2 3');

    expect(change({ maxMessageSize: 1_000_000 }).bytes).toBe(3 * each);
  });

  it('drops at once what a lower maxMessagesPerSubject has no room for', () => {
    const { change, transport, stored } = shop();
    for (const id of ['a1', 'b1', 'a2', 'a3']) publish(transport, id, { address: `shop.${id[0]}` });

    change({ maxMessagesPerSubject: 1 });

    expect(stored()).toBe('b1 a3');
  });

  it('drops at once thousands of messages that a lower maxMessagesPerSubject has no room for', () => {
    const { change, info, transport } = shop({ maxMessagesPerSubject: 2_000 });
    for (let n = 0; n < 4_000; n += 1) publish(transport, `${n}`, { address: `shop.${n % 2}` });

    change({ maxMessagesPerSubject: 3 });

    expect(info()).toMatchObject({ messages: 6, firstSequence: 3_995 });
  });

  it('forgets about maxMessagesPerSubject when it is removed, and counts anew when it comes back', () => {
    const { change, publish, stored } = shop({ maxMessagesPerSubject: 2 });
    publish('1 2 3');
    change({ maxMessagesPerSubject: none });
    publish('4 5');
    expect(stored()).toBe('2 3 4 5');

    change({ maxMessagesPerSubject: 3 });
    publish('6');

    expect(stored()).toBe('4 5 6');
  });
});
