import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DataCodec } from '../../../src/core/data-codec.ts';
import { DecodeError, InvalidEventError } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/event.ts';
import { cloudEventsCodec, toEvent, toMessage } from '../../../src/transports/nats/cloud-events-codec.ts';
import { decodeHeaders, encodeHeaders } from '../../../src/transports/nats/headers.ts';
import { arbitraryEvent, withTextExtensions } from '../../support/arbitrary-event.ts';

const required = { specversion: '1.0', id: '1', source: '/shop', type: 'com.example.placed' } as const;
const structured = cloudEventsCodec();
const binary = cloudEventsCodec({ mode: 'binary' });

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (given: Uint8Array | undefined) => new TextDecoder().decode(given);
const block = (...lines: string[]) => bytes(['NATS/1.0', ...lines, '', ''].join('\r\n'));

const requiredLines = ['ce-specversion: 1.0', 'ce-id: 1', 'ce-source: /shop', 'ce-type: com.example.placed'];

function failureOf(read: () => unknown): DecodeError {
  try {
    read();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error('It was decoded');
}

describe('cloudEventsCodec in structured mode', () => {
  it('writes the content type and the event as JSON', () => {
    const { headers, data } = structured.encode({ ...required, data: 1 });

    expect(textOf(headers)).toBe('NATS/1.0\r\nContent-Type: application/cloudevents+json\r\n\r\n');
    expect(JSON.parse(textOf(data))).toEqual({ ...required, data: 1 });
  });

  it('writes what travels beside the event after the content type', () => {
    const given = { 'Nats-Msg-Id': '/shop 1', traceparent: '00-a-b-01' };

    const { headers } = structured.encode(required, given);

    expect(textOf(headers)).toBe(
      'NATS/1.0\r\nContent-Type: application/cloudevents+json\r\nNats-Msg-Id: /shop 1\r\ntraceparent: 00-a-b-01\r\n\r\n',
    );
    expect(given).toEqual({ 'Nats-Msg-Id': '/shop 1', traceparent: '00-a-b-01' });
  });

  it.each([
    'Content-Type: application/cloudevents+json',
    'content-type: application/cloudevents+json; charset=UTF-8',
    'CONTENT-TYPE: APPLICATION/CLOUDEVENTS+JSON;charset=utf-8',
  ])('reads an event by its content type: %s', (line) => {
    const message = { headers: block(line), data: bytes(JSON.stringify({ ...required, data: null })) };

    expect(structured.decode(message)).toStrictEqual({ ...required, data: null });
  });

  it.each([
    ['no headers', undefined],
    ['an empty block', block()],
    ['other headers', block('Nats-Msg-Id: 1', 'Content-Type: application/json')],
  ])('reads JSON with %s, as Go peers send it', (_, headers) => {
    const data = bytes(JSON.stringify({ ...required, data: 'Euro € 100%' }));

    expect(structured.decode({ headers, data })).toStrictEqual({ ...required, data: 'Euro € 100%' });
  });

  it('goes by the content type where there are attributes too', () => {
    const headers = block(...requiredLines, 'Content-Type: application/cloudevents+json');
    const event = { ...required, id: '2' };

    expect(structured.decode({ headers, data: bytes(JSON.stringify(event)) })).toStrictEqual(event);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        expect(binary.decode(structured.encode(event))).toEqual(withTextExtensions(event, false));
      }),
    );
  });
});

