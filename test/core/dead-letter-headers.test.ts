import { deadLetterHeaders, redriveCount } from 'millrace';
import { fakeDelivery } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import { describeDeadLetter, reasonOf } from '../../src/core/dead-letter-headers.ts';

const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

describe('describeDeadLetter', () => {
  it('says why and where the event was given up, and keeps what the message had', () => {
    const delivery = fakeDelivery({
      address: 'shop.placed',
      attempt: 6,
      headers: { traceparent: '00-1-2-01' },
      position: { stream: 'SHOP', sequence: 12, time },
      subscription: { consumer: 'billing' },
    });

    expect(describeDeadLetter(delivery, new RangeError('too much'), time + 1_000)).toEqual({
      traceparent: '00-1-2-01',
      'millrace-error-name': 'RangeError',
      'millrace-error-message': 'too much',
      'millrace-address': 'shop.placed',
      'millrace-stream': 'SHOP',
      'millrace-sequence': '12',
      'millrace-consumer': 'billing',
      'millrace-attempts': '6',
      'millrace-first-time': '2026-01-02T03:04:05.678Z',
      'millrace-last-time': '2026-01-02T03:04:06.678Z',
    });
  });

  it('leaves out what is not known where nothing is stored', () => {
    const headers = describeDeadLetter(fakeDelivery({ position: undefined }), new Error('boom'), 0);

    expect(Object.keys(headers)).toEqual([
      deadLetterHeaders.errorName,
      deadLetterHeaders.errorMessage,
      deadLetterHeaders.address,
      deadLetterHeaders.attempts,
      deadLetterHeaders.lastTime,
    ]);
  });

  it('overwrites the reason of an earlier failure, and keeps the count of redrives', () => {
    const headers = { [deadLetterHeaders.errorMessage]: 'old', [deadLetterHeaders.redriven]: '2' };

    expect(describeDeadLetter(fakeDelivery({ headers }), new Error('new'), 0)).toMatchObject({
      [deadLetterHeaders.errorMessage]: 'new',
      [deadLetterHeaders.redriven]: '2',
    });
  });

  it('changes no header of the delivery', () => {
    const headers = Object.freeze({ traceparent: '00-1-2-01' });

    expect(() => describeDeadLetter(fakeDelivery({ headers }), new Error('boom'), 0)).not.toThrow();
  });

  it.each([
    { thrown: 'a text', name: 'string', message: 'a text' },
    { thrown: undefined, name: 'undefined', message: 'undefined' },
    { thrown: { code: 5 }, name: 'object', message: '[object Object]' },
    { thrown: Object.create(null) as unknown, name: 'object', message: '[object Object]' },
    { thrown: Symbol('x'), name: 'symbol', message: 'Symbol(x)' },
  ])('takes whatever was thrown: $name', ({ thrown, name, message }) => {
    expect(describeDeadLetter(fakeDelivery(), thrown, 0)).toMatchObject({
      [deadLetterHeaders.errorName]: name,
      [deadLetterHeaders.errorMessage]: message,
    });
  });

  it('makes one line of what has several', () => {
    const error = new Error('first\r\nsecond\t\u0000third\u007f');

    expect(describeDeadLetter(fakeDelivery(), error, 0)[deadLetterHeaders.errorMessage]).toBe('first second third ');
  });

  it('cuts what is too long for a header', () => {
    const message = describeDeadLetter(fakeDelivery(), new Error('x'.repeat(5_000)), 0)[deadLetterHeaders.errorMessage];

    expect(message).toHaveLength(1_024);
  });
});

describe('redriveCount', () => {
  it.each([
    { header: undefined, count: 0 },
    { header: '0', count: 0 },
    { header: '3', count: 3 },
    { header: '', count: 0 },
    { header: 'often', count: 0 },
    { header: '-1', count: 0 },
  ])('reads $header as $count', ({ header, count }) => {
    expect(redriveCount(header === undefined ? {} : { [deadLetterHeaders.redriven]: header })).toBe(count);
  });
});

describe('reasonOf', () => {
  it('is the message of an error, and the text of everything else', () => {
    expect([new Error('boom'), 'text', 5, null].map(reasonOf)).toEqual(['boom', 'text', '5', 'null']);
  });

  it('takes what cannot be turned into a text', () => {
    const stubborn = {
      toString() {
        throw new Error('no');
      },
    };

    expect(reasonOf(stubborn)).toBe('[object Object]');
  });
});
