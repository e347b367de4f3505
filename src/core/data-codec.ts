import { InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { isJson, type MediaType, parseMediaType } from './media-type.ts';
import { decodeExactUtf8, encodeUtf8 } from './utf8.ts';

/**
 * Turns an event's data into bytes and back, for the media types that it is for.
 *
 * It is not asked about data that are a `Uint8Array`: these travel as they are. What it throws while decoding becomes the
 * `cause` of a `DecodeError`, and while encoding that of an `InvalidEventError`.
 */
export interface DataCodec {
  /** Tells whether this codec is for a media type. */
  readonly handles: (mediaType: MediaType) => boolean;
  /** Writes data. `event` has its attributes, for a codec that needs more than the media type to know what it has. */
  readonly encode: (data: unknown, mediaType: MediaType, event: Event) => Uint8Array;
  /** Reads data. `event` has its attributes, and no data yet. */
  readonly decode: (bytes: Uint8Array, mediaType: MediaType, event: Event) => unknown;
}

/** Any JSON value, for `json` and `+json`. */
export const jsonCodec: DataCodec = {
  handles: isJson,
  encode: (data) => encodeUtf8(JSON.stringify(data)),
  decode: (bytes, mediaType) => JSON.parse(decodeText(bytes, mediaType)),
};

/** Text, for `text/*`, XML, YAML, forms, and whatever names a `charset`. */
export const textCodec: DataCodec = {
  handles: ({ essence, parameters }) => TEXT.test(essence) || parameters.has('charset'),
  encode: (data, mediaType) => encodeText(data, mediaType),
  decode: decodeText,
};

/** Bytes as they are, for everything else. A text is written as UTF-8. */
export const bytesCodec: DataCodec = {
  handles: () => true,
  encode(data) {
    if (typeof data !== 'string') throw new TypeError('Only text and bytes can be written without a codec');
    return encodeUtf8(data);
  },
  decode: (bytes) => bytes,
};

/** Returns the codec for a media type: the first of the user's that handles it, else one of the built-in ones. */
export function dataCodecFor(mediaType: MediaType, codecs: readonly DataCodec[]): DataCodec {
  return userCodecFor(mediaType, codecs) ?? BUILT_IN.find((codec) => codec.handles(mediaType)) ?? bytesCodec;
}

/** Returns the first of the user's codecs that handles a media type. */
export function userCodecFor(mediaType: MediaType, codecs: readonly DataCodec[]): DataCodec | undefined {
  for (const codec of codecs) if (codec.handles(mediaType)) return codec;
  return undefined;
}

/** Writes an event's data as they travel by themselves; `undefined` if it has none. @throws InvalidEventError */
export function encodeData(event: Event, codecs: readonly DataCodec[]): Uint8Array | undefined {
  const { data } = event;
  if (data === undefined || data instanceof Uint8Array) return data;
  return encodeWith(dataCodecFor(mediaTypeOf(event), codecs), event);
}

/** Writes an event's data with a codec. @throws InvalidEventError when it cannot. */
export function encodeWith(codec: DataCodec, event: Event): Uint8Array {
  const mediaType = mediaTypeOf(event);
  try {
    return codec.encode(event.data, mediaType, event);
  } catch (cause) {
    throw new InvalidEventError('data', `cannot be written as ${mediaType.essence}`, { cause });
  }
}

/** The media type of an event's data: JSON, if it names none. */
export function mediaTypeOf(event: Event): MediaType {
  return parseMediaType(event.datacontenttype ?? 'application/json');
}

const BUILT_IN: readonly DataCodec[] = [jsonCodec, textCodec];

const TEXT = /^text\/|[/+](?:xml|yaml)$|\/(?:x-yaml|javascript|x-www-form-urlencoded)$/;

/** Reads text in the charset that the media type names. @throws TypeError or RangeError when it is malformed or unknown. */
function decodeText(bytes: Uint8Array, { parameters }: MediaType): string {
  const charset = parameters.get('charset');
  if (charset === undefined || UTF_8.test(charset)) return decodeExactUtf8(bytes);
  return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Writes UTF-8, which is right for every charset in which the same bytes mean the same text. */
function encodeText(data: unknown, mediaType: MediaType): Uint8Array {
  if (typeof data !== 'string') throw new TypeError('Text must be given as a string');
  const bytes = encodeUtf8(data);
  if (bytes.length !== data.length && /\p{Surrogate}/u.test(data))
    throw new TypeError('Text has an unpaired surrogate');
  const charset = mediaType.parameters.get('charset');
  if (charset === undefined || UTF_8.test(charset)) return bytes;
  if (decodeText(bytes, mediaType) !== data) throw new RangeError('Text is written as UTF-8, not in another charset');
  return bytes;
}

const UTF_8 = /^utf-?8$/i;
