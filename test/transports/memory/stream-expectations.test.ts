import { type Expectation, WrongSequenceError } from 'millrace';
import { deleteMessage, ensureStream, purgeStream } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { errorOf, lastOf, publish, sample, shop } from './support.ts';

const address = 'shop.orders';

/** A shop that holds 1 and 3 on `shop.orders`, and 2 on `shop.returns`. */
function stocked() {
  const held = shop();
  for (const [id, on] of [
    ['1', address],
    ['2', 'shop.returns'],
    ['3', address],
  ] as const) {
    publish(held.transport, id, { address: on, messageId: `id-${id}` });
  }
  const refused = (expect: Expectation): unknown =>
    errorOf(held.transport.publish(sample('4'), { address: 'shop.orders', expect }));
  return { ...held, refused };
}

describe('stream', () => {
  it.each([
    { expect: { lastSequence: 3 } },
    { expect: { lastAddressSequence: 3 } },
    { expect: { lastAddressSequence: 2 }, address: 'shop.returns' },
    { expect: { lastAddressSequence: 0 }, address: 'shop.new' },
    { expect: { lastMessageId: 'id-3' } },
    { expect: { stream: 'SHOP' } },
    { expect: { stream: 'SHOP', lastSequence: 3, lastAddressSequence: 3, lastMessageId: 'id-3' } },
  ])('stores what expects $expect of it, at $address', (options) => {
    const { publish } = stocked();

    expect(publish('4', options)).toMatchObject([{ sequence: 4, duplicate: false }]);
  });

  it.each([
    { expectation: { lastSequence: 2 }, expected: 2, actual: 3 },
    { expectation: { lastSequence: 0 }, expected: 0, actual: 3 },
    { expectation: { lastAddressSequence: 1 }, expected: 1, actual: 3 },
    { expectation: { lastAddressSequence: 0 }, expected: 0, actual: 3 },
    { expectation: { lastMessageId: 'id-2' }, expected: 'id-2', actual: 'id-3' },
    { expectation: { lastMessageId: '' }, expected: '', actual: 'id-3' },
    { expectation: { stream: 'MAIL' }, expected: 'MAIL', actual: 'SHOP' },
    { expectation: { lastSequence: 3, lastAddressSequence: 2 }, expected: 2, actual: 3 },
  ])('refuses what expects $expectation of it, and stores nothing', ({ expectation, expected, actual }) => {
    const { refused, stored } = stocked();

    const error = refused(expectation);

    expect(error).toBeInstanceOf(WrongSequenceError);
    expect(error).toMatchObject({ outcome: 'refused', address, expected, actual });
    expect(stored()).toBe('1 2 3');
  });

  it('expects 0 of an empty stream and of an empty address', () => {
    const { publish } = shop();

    expect(publish('1', { expect: { lastSequence: 0, lastAddressSequence: 0, lastMessageId: '' } })).toHaveLength(1);
  });

  it('refuses what expects a message on an empty address', () => {
    const { transport, info } = shop();

    const error = errorOf(transport.publish(sample('1'), { address, expect: { lastAddressSequence: 1 } }));

    expect(error).toMatchObject({ name: 'WrongSequenceError', expected: 1, actual: 0 });
    expect(info().messages).toBe(0);
  });

  it('takes each receipt for the expectation of the next publish', () => {
    const { publish } = shop();
    let sequence = 0;

    for (const id of ['1', '2', '3']) {
      const [receipt] = publish(id, { expect: { lastAddressSequence: sequence } });
      sequence = receipt?.sequence ?? -1;
    }

    expect(sequence).toBe(3);
  });

  it('does not remember the message id of what it refuses', () => {
    const { refused, publish } = stocked();
    refused({ lastSequence: 1 });

    expect(publish('4')).toMatchObject([{ duplicate: false, sequence: 4 }]);
  });

  it('recognises a duplicate whatever it expects: the first one was stored', () => {
    const { publish } = shop();
    publish('1', { expect: { lastSequence: 0 } });

    expect(publish('1', { expect: { lastSequence: 0 } })).toMatchObject([{ duplicate: true, sequence: 1 }]);
  });

  it('goes on counting when it is purged', () => {
    const { broker, refused, publish } = stocked();
    lastOf(purgeStream(broker, 'SHOP'));

    expect(refused({ lastSequence: 0 })).toMatchObject({ actual: 3 });
    expect(publish('4', { expect: { lastSequence: 3, lastAddressSequence: 0 } })).toMatchObject([{ sequence: 4 }]);
  });

  it('knows the last sequence on an address when the last message there was deleted', () => {
    const { broker, refused, publish } = stocked();
    lastOf(deleteMessage(broker, 'SHOP', 3));

    expect(refused({ lastAddressSequence: 3 })).toMatchObject({ actual: 1 });
    expect(publish('4', { expect: { lastAddressSequence: 1, lastSequence: 3 } })).toMatchObject([{ sequence: 4 }]);
  });

  it('knows the id of its last message when that was deleted', () => {
    const { broker, publish } = stocked();
    lastOf(deleteMessage(broker, 'SHOP', 3));

    expect(publish('4', { expect: { lastMessageId: 'id-3' } })).toMatchObject([{ sequence: 4 }]);
  });

  it('has no last message id when its last message had none', () => {
    const { publish, refused } = stocked();
    publish('4', { messageId: false });

    expect(refused({ lastMessageId: 'id-3' })).toMatchObject({ actual: '' });
  });

  it('does not hand to core listeners what it refuses', async () => {
    const { open, refused } = stocked();
    const opened = await open({ address });

    refused({ lastSequence: 1 });

    expect(opened.ids).toEqual([]);
  });

  it('stores with an expectation beside another stream', () => {
    const { broker, transport } = stocked();
    lastOf(ensureStream(broker, { name: 'MAIL' }));

    expect(publish(transport, '1', { address: 'MAIL', expect: { stream: 'MAIL', lastSequence: 0 } })).toHaveLength(1);
  });
});
