import type { DataCodec } from './data-codec.ts';
import { DecodeError } from './errors.ts';
import type { Event } from './event.ts';
import { eventOfJson } from './json-decoding.ts';
import { jsonOfEvent } from './json-encoding.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** Options for the functions of the JSON format. */
export interface JsonFormatOptions {
  /** Codecs for data; the first that handles the event's content type is used. @defaultValue none */
  readonly dataCodecs?: readonly DataCodec[];
}

const NO_CODECS: readonly DataCodec[] = [];

/**
 * Writes a valid event in the CloudEvents JSON format.
 *
 * Data that are a `Uint8Array` become `data_base64`. What a codec writes does too, unless the content type is JSON.
 *
 * @throws InvalidEventError when its data cannot be written.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function encodeJsonEvent(event: Event, { dataCodecs = NO_CODECS }: JsonFormatOptions = {}): Uint8Array {
  return encodeUtf8(jsonOfEvent(event, dataCodecs));
}

/** Writes events in the CloudEvents JSON batch format; see {@link encodeJsonEvent}. */
export function encodeJsonBatch(
  events: readonly Event[],
  { dataCodecs = NO_CODECS }: JsonFormatOptions = {},
): Uint8Array {
  return encodeUtf8(`[${events.map((event) => jsonOfEvent(event, dataCodecs)).join()}]`);
}

/**
 * Reads an event in the CloudEvents JSON format, and checks that it is valid. The result is frozen; its data are not.
 *
 * `data_base64` becomes data that are a `Uint8Array`, which only the given codecs interpret. An attribute that is `null`
 * is absent, data that are `null` are data. A time stays the text that it is.
 *
 * @throws DecodeError
 */
export function decodeJsonEvent(bytes: Uint8Array, { dataCodecs = NO_CODECS }: JsonFormatOptions = {}): Event {
  return eventOfJson(parse(bytes), bytes, dataCodecs);
}

/** Reads events in the CloudEvents JSON batch format; see {@link decodeJsonEvent}. One that is invalid spoils all. */
export function decodeJsonBatch(
  bytes: Uint8Array,
  { dataCodecs = NO_CODECS }: JsonFormatOptions = {},
): readonly Event[] {
  const value = parse(bytes);
  if (!Array.isArray(value)) throw new DecodeError('a batch must be a JSON array', bytes);
  return value.map((element) => eventOfJson(element, bytes, dataCodecs));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new DecodeError('the payload must be JSON in UTF-8', bytes, { cause });
  }
}
