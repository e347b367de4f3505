import fc from 'fast-check';
import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createEvent } from '../../src/core/create-event.ts';
import { InvalidEventError } from '../../src/core/errors.ts';
import { isEvent } from '../../src/core/validate-event.ts';

const type = 'com.example.placed';
const options = { id: () => 'id-1', scheduler: new VirtualTimeScheduler() };

describe('createEvent', () => {
  it('fills in what is missing', () => {
    expect(createEvent({ type, data: { a: 1 } }, options)).toStrictEqual({
      specversion: '1.0',
      id: 'id-1',
      source: 'AUTO_POPULATE',
      type,
      time: '1970-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      data: { a: 1 },
    });
  });

  it('keeps what is given, extensions included', () => {
    const event = {
      specversion: '1.0',
      id: 'o-1',
      source: '/shop',
      type,
      subject: 'order',
      time: '2020-02-28T12:13:39.4589254+01:00',
      datacontenttype: 'text/plain',
      dataschema: 'https://example.com/order',
      data: 'text',
      partitionkey: 'p',
      sampledrate: 3,
      flag: false,
      binary: new Uint8Array([1]),
      constructor: 'a name like any other',
    };

    expect(createEvent(event, options)).toStrictEqual(event);
  });

  it('makes an event equal to the one that it is given', () => {
    const event = createEvent({ type, data: 1 });

    expect(createEvent(event)).toStrictEqual(event);
  });

  it('makes a new id for each event, and takes the time from the clock, when there are no options', () => {
    const before = asyncScheduler.now();
    const [first, second] = [createEvent({ type }), createEvent({ type })];

    expect(first.id).not.toBe(second.id);
    expect(Date.parse(first.time ?? '')).toBeGreaterThanOrEqual(before);
  });

  it('follows the scheduler', () => {
    const scheduler = new VirtualTimeScheduler();
    const times = [0, 0, 1_500, 0].map((frame) => {
      scheduler.frame = frame;
      return createEvent({ type }, { scheduler }).time;
    });

    expect(times).toEqual([
      '1970-01-01T00:00:00.000Z',
      '1970-01-01T00:00:00.000Z',
      '1970-01-01T00:00:01.500Z',
      '1970-01-01T00:00:00.000Z',
    ]);
  });

  it('has no time when it is null', () => {
    expect('time' in createEvent({ type, time: null })).toBe(false);
  });

  it('has no content type when it is null', () => {
    expect('datacontenttype' in createEvent({ type, data: 1, datacontenttype: null })).toBe(false);
  });

  it('leaves out attributes that are undefined or null', () => {
    const init = { type, subject: undefined, dataschema: null, extra: undefined, other: null };

    expect(Object.keys(createEvent(init))).toEqual(['specversion', 'id', 'source', 'type', 'time']);
  });

  it('has no data, and no content type, when they are undefined', () => {
    const event = createEvent({ type, data: undefined });

    expect(['data' in event, 'datacontenttype' in event]).toEqual([false, false]);
  });

  it.each([null, 0, false, ''])('keeps %j as data', (data) => {
    const event = createEvent({ type, data });

    expect([event.data, event.datacontenttype]).toEqual([data, 'application/json']);
  });

  it('keeps bytes as they are, and invents no content type for them', () => {
    const data = new Uint8Array([1, 2]);
    const event = createEvent({ type, data });

    expect(event.data).toBe(data);
    expect('datacontenttype' in event).toBe(false);
  });

  it('keeps base64 data, and invents no content type for them', () => {
    const event = createEvent({ type, data_base64: 'YQ==' });

    expect(event.data_base64).toBe('YQ==');
    expect('datacontenttype' in event).toBe(false);
  });

  it('freezes the event but not its data', () => {
    const event = createEvent({ type, data: { a: 1 } });

    expect([Object.isFrozen(event), Object.isFrozen(event.data)]).toEqual([true, false]);
  });

  it('does not change what it is given', () => {
    const init = Object.freeze({ type, subject: null, data: 1 });

    createEvent(init);

    expect(init).toStrictEqual({ type, subject: null, data: 1 });
  });

  it.each([
    ['type', { type: '' }],
    ['id', { type, id: '' }],
    ['source', { type, source: 'my shop' }],
    ['time', { type, time: 'lunchtime' }],
    ['specversion', { type, specversion: '0.3' }],
    ['myExtension', { type, myExtension: 'bad' }],
    ['extra', { type, extra: {} }],
    ['data_base64', { type, data: 1, data_base64: 'YQ==' }],
    ['__proto__', JSON.parse(`{"type":"${type}","__proto__":{"subject":"inherited"}}`)],
  ])('refuses an event with a bad %s', (attribute, init) => {
    expect(() => createEvent(init)).toThrow(InvalidEventError);
    expect(() => createEvent(init)).toThrow(`Event attribute '${attribute}' `);
  });

  it('refuses an id factory that makes no ids', () => {
    expect(() => createEvent({ type }, { id: () => '' })).toThrow("Event attribute 'id' must be a non-empty string");
  });

  it('makes valid events from whatever it accepts', () => {
    const init = fc.record(
      {
        type: fc.string(),
        id: fc.option(fc.string()),
        source: fc.option(fc.string()),
        subject: fc.option(fc.string()),
        time: fc.option(fc.string()),
        extra: fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
        data: fc.anything(),
      },
      { requiredKeys: ['type'] },
    );
    fc.assert(
      fc.property(init, (given) => {
        try {
          return isEvent(createEvent(given));
        } catch (error) {
          return error instanceof InvalidEventError;
        }
      }),
    );
  });
});
