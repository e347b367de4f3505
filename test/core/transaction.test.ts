import { describe, expect, it } from 'vitest';
import { createEvent } from '../../src/core/create-event.ts';
import { newTransactionId, transactionOf, withTransaction } from '../../src/core/transaction.ts';
import { isEvent } from '../../src/core/validate-event.ts';

const event = createEvent({ type: 'com.example.placed', data: { a: 1 } });

describe('newTransactionId', () => {
  it('makes a prefix and an xid', () => {
    expect(newTransactionId()).toMatch(/^tid-[0-9a-v]{20}$/);
  });

  it('makes another one each time, in order', () => {
    const ids = Array.from({ length: 100 }, () => newTransactionId());

    expect([...new Set(ids)].sort()).toEqual(ids);
  });

  it('takes its ids from the given factory', () => {
    expect(newTransactionId({ id: () => '7' })).toBe('tid-7');
  });
});

describe('withTransaction', () => {
  it('returns a valid, frozen copy with the id', () => {
    const paired = withTransaction(event, 'tid-1');

    expect(paired).toStrictEqual({ ...event, transactionid: 'tid-1' });
    expect([Object.isFrozen(paired), isEvent(paired)]).toEqual([true, true]);
  });

  it('leaves the given event as it is', () => {
    withTransaction(event, 'tid-1');

    expect(transactionOf(event)).toBeUndefined();
  });

  it('replaces another id', () => {
    expect(transactionOf(withTransaction(withTransaction(event, 'tid-1'), 'tid-2'))).toBe('tid-2');
  });

  it('returns an event that has the id already', () => {
    const paired = withTransaction(event, 'tid-1');

    expect(withTransaction(paired, 'tid-1')).toBe(paired);
  });

  it('refuses an empty id', () => {
    expect(() => withTransaction(event, '')).toThrow("Event attribute 'transactionid' must be a non-empty string");
  });
});

describe('transactionOf', () => {
  it('returns the id', () => {
    expect(transactionOf(withTransaction(event, 'tid-1'))).toBe('tid-1');
  });

  it.each([undefined, '', 7, true])('finds none in %j', (transactionid) => {
    expect(transactionOf({ ...event, transactionid })).toBeUndefined();
  });
});
