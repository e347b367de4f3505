import { CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEvent } from '../../src/core/create-event.ts';
import { DecodeError, InvalidEventError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/event.ts';
import { decodeJsonBatch, decodeJsonEvent, encodeJsonBatch, encodeJsonEvent } from '../../src/core/json-format.ts';
import { isEvent } from '../../src/core/validate-event.ts';
import { arbitraryEvent, withTextExtensions } from '../support/arbitrary-event.ts';

const required = { specversion: '1.0', id: '1', source: '/shop', type: 'com.example.placed' } as const;

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (encoded: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(encoded));
const decode = (value: unknown) => decodeJsonEvent(bytes(JSON.stringify(value)));

function failureOf(payload: Uint8Array): DecodeError {
  try {
    decodeJsonEvent(payload);
  } catch (error) {
    if (error instanceof DecodeError) return error;
  }
  throw new Error('It was decoded');
}

describe('encodeJsonEvent', () => {
  it('writes attributes and JSON data as members', () => {
    const event: Event = { ...required, subject: 'Euro €', data: { a: [1, null] }, extra: 5, flag: true };

    expect(parse(encodeJsonEvent(event))).toEqual(event);
  });

  it.each([null, 0, false, '', 1.5, [], "I'm just a string"])('writes data that are %j', (data) => {
    expect(parse(encodeJsonEvent({ ...required, data }))).toEqual({ ...required, data });
  });

  it('writes no data when there are none', () => {
    const event = { ...required, subject: undefined, data: undefined } as unknown as Event;

    expect(parse(encodeJsonEvent(event))).toEqual(required);
  });

  it.each([undefined, 'application/octet-stream', 'application/json'])('writes bytes as data_base64 (%s)', (type) => {
    const event = { ...required, ...(type && { datacontenttype: type }), data: new Uint8Array([0, 255]) };

    const { data: _, ...attributes } = event;
    expect(parse(encodeJsonEvent(event))).toEqual({ ...attributes, data_base64: 'AP8=' });
  });

  it('writes a part of a buffer and no more', () => {
    const data = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);

    expect(parse(encodeJsonEvent({ ...required, data }))).toEqual({ ...required, data_base64: 'AgM=' });
  });

  it('keeps data_base64 that are given so', () => {
    expect(parse(encodeJsonEvent({ ...required, data_base64: 'YQ==' }))).toEqual({ ...required, data_base64: 'YQ==' });
  });

  it('writes a Binary extension as base64', () => {
    expect(parse(encodeJsonEvent({ ...required, extbinary: Buffer.from('Ma') }))).toEqual({
      ...required,
      extbinary: 'TWE=',
    });
  });

  it('writes text as a string', () => {
    const event = { ...required, datacontenttype: 'application/xml', data: '<much wow="xml"/>' };

    expect(parse(encodeJsonEvent(event))).toEqual(event);
  });

  it('writes what toJSON returns for data', () => {
    const event = { ...required, data: { at: new Date(0) } };

    expect(parse(encodeJsonEvent(event))).toEqual({ ...required, data: { at: '1970-01-01T00:00:00.000Z' } });
  });

  it('writes an event of the SDK with its own time', () => {
    const time = '2020-01-01T00:00:00.123456789+01:00';

    expect(parse(encodeJsonEvent(new CloudEvent({ ...required, time, data: 0 })))).toEqual({
      ...required,
      time,
      data: 0,
    });
  });

  const ring: unknown[] = [];
  ring.push(ring);
  it.each([
    ['a ring', { ...required, data: ring }],
    ['a big integer', { ...required, data: 1n }],
    ['a function', { ...required, data: () => 1 }],
    ['a symbol', { ...required, data: Symbol('a') }],
    ['what toJSON makes undefined', { ...required, data: { toJSON: () => undefined } }],
    ['an object that is not JSON', { ...required, datacontenttype: 'text/plain', data: {} }],
    ['a number that is not JSON', { ...required, datacontenttype: 'application/xml', data: 1 }],
  ])('throws rather than leave out %s', (_, event) => {
    expect(() => encodeJsonEvent(event)).toThrow(InvalidEventError);
  });
});

