import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DurationSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { encodeData } from '../../src/core/data-codec.ts';
import { decodeJsonEvent, encodeJsonEvent } from '../../src/core/json-format.ts';
import { parseMediaType } from '../../src/core/media-type.ts';
import { protobufCodec } from '../../src/core/protobuf-codec.ts';

const required = { specversion: '1.0', id: '1', source: '/shop', type: 'com.example.placed' } as const;
const runtime = { fromBinary, toBinary };
const timestamp = create(TimestampSchema, { seconds: 5n, nanos: 7 });
const encoded = toBinary(TimestampSchema, timestamp);

const decode = (codec: ReturnType<typeof protobufCodec>, contentType: string, type = required.type as string) =>
  codec.decode(encoded, parseMediaType(contentType), { ...required, type });

describe('protobufCodec', () => {
  const both = protobufCodec({ schemas: [TimestampSchema, DurationSchema], ...runtime });

  it.each([
    'application/protobuf',
    'application/x-protobuf; a=b',
    'application/vnd.google.protobuf',
    'application/x+proto',
  ])('is for %s', (contentType) => {
    expect(both.handles(parseMediaType(contentType))).toBe(true);
  });

  it.each(['application/json', 'text/plain', 'application/octet-stream'])('is not for %s', (contentType) => {
    expect(both.handles(parseMediaType(contentType))).toBe(false);
  });

  it.each(['proto', 'messageType', 'type'])('finds the schema by the parameter %s', (name) => {
    const message = decode(both, `application/protobuf; ${name}=google.protobuf.Timestamp`) as Timestamp;

    expect(equals(TimestampSchema, message, timestamp)).toBe(true);
  });

  it('finds the only schema', () => {
    const one = protobufCodec({ schemas: [TimestampSchema], ...runtime });

    expect(decode(one, 'application/protobuf')).toMatchObject({ seconds: 5n, nanos: 7 });
  });

  it('finds the schema by what the user makes of the event', () => {
    const byType = protobufCodec({
      schemas: [TimestampSchema, DurationSchema],
      ...runtime,
      schemaOf: ({ type }) => (type === 'com.example.moment' ? TimestampSchema : undefined),
    });

    expect(decode(byType, 'application/protobuf', 'com.example.moment')).toMatchObject({ seconds: 5n });
    expect(() => decode(byType, 'application/protobuf')).toThrow('No schema is known');
  });

  it('throws rather than guess, and for a message that it does not know', () => {
    expect(() => decode(both, 'application/protobuf')).toThrow('No schema is known');
    expect(() => decode(both, 'application/protobuf; proto=shop.Order')).toThrow('No schema is known');
  });

  it('writes by what the message says that it is', () => {
    const event = { ...required, datacontenttype: 'application/protobuf', data: timestamp };

    expect(encodeData(event, [both])).toEqual(encoded);
  });

  it('travels in the JSON format as data_base64', () => {
    const options = { dataCodecs: [both] };
    const datacontenttype = 'application/protobuf; proto=google.protobuf.Timestamp';

    const json = encodeJsonEvent({ ...required, datacontenttype, data: timestamp }, options);

    expect(Buffer.from(json).toString()).toContain(`"data_base64":"${Buffer.from(encoded).toString('base64')}"`);
    expect(decodeJsonEvent(json, options).data).toMatchObject({ $typeName: 'google.protobuf.Timestamp', seconds: 5n });
  });

  it('takes another runtime by its functions', () => {
    const type = {
      fullName: '.shop.Order',
      encode: (order: { n: number }) => ({ finish: () => Uint8Array.of(order.n) }),
      decode: (bytes: Uint8Array) => ({ n: bytes[0] }),
    };
    const codec = protobufCodec({
      schemas: [type],
      toBinary: (schema, message) => schema.encode(message).finish(),
      fromBinary: (schema, bytes) => schema.decode(bytes),
    });
    const datacontenttype = 'application/x-protobuf; messageType=shop.Order';

    expect(encodeData({ ...required, datacontenttype, data: { n: 3 } }, [codec])).toEqual(Uint8Array.of(3));
    expect(codec.decode(Uint8Array.of(3), parseMediaType(datacontenttype), required)).toEqual({ n: 3 });
  });
});
