import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/core/errors.ts';
import { undecodable } from '../../src/core/undecodable.ts';
import { isEvent } from '../../src/core/validate-event.ts';
import { cloudEventsCodec } from '../../src/transports/nats/cloud-events-codec.ts';

const data = Uint8Array.of(0, 0x7b, 255);
const options = { id: 'SHOP-7', source: '/billing' };

describe('undecodable', () => {
  it('wraps the bytes into a valid event', () => {
    const event = undecodable({ data }, new DecodeError('no event', data), options);

    expect(event).toStrictEqual({
      specversion: '1.0',
      id: 'SHOP-7',
      source: '/billing',
      type: 'millrace.undecodable',
      datacontenttype: 'application/octet-stream',
      data,
    });
    expect(isEvent(event)).toBe(true);
  });

  it.each([
    ['application/json', 'application/json'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['no media type', 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ])('says of the content type %j that it is %j', (contentType, expected) => {
    const error = new DecodeError('no event', data, { contentType });

    expect(undecodable({ data }, error, options).datacontenttype).toBe(expected);
  });

  it('takes a time, and any error', () => {
    const event = undecodable({ data }, 'thrown', { ...options, time: '2020-01-01T00:00:00Z' });

    expect(event).toMatchObject({ time: '2020-01-01T00:00:00Z', datacontenttype: 'application/octet-stream' });
  });

  it.each(['structured', 'binary'] as const)(
    'comes back with its bytes in %s mode, whatever they were to be',
    (mode) => {
      const shouting = { handles: () => true, encode: () => data, decode: () => 'interpreted' };
      const error = new DecodeError('no event', data, { contentType: 'application/json' });
      const event = undecodable({ data }, error, options);
      const codec = cloudEventsCodec({ mode, dataCodecs: [shouting] });

      expect(codec.decode(codec.encode(event))).toEqual(event);
    },
  );

  it('comes back with no bytes', () => {
    const event = undecodable({ data: new Uint8Array(0) }, undefined, options);
    const codec = cloudEventsCodec({ mode: 'binary' });

    expect(codec.decode(codec.encode(event)).data).toEqual(new Uint8Array(0));
  });
});
