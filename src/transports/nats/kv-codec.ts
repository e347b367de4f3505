/** How the values of a bucket travel. */
export interface KvCodec<T> {
  encode(value: T): Uint8Array;
  /** May throw: the value is then told of as one that cannot be decoded. */
  decode(bytes: Uint8Array): T;
}

/** The codecs that have a name. */
export type KvCodecName = 'json' | 'bytes' | 'text';

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });

const named: Readonly<Record<KvCodecName, KvCodec<unknown>>> = {
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
};

/** Returns a codec that was given by its name or as it is. @throws TypeError for anything else. */
export function kvCodecOf<T>(codec: KvCodecName | KvCodec<T> = 'json'): KvCodec<T> {
  const found = typeof codec === 'string' ? (named[codec] as KvCodec<T> | undefined) : codec;
  if (typeof found?.encode === 'function' && typeof found.decode === 'function') return found;
  throw new TypeError("'codec' must be 'json', 'bytes', 'text' or { encode, decode }");
}