describe('decodeJsonEvent', () => {
  it('reads an event, and freezes it', () => {
    const event = decode({ ...required, data: { a: 1 } });

    expect(event).toStrictEqual({ ...required, data: { a: 1 } });
    expect(Object.isFrozen(event)).toBe(true);
  });

  it.each([null, 0, false, '', 1.5, '{"a":1}', []])('keeps data that are %j', (data) => {
    expect(decode({ ...required, data })).toStrictEqual({ ...required, data });
  });

  it('has no data when there are none', () => {
    expect('data' in decode(required)).toBe(false);
  });

  it('reads attributes that are null as absent', () => {
    const nulls = {
      datacontenttype: null,
      dataschema: null,
      subject: null,
      time: null,
      extra: null,
      data_base64: null,
    };

    expect(decode({ ...nulls, ...required, data: null })).toStrictEqual({ ...required, data: null });
  });

  it.each(['2018-04-05T17:31:00.123456789Z', '2018-04-05T18:31:00+01:00'])('keeps the time %s as it is', (time) => {
    expect(decode({ ...required, time }).time).toBe(time);
  });

  it('reads data_base64 into bytes, whatever the content type', () => {
    const event = decode({ ...required, datacontenttype: 'application/json', data_base64: 'AP8=' });

    expect(event).toStrictEqual({
      ...required,
      datacontenttype: 'application/json',
      data: new Uint8Array([0, 255]),
    });
    expect(Object.isFrozen(event)).toBe(true);
  });

  it('reads every type of extension', () => {
    const event = { ...required, extinteger: 10, extboolean: true, extstring: 'text', extbinary: 'TWE=' };

    expect(decode(event)).toStrictEqual(event);
  });

  it('reads over a byte order mark', () => {
    expect(decodeJsonEvent(bytes(`\ufeff${JSON.stringify(required)}`))).toStrictEqual(required);
  });

  it('reads a part of a buffer and no more', () => {
    const padded = bytes(`xx${JSON.stringify(required)}yy`);

    expect(decodeJsonEvent(padded.subarray(2, -2))).toStrictEqual(required);
  });

  it.each([
    ['no specversion', { ...required, specversion: undefined }],
    ['no id', { ...required, id: undefined }],
    ['no type', { ...required, type: undefined }],
    ['no source', { ...required, source: undefined }],
    ['an id that is null', { ...required, id: null }],
    ['an empty id', { ...required, id: '' }],
    ['an empty type', { ...required, type: '' }],
    ['an empty source', { ...required, source: '' }],
    ['an unknown specversion', { ...required, specversion: '0.9' }],
    ['a number as specversion', { ...required, specversion: 1.0 }],
    ['garbage as time', { ...required, time: 'lunchtime' }],
    ['a time without seconds', { ...required, time: '2018-04-05T18:31Z' }],
    ['an offset that is none', { ...required, time: '2018-04-05T18:31:00X' }],
    ['an offset out of range', { ...required, time: '2018-04-05T18:31:00+25:00' }],
    ['an offset of letters', { ...required, time: '2018-04-05T18:31:00+xx:00' }],
    ['an offset of hours', { ...required, time: '2018-04-05T18:31:00+05' }],
    ['a content type that is none', { ...required, datacontenttype: 'xyz' }],
    ['an empty content type', { ...required, datacontenttype: '' }],
    ['an empty schema', { ...required, dataschema: '' }],
    ['a relative schema', { ...required, dataschema: '/schema' }],
    ['an empty subject', { ...required, subject: '' }],
    ['a number as id', { ...required, id: 25 }],
    ['an object as id', { ...required, id: { xyz: 'abc' } }],
    ['a capital in a name', { ...required, MyExtension: 'bad' }],
    ['punctuation in a name', { ...required, 'my.extension': 'bad' }],
    ['a fraction', { ...required, myextension: 1.5 }],
    ['an integer that is too large', { ...required, myextension: 2 ** 31 }],
    ['an object as an extension', { ...required, myextension: {} }],
    ['a control character', { ...required, myextension: 'a\u0007' }],
    ['data twice', { ...required, data: 'text', data_base64: 'YQ==' }],
    ['null data beside data_base64', { ...required, data: null, data_base64: 'YQ==' }],
    ['malformed base64', { ...required, data_base64: 'YQ' }],
    ['an object that is not JSON', { ...required, datacontenttype: 'text/plain', data: {} }],
    ['an array', [required]],
    ['a string', 'event'],
    ['null', null],
  ])('refuses %s', (_, value) => {
    expect(() => decode(value)).toThrow(DecodeError);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['what is not JSON', bytes('{"specversion":')],
    ['two documents', bytes('{}{}')],
    ['an attribute called __proto__', bytes('{"specversion":"1.0","id":"1","source":"/","type":"t","__proto__":"x"}')],
    ['UTF-16', new Uint8Array(Buffer.from(JSON.stringify(required), 'utf16le'))],
    ['malformed UTF-8', Uint8Array.from([...bytes('{"specversion":"1.0","id":"'), 0xff, ...bytes('"}')])],
  ])('refuses %s', (_, payload) => {
    expect(failureOf(payload).bytes).toBe(payload);
  });

  it('says what was expected, and keeps the bytes and the cause', () => {
    const payload = bytes(JSON.stringify({ ...required, time: 'lunchtime' }));

    const error = failureOf(payload);

    expect(error).toMatchObject({
      code: 'DECODE_FAILED',
      rule: "attribute 'time' must be a timestamp of RFC 3339",
      message: "The message could not be decoded: attribute 'time' must be a timestamp of RFC 3339",
      cause: { name: 'InvalidEventError', attribute: 'time' },
    });
    expect(error.bytes).toBe(payload);
  });

  it.each([
    ['JSON that is cut off', '{"password":"secret'],
    ['a name', JSON.stringify({ ...required, 'secret name': 1 })],
    ['a value', JSON.stringify({ ...required, time: 'secret' })],
    ['a name of any length', JSON.stringify({ ...required, secretsecretsecretsecret: 1.5 })],
  ])('does not repeat the payload in its message: %s', (_, payload) => {
    expect(failureOf(bytes(payload)).message).not.toContain('secret');
  });

  it('reads back what encodeJsonEvent wrote', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        expect(decodeJsonEvent(encodeJsonEvent(event))).toEqual(withTextExtensions(event, false));
      }),
    );
  });

  it('makes events that are valid, and written and read again are the same', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const first = decodeJsonEvent(encodeJsonEvent(event));

        expect(isEvent(first)).toBe(true);
        expect(decodeJsonEvent(encodeJsonEvent(first))).toStrictEqual(first);
      }),
    );
  });

  it('reads or refuses with a DecodeError, whatever the bytes', () => {
    const mutated = fc.tuple(arbitraryEvent, fc.nat(), fc.nat({ max: 255 })).map(([event, at, byte]) => {
      const payload = new Uint8Array(encodeJsonEvent(event));
      payload[at % payload.length] = byte;
      return payload;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array()), (payload) => {
        try {
          expect(isEvent(decodeJsonEvent(payload))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });

  it('reads what the SDK writes in structured mode', () => {
    const event = createEvent({
      ...required,
      subject: 'Euro €',
      time: '2020-01-01T00:00:00.000Z',
      data: { a: [1] },
      n: 3,
    });

    const { body } = HTTP.structured(new CloudEvent({ ...event }));

    expect(decodeJsonEvent(bytes(String(body)))).toEqual(event);
  });

  it('writes what the SDK reads in structured mode, and finds valid', () => {
    const headers = { 'content-type': 'application/cloudevents+json' };
    const event = createEvent({
      ...required,
      subject: 'Euro €',
      time: '2020-01-01T00:00:00.000Z',
      data: { a: [1] },
      n: 3,
    });

    const read = HTTP.toEvent({ headers, body: new TextDecoder().decode(encodeJsonEvent(event)) }) as CloudEvent;

    expect(read.validate()).toBe(true);
    expect(JSON.parse(JSON.stringify(read))).toEqual(event);
  });
});

describe('the JSON batch format', () => {
  const second = { ...required, id: '2', data: new Uint8Array([1]) };

  it.each([
    ['no event', []],
    ['one event', [required]],
    ['the same event twice', [required, required]],
    ['different events', [required, second]],
  ])('carries %s', (_, events: readonly Event[]) => {
    expect(decodeJsonBatch(encodeJsonBatch(events))).toStrictEqual(events);
  });

  it.each([
    ['mixed versions', [required, { ...required, specversion: '0.9' }]],
    ['an invalid event', [{ ...required, id: undefined }]],
    ['what is no object', ['not an object', required]],
    ['a batch in a batch', [[required]]],
    ['an event alone', required],
  ])('refuses %s', (_, value) => {
    expect(() => decodeJsonBatch(bytes(JSON.stringify(value)))).toThrow(DecodeError);
  });
});