describe('cloudEventsCodec in binary mode', () => {
  const time = '2018-04-05T03:56:24Z';

  it('writes the example of the binding', () => {
    const event = {
      specversion: '1.0',
      type: 'com.example.someevent',
      time,
      id: '1234-1234-1234',
      source: '/mycontext/subcontext',
      datacontenttype: 'application/json; charset=utf-8',
      data: { a: 1 },
    };

    const { headers, data } = binary.encode(event);

    expect(decodeHeaders(headers as Uint8Array)).toEqual({
      'ce-specversion': '1.0',
      'ce-type': 'com.example.someevent',
      'ce-time': time,
      'ce-id': '1234-1234-1234',
      'ce-source': '/mycontext/subcontext',
      'ce-datacontenttype': 'application/json;%20charset=utf-8',
    });
    expect(textOf(data)).toBe('{"a":1}');
  });

  it('writes values as canonical strings, percent-encoded', () => {
    const event = { ...required, subject: 'Euro € 😀', n: -5, yes: true, bin: Buffer.from('Ma') };

    expect(decodeHeaders(binary.encode(event).headers as Uint8Array)).toMatchObject({
      'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80',
      'ce-n': '-5',
      'ce-yes': 'true',
      'ce-bin': 'TWE=',
    });
  });

  it('writes the content type that JSON data imply, a string in quotes', () => {
    const { headers, data } = binary.encode({ ...required, data: "I'm just a string" });

    expect(decodeHeaders(headers as Uint8Array)).toMatchObject({ 'ce-datacontenttype': 'application/json' });
    expect(textOf(data)).toBe('"I\'m just a string"');
  });

  it('writes bytes as they are, and invents no content type for them', () => {
    const { headers, data } = binary.encode({ ...required, data: new Uint8Array([0, 255]) });

    expect(decodeHeaders(headers as Uint8Array)).not.toHaveProperty('ce-datacontenttype');
    expect([...data]).toEqual([0, 255]);
    expect([...binary.encode({ ...required, data_base64: 'AP8=' }).data]).toEqual([0, 255]);
  });

  it('writes what travels beside the event', () => {
    const { headers } = binary.encode(required, { 'Nats-Msg-Id': '1' });

    expect(decodeHeaders(headers as Uint8Array)).toMatchObject({ 'ce-id': '1', 'Nats-Msg-Id': '1' });
  });

  it('reads names in any case and any order', () => {
    const headers = block('CE-Type: t', 'x: y', 'Ce-ID: 1', 'ce-Source:/shop', 'CE-SPECVERSION:  1.0 ', 'ce-MyExt: 5');

    expect(binary.decode({ headers, data: bytes('') })).toStrictEqual({ ...required, type: 't', myext: '5' });
  });

  it('takes the content type of ce-datacontenttype, and of Content-Type where there is none', () => {
    const both = block(...requiredLines, 'Content-Type: text/plain', 'ce-datacontenttype: application/json');
    const one = block('Content-Type: text/plain', ...requiredLines);

    expect(binary.decode({ headers: both, data: bytes('"a"') })).toMatchObject({
      datacontenttype: 'application/json',
      data: 'a',
    });
    expect(binary.decode({ headers: one, data: bytes('"a"') })).toMatchObject({
      datacontenttype: 'text/plain',
      data: '"a"',
    });
  });

  it('takes a payload without a content type for bytes', () => {
    expect(binary.decode({ headers: block(...requiredLines), data: bytes('{}') }).data).toEqual(bytes('{}'));
  });

  it.each(['text/plain', 'application/json', 'application/octet-stream'])(
    'has no data where the payload is empty, also as %s',
    (type) => {
      const headers = block(...requiredLines, `ce-datacontenttype: ${type}`);

      expect('data' in binary.decode({ headers, data: bytes('') })).toBe(false);
    },
  );

  it('keeps a time as it is', () => {
    const headers = block(...requiredLines, 'ce-time: 2018-04-05T18:31:00.123456789+01:00');

    expect(binary.decode({ headers, data: bytes('') }).time).toBe('2018-04-05T18:31:00.123456789+01:00');
  });

  it('reads UTF-8 that a Go peer did not encode', () => {
    const headers = block(...requiredLines, 'ce-subject: Euro € 😀');

    expect(binary.decode({ headers, data: bytes('') }).subject).toBe('Euro € 😀');
  });

  it('refuses a percent that a Go peer did not encode, and keeps it when lenient', () => {
    const message = { headers: block(...requiredLines, 'ce-subject: 100% "sure'), data: bytes('') };

    expect(failureOf(() => binary.decode(message)).rule).toContain('percent-encoded');
    expect(cloudEventsCodec({ lenient: true }).decode(message).subject).toBe('100% "sure');
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(arbitraryEvent, (event) => {
        const expected = withTextExtensions(event, true);
        const implied = event.datacontenttype === undefined && 'data' in event && !(event.data instanceof Uint8Array);

        expect(structured.decode(binary.encode(event))).toEqual({
          ...expected,
          ...(implied && { datacontenttype: 'application/json' }),
        });
      }),
    );
  });

  it('reads the same event from any order of its headers', () => {
    const shuffled = arbitraryEvent.chain((event) => {
      const { headers, data } = binary.encode(event);
      const lines = textOf(headers).split('\r\n').filter(Boolean).slice(1);
      return fc.tuple(fc.constant({ headers, data }), fc.shuffledSubarray(lines, { minLength: lines.length }));
    });
    fc.assert(
      fc.property(shuffled, ([message, lines]) => {
        expect(binary.decode({ ...message, headers: block(...lines) })).toEqual(binary.decode(message));
      }),
    );
  });
});

