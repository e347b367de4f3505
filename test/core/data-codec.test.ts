import { describe, expect, it } from 'vitest';
import {
  bytesCodec,
  type DataCodec,
  dataCodecFor,
  encodeData,
  jsonCodec,
  textCodec,
} from '../../src/core/data-codec.ts';
import { InvalidEventError } from '../../src/core/errors.ts';
import { decodeJsonEvent, encodeJsonEvent } from '../../src/core/json-format.ts';
import { parseMediaType } from '../../src/core/media-type.ts';

const required = { specversion: '1.0', id: '1', source: '/shop', type: 'com.example.placed' } as const;

const codecFor = (contentType: string, codecs: readonly DataCodec[] = []) =>
  dataCodecFor(parseMediaType(contentType), codecs);
const decode = (contentType: string, ...bytes: number[]) =>
  codecFor(contentType).decode(Uint8Array.from(bytes), parseMediaType(contentType), required);
const encode = (datacontenttype: string, data: unknown) => [
  ...(encodeData({ ...required, datacontenttype, data }, []) ?? []),
];

/** Text in capitals, and the parameters that it was given. */
const shouting: DataCodec = {
  handles: ({ essence }) => essence === 'text/shout' || essence === 'application/shout+json',
  encode: (data) => Buffer.from(JSON.stringify(data).toUpperCase()),
  decode: (bytes, { parameters }, event) => [Buffer.from(bytes).toString(), parameters.get('volume'), event.type],
};

describe('dataCodecFor', () => {
  it.each([
    ['application/json', jsonCodec],
    ['Application/Vnd.X+JSON; charset=utf-8', jsonCodec],
    ['text/plain', textCodec],
    ['TEXT/csv; charset=latin1', textCodec],
    ['application/xml', textCodec],
    ['application/soap+xml', textCodec],
    ['application/custom; charset=utf-8', textCodec],
    ['application/octet-stream', bytesCodec],
    ['image/png', bytesCodec],
  ])('chooses for %s', (contentType, codec) => {
    expect(codecFor(contentType)).toBe(codec);
  });

  it("takes the user's first", () => {
    expect(codecFor('text/shout', [bytesCodec, shouting])).toBe(bytesCodec);
    expect(codecFor('text/shout', [shouting])).toBe(shouting);
    expect(codecFor('text/plain', [shouting])).toBe(textCodec);
  });
});

describe('jsonCodec', () => {
  it.each([null, 0, false, '', { a: [1] }, 'text'])('writes and reads %j', (data) => {
    expect(decode('application/json', ...encode('application/json', data))).toStrictEqual(data);
  });

  it('reads the charset that is named', () => {
    expect(decode('application/json; charset=iso-8859-1', 0x22, 0xe9, 0x22)).toBe('é');
  });
});

describe('textCodec', () => {
  it('reads UTF-8 where no charset is named, a byte order mark too', () => {
    expect(decode('text/plain', 0xef, 0xbb, 0xbf, 0xc3, 0xa9)).toBe('\ufeffé');
  });

  it('reads the charset that is named', () => {
    expect(decode('text/plain; charset=ISO-8859-1', 0xe9)).toBe('é');
    expect(decode('text/plain; charset="utf-16le"', 0x61, 0)).toBe('a');
  });

  it('throws on bytes that are not of the charset, and on a charset that it does not know', () => {
    expect(() => decode('text/plain', 0xe9)).toThrow(TypeError);
    expect(() => decode('text/plain; charset=klingon', 0x61)).toThrow(RangeError);
  });

  it.each(['text/plain', 'text/plain; charset=UTF-8', 'text/plain; charset=utf8'])(
    'writes UTF-8 as %s',
    (contentType) => {
      expect(encode(contentType, 'é')).toEqual([0xc3, 0xa9]);
    },
  );

  it('writes another charset where its bytes are the same', () => {
    expect(encode('text/plain; charset=us-ascii', 'a')).toEqual([0x61]);
    expect(encode('text/plain; charset=iso-8859-1', 'a')).toEqual([0x61]);
  });

  it.each([
    ['text/plain; charset=iso-8859-1', 'é'],
    ['text/plain; charset=utf-16le', 'a'],
    ['text/plain; charset=klingon', 'a'],
    ['text/plain', '\ud800'],
    ['text/plain', 1],
  ])('refuses what it cannot write rightly: %s, %j', (contentType, data) => {
    expect(() => encode(contentType, data)).toThrow(InvalidEventError);
  });
});

describe('encodeData', () => {
  it('leaves bytes as they are, whatever the content type', () => {
    const data = new Uint8Array([1]);

    expect(encodeData({ ...required, datacontenttype: 'application/json', data }, [shouting])).toBe(data);
  });

  it('writes data without a content type as JSON, and none as none', () => {
    expect(encodeData({ ...required, data: 'a' }, [])).toEqual(Buffer.from('"a"'));
    expect(encodeData(required, [])).toBeUndefined();
  });

  it('writes text for a type that it does not know, and refuses anything else', () => {
    expect(encode('application/unknown', 'é')).toEqual([0xc3, 0xa9]);
    expect(() => encode('application/unknown', {})).toThrow(
      "Event attribute 'data' cannot be written as application/unknown",
    );
  });
});

describe("a user's codec in the JSON format", () => {
  const options = { dataCodecs: [shouting] };
  const roundTrip = (datacontenttype: string, data: unknown) => {
    const encoded = encodeJsonEvent({ ...required, datacontenttype, data }, options);
    return { encoded: JSON.parse(Buffer.from(encoded).toString()), decoded: decodeJsonEvent(encoded, options).data };
  };

  it('writes data_base64 and reads them, with the parameters and the attributes', () => {
    const { encoded, decoded } = roundTrip('text/shout; volume=11', 'hey');

    expect(encoded).toMatchObject({ data_base64: Buffer.from('"HEY"').toString('base64') });
    expect(decoded).toEqual(['"HEY"', '11', required.type]);
  });

  it('writes a JSON value where the content type is JSON', () => {
    const { encoded, decoded } = roundTrip('application/shout+json', 'hey');

    expect(encoded).toMatchObject({ data: 'HEY' });
    expect(decoded).toEqual(['"HEY"', undefined, required.type]);
  });

  it('reads text that a peer wrote as text', () => {
    const event = { ...required, datacontenttype: 'text/shout', data: 'HO' };

    expect(decodeJsonEvent(Buffer.from(JSON.stringify(event)), options).data).toEqual(['HO', undefined, required.type]);
  });

  it.each([
    { ...required, data: 'plain' },
    { ...required, datacontenttype: 'text/plain', data: 'plain' },
    { ...required, datacontenttype: 'text/shout' },
    { ...required, data: new Uint8Array([1]) },
  ])('leaves other data alone: %o', (event) => {
    expect(decodeJsonEvent(encodeJsonEvent(event, options), options)).toStrictEqual(event);
  });

  it('carries what it throws as the cause', () => {
    const cause = new Error('no');
    const failing: DataCodec = {
      handles: () => true,
      encode: () => {
        throw cause;
      },
      decode: () => {
        throw cause;
      },
    };
    const broken = { dataCodecs: [failing] };
    const event = { ...required, datacontenttype: 'a/b', data: 'x' };

    expect(() => encodeJsonEvent(event, broken)).toThrow(expect.objectContaining({ code: 'INVALID_EVENT', cause }));
    expect(() => decodeJsonEvent(encodeJsonEvent(event), broken)).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED', rule: 'data must be a/b', cause }),
    );
  });
});
