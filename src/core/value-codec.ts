import { decodeJsonEvent, encodeJsonEvent } from './json-format.ts';
import { validateEvent } from './validate-event.ts';

/** How values travel. */
export interface ValueCodec<T> {
  encode(value: T): Uint8Array;
  /** May throw: the value is then told of as one that cannot be decoded. */
  decode(bytes: Uint8Array): T;
}

/** The codecs that have a name; `'event'` is a CloudEvent in the JSON format, checked on both sides. */
export type ValueCodecName = 'json' | 'bytes' | 'text' | 'event';

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });

const named: Readonly<Record<ValueCodecName, ValueCodec<unknown>>> = {
  json: {
    encode(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError('A value must be one that JSON can hold');
      return encoder.encode(text);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)) as unknown,
  },
  bytes: {
    encode(value) {
      if (!(value instanceof Uint8Array)) throw new TypeError("A value must be a Uint8Array with codec 'bytes'");
      return value;
    },
    decode: (bytes) => bytes,
  },
  text: {
    encode(value) {
      if (typeof value !== 'string') throw new TypeError("A value must be a string with codec 'text'");
      return encoder.encode(value);
    },
    decode: (bytes) => decoder.decode(bytes),
  },
  event: {
    encode(value) {
      validateEvent(value);
      return encodeJsonEvent(value);
    },
    decode: (bytes) => decodeJsonEvent(bytes),
  },
};

/** Returns a codec that was given by its name or as it is. @throws TypeError for anything else. */
export function valueCodecOf<T>(codec: ValueCodecName | ValueCodec<T> = 'json'): ValueCodec<T> {
  const found = typeof codec === 'string' ? (named[codec] as ValueCodec<T> | undefined) : codec;
  if (typeof found?.encode === 'function' && typeof found.decode === 'function') return found;
  throw new TypeError("'codec' must be 'json', 'bytes', 'text', 'event' or { encode, decode }");
}