describe('cloudEventsCodec', () => {
  const invalid = bytes('not an event');

  it.each([
    ['nothing at all', undefined, bytes(''), 'it must have CloudEvents headers, or be an event in JSON'],
    ['what is no JSON', undefined, invalid, 'it must have CloudEvents headers, or be an event in JSON'],
    ['JSON that is no event', block('x: y'), bytes('{}'), 'it must have CloudEvents headers, or be an event in JSON'],
    ['attributes without a version', block('ce-id: 1'), invalid, 'ce- headers must have a ce-specversion'],
    [
      'a batch',
      block('Content-Type: application/cloudevents-batch+json'),
      bytes('[]'),
      'it must be one event, not a batch',
    ],
    [
      'another format',
      block('Content-Type: application/cloudevents+xml'),
      invalid,
      'the event must be in the JSON format',
    ],
    ['bad JSON', block('Content-Type: application/cloudevents+json'), invalid, 'the payload must be JSON in UTF-8'],
    ['an unknown version', block('ce-specversion: 0.3', 'ce-id: 1'), invalid, "attribute 'specversion' must be '1.0'"],
    ['a missing id', block('ce-specversion: 1.0'), invalid, "attribute 'id' is required"],
    [
      'an empty subject',
      block(...requiredLines, 'ce-subject:'),
      invalid,
      "attribute 'subject' must be a non-empty string",
    ],
    [
      'a bad name',
      block(...requiredLines, 'ce-my_ext: 1'),
      invalid,
      "attribute 'my_ext' must have a name of 'a' to 'z' and '0' to '9' only",
    ],
    ['an attribute twice', block(...requiredLines, 'CE-ID: 1'), invalid, 'no attribute may come twice'],
    ['an extension twice', block(...requiredLines, 'ce-a: 1', 'ce-a: 2'), invalid, 'no attribute may come twice'],
    ['data as a header', block(...requiredLines, 'ce-data: 1'), invalid, 'data must be the payload'],
    ['a prototype', block(...requiredLines, 'ce-__proto__: 1'), invalid, 'data must be the payload'],
    [
      'an encoded line break',
      block(...requiredLines, 'ce-a: x%0D%0Ay'),
      invalid,
      "attribute 'a' must hold no control characters, noncharacters or unpaired surrogates",
    ],
    [
      'data that are not what they say',
      block(...requiredLines, 'ce-datacontenttype: application/json'),
      invalid,
      'data must be application/json',
    ],
    [
      'an unknown charset',
      block(...requiredLines, 'ce-datacontenttype: text/plain;charset=klingon'),
      invalid,
      'data must be text/plain',
    ],
  ])('refuses %s, keeps the bytes and says what was expected', (_, headers, data, rule) => {
    const error = failureOf(() => structured.decode({ headers, data }));

    expect(error.rule).toBe(rule);
    expect(error.bytes).toBe(data);
  });

  it('refuses headers that are not UTF-8', () => {
    const headers = Buffer.from(`NATS/1.0\r\n${requiredLines.join('\r\n')}\r\nce-subject: \xff\r\n\r\n`, 'latin1');

    expect(failureOf(() => structured.decode({ headers, data: invalid })).rule).toBe('headers must be UTF-8');
  });

  it.each([
    ['Content-Type', block('Content-Type: application/cloudevents+json; a=b'), 'application/cloudevents+json; a=b'],
    ['ce-datacontenttype', block(...requiredLines, 'ce-datacontenttype: application/json'), 'application/json'],
    ['none', undefined, undefined],
  ])('says in the error what %s was', (_, headers, contentType) => {
    expect(failureOf(() => structured.decode({ headers, data: invalid })).contentType).toBe(contentType);
  });

  it.each([
    ['structured', structured],
    ['binary', binary],
  ])('leaves out of %s messages what would be taken for its own headers', (_, codec) => {
    const given = { 'content-type': 'application/cloudevents+xml', 'CE-id': '2', 'Content-Length': '0', cell: 'kept' };

    const message = codec.encode({ ...required, datacontenttype: 'text/plain' }, given);

    expect(codec.decode(message)).toStrictEqual({ ...required, datacontenttype: 'text/plain' });
    expect(codec.headersOf(message)).toEqual({ cell: 'kept' });
  });

  it.each([
    ['structured', structured],
    ['binary', binary],
  ])('returns the headers beside %s events', (_, codec) => {
    const headers = { 'Nats-Msg-Id': '1', traceparent: '00-a-b-01' };

    expect(codec.headersOf(codec.encode({ ...required, data: '' }, headers))).toEqual(headers);
    expect(codec.headersOf(codec.encode(required))).toEqual({});
    expect(codec.headersOf({ headers: undefined, data: invalid })).toEqual({});
  });

  it('returns headers of the same length as its own', () => {
    const own = structured.encode(required).headers as Uint8Array;
    const other = encodeHeaders({ a: 'x'.repeat(own.length - 17) });

    expect(other).toHaveLength(own.length);
    expect(Object.keys(structured.headersOf({ headers: other, data: invalid }))).toEqual(['a']);
  });

  it.each([structured, binary])('refuses a line break in a header', (codec) => {
    expect(() => codec.encode(required, { a: 'b\r\nce-id: 2' })).toThrow(TypeError);
  });

  it.each([structured, binary])('refuses data that cannot be written', (codec) => {
    expect(() => codec.encode({ ...required, datacontenttype: 'image/png', data: {} })).toThrow(InvalidEventError);
  });

  it.each(['structured', 'binary'] as const)("uses the user's codecs in %s mode", (mode) => {
    const reversed = (from: string) => [...from].reverse().join('');
    const reversing: DataCodec = {
      handles: ({ essence, parameters }) => essence === 'text/plain' && parameters.get('way') === 'back',
      encode: (data) => bytes(reversed(String(data))),
      decode: (data) => reversed(textOf(data)),
    };
    const codec = cloudEventsCodec({ mode, dataCodecs: [reversing] });
    const event = { ...required, datacontenttype: 'text/plain; way=back', data: 'abc' };

    const message = codec.encode(event);

    expect(codec.decode(message)).toStrictEqual(event);
    expect(cloudEventsCodec().decode(message).data).toEqual(mode === 'binary' ? 'cba' : bytes('cba'));
  });

  it('reads or refuses with a DecodeError, whatever the bytes', () => {
    const message = fc
      .tuple(arbitraryEvent, fc.boolean(), fc.nat(), fc.nat({ max: 255 }))
      .map(([event, mode, at, byte]) => {
        const encoded = (mode ? structured : binary).encode(event);
        const headers = Uint8Array.from(encoded.headers as Uint8Array);
        headers[at % headers.length] = byte;
        return { headers, data: encoded.data };
      });
    fc.assert(
      fc.property(message, (given) => {
        try {
          structured.decode(given);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});

describe('decodeBatch', () => {
  const batching = cloudEventsCodec({ batch: true });
  const headers = block('Content-Type: application/cloudevents-batch+json; charset=UTF-8');
  const read = (codec: typeof batching, value: unknown) =>
    codec.decodeBatch?.({ headers, data: bytes(JSON.stringify(value)) });

  it('reads all events of a batch', () => {
    expect(read(batching, [])).toEqual([]);
    expect(read(batching, [required, { ...required, id: '2' }])).toEqual([required, { ...required, id: '2' }]);
  });

  it('reads the one event of any other message', () => {
    expect(batching.decodeBatch?.(binary.encode(required))).toEqual([required]);
  });

  it('refuses a batch that it is not told to take, and one that is invalid', () => {
    expect(failureOf(() => read(structured, [required])).rule).toBe('it must be one event, not a batch');
    expect(failureOf(() => read(batching, [required, {}])).contentType).toContain('batch');
    expect(failureOf(() => batching.decode({ headers, data: bytes('[]') })).rule).toContain('not a batch');
  });
});

describe('toEvent', () => {
  it('reads a message of this package', () => {
    expect(toEvent(structured.encode(required))).toEqual(required);
    expect(toEvent({ data: structured.encode(required).data })).toEqual(required);
  });

  it('reads a message of a nats client', () => {
    const received = (lines: [string, string[]][]) => ({ headers: new Map(lines), data: bytes('{"a":1}') });
    const lines: [string, string[]][] = Object.entries(required).map(([name, value]) => [`ce-${name}`, [value]]);

    expect(toEvent(received([...lines, ['Content-Type', ['application/json']], ['x', ['1', '2']]]))).toStrictEqual({
      ...required,
      datacontenttype: 'application/json',
      data: { a: 1 },
    });
  });

  it('takes the options of the codec', () => {
    const message = { headers: block(...requiredLines, 'ce-subject: 100%'), data: bytes('') };

    expect(toEvent(message, { lenient: true }).subject).toBe('100%');
    expect(() => toEvent(message)).toThrow(DecodeError);
  });
});

describe('toMessage', () => {
  it('writes what toEvent reads', () => {
    const message = toMessage({ ...required, data: 1 }, { mode: 'binary', headers: { a: 'b' } });

    expect(decodeHeaders(message.headers as Uint8Array)).toMatchObject({ a: 'b', 'ce-id': '1' });
    expect(toEvent(message)).toMatchObject({ ...required, data: 1 });
  });

  it('refuses what is not an event', () => {
    expect(() => toMessage({ ...required, id: '' } as Event)).toThrow(InvalidEventError);
  });
});
