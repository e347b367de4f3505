import { decodeBase64, encodeBase64 } from './base64.ts';
import { type DataCodec, encodeWith, userCodecFor } from './data-codec.ts';
import { DecodeError, InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { declaresJson, type MediaType, parseMediaType } from './media-type.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';
import { isEvent, validateEvent } from './validate-event.ts';

/** Options for the functions of the JSON format. */
export interface JsonFormatOptions {
  /** Codecs for data; the first that handles the event's content type is used. @defaultValue none */
  readonly dataCodecs?: readonly DataCodec[];
}

/**
 * Writes a valid event in the CloudEvents JSON format.
 *
 * Data that are a `Uint8Array` become `data_base64`. What a codec writes does too, unless the content type is JSON.
 *
 * @throws InvalidEventError when its data cannot be written.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function encodeJsonEvent(event: Event, { dataCodecs = NONE }: JsonFormatOptions = {}): Uint8Array {
  return encodeUtf8(stringify(event, dataCodecs));
}

/** Writes events in the CloudEvents JSON batch format; see {@link encodeJsonEvent}. */
export function encodeJsonBatch(events: readonly Event[], { dataCodecs = NONE }: JsonFormatOptions = {}): Uint8Array {
  return encodeUtf8(`[${events.map((event) => stringify(event, dataCodecs)).join()}]`);
}

/**
 * Reads an event in the CloudEvents JSON format, and checks that it is valid. The result is frozen; its data are not.
 *
 * `data_base64` becomes data that are a `Uint8Array`, which only the given codecs interpret. An attribute that is `null`
 * is absent, data that are `null` are data. A time stays the text that it is.
 *
 * @throws DecodeError
 */
export function decodeJsonEvent(bytes: Uint8Array, options: JsonFormatOptions = {}): Event {
  return toEvent(parse(bytes), bytes, options);
}

/** Reads events in the CloudEvents JSON batch format; see {@link decodeJsonEvent}. One that is invalid spoils all. */
export function decodeJsonBatch(bytes: Uint8Array, options: JsonFormatOptions = {}): readonly Event[] {
  const value = parse(bytes);
  if (!Array.isArray(value)) throw new DecodeError('a batch must be a JSON array', bytes);
  return value.map((element) => toEvent(element, bytes, options));
}

type Draft = Record<string, unknown>;

const NONE: readonly DataCodec[] = [];

function stringify(event: Event, codecs: readonly DataCodec[]): string {
  const plain = isPlain(event) && (codecs.length === 0 || event.data === undefined);
  try {
    return JSON.stringify(plain ? event : jsonForm(event, codecs));
  } catch (cause) {
    if (cause instanceof InvalidEventError) throw cause;
    throw new InvalidEventError('data', 'cannot be written as JSON', { cause });
  }
}

/** Whether an event can be given to `JSON.stringify` as it is. */
function isPlain(event: Event): boolean {
  for (const name in event) if (event[name] instanceof Uint8Array) return false;
  const { data } = event;
  if (typeof data === 'string') return !('toJSON' in event);
  if (data !== undefined && !(declaresJson(event.datacontenttype) && isJsonValue(data))) return false;
  return !('toJSON' in event);
}

/** Whether `JSON.stringify` writes something for a value. */
function isJsonValue(data: unknown): boolean {
  if (typeof data === 'object') return data === null || !('toJSON' in data);
  return typeof data === 'number' || typeof data === 'boolean' || typeof data === 'string';
}

/** An event as the JSON format has it, for what `JSON.stringify` would not write so. */
function jsonForm(event: Event, codecs: readonly DataCodec[]): Draft {
  const form: Draft = {};
  for (const name of Object.keys(event)) {
    const value = event[name];
    if (name !== 'data') form[name] = value instanceof Uint8Array ? encodeBase64(value) : value;
  }
  const { data, datacontenttype } = event;
  if (data === undefined) return form;
  if (data instanceof Uint8Array) form['data_base64'] = encodeBase64(data);
  else {
    const codec = codecs.length === 0 ? undefined : userCodecFor(mediaTypeOf(event), codecs);
    const json = declaresJson(datacontenttype);
    if (codec === undefined) form['data'] = json ? jsonValue(data) : text(data);
    else {
      const bytes = encodeWith(codec, event);
      if (json) form['data'] = JSON.parse(decodeUtf8(bytes));
      else form['data_base64'] = encodeBase64(bytes);
    }
  }
  return form;
}

function jsonValue(data: unknown): unknown {
  if (JSON.stringify(data) === undefined) throw new InvalidEventError('data', 'cannot be written as JSON');
  return data;
}

function text(data: unknown): string {
  if (typeof data === 'string') return data;
  throw new InvalidEventError('data', 'must be text or bytes, since no codec handles its content type');
}

function mediaTypeOf(event: Event): MediaType {
  return parseMediaType(event.datacontenttype ?? 'application/json');
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new DecodeError('the payload must be JSON in UTF-8', bytes, { cause });
  }
}

function toEvent(value: unknown, bytes: Uint8Array, options: JsonFormatOptions): Event {
  const { dataCodecs = NONE } = options;
  if (isEvent(value) && value.data_base64 === undefined && dataCodecs.length === 0 && isDecoded(value)) {
    return Object.freeze(value); // nothing else knows it: it need not be copied
  }
  return decodeForm(value, bytes, options);
}

/** Whether data are as they are meant: any value if they are JSON, text otherwise. */
function isDecoded({ data, datacontenttype }: Event): boolean {
  return typeof data === 'string' || data === undefined || declaresJson(datacontenttype);
}

function decodeForm(value: unknown, bytes: Uint8Array, options: JsonFormatOptions): Event {
  const draft = withoutNulls(value);
  try {
    validateEvent(draft);
  } catch (cause) {
    throw new DecodeError(brokenRuleOf(cause), bytes, { cause });
  }
  const { data_base64, ...event } = draft as Event<unknown> & Draft;
  if (data_base64 !== undefined) event['data'] = decodeBase64(data_base64);
  else if (!isDecoded(draft)) {
    throw new DecodeError('data must be a JSON string, as their content type is not JSON', bytes);
  }
  if (event['data'] !== undefined) interpret(event as Event & Draft, bytes, options);
  return Object.freeze(event as Event);
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.filter(([name, attribute]) => attribute !== null || name === 'data'));
}

/** Which rule an event breaks; a name that no attribute can have is not repeated. */
export function brokenRuleOf(cause: unknown): string {
  if (!(cause instanceof InvalidEventError)) return 'it must be a valid event';
  const { attribute, rule } = cause;
  return /^[a-z0-9_]{1,20}$/.test(attribute) ? `attribute '${attribute}' ${rule}` : `an attribute ${rule}`;
}

/** Replaces data by what the user's codec for them makes of them. */
function interpret(event: Draft & Event, bytes: Uint8Array, options: JsonFormatOptions): void {
  const { dataCodecs = NONE } = options;
  const { data, datacontenttype } = event;
  if (dataCodecs.length === 0 || (data instanceof Uint8Array && datacontenttype === undefined)) return;
  const mediaType = mediaTypeOf(event);
  const codec = userCodecFor(mediaType, dataCodecs);
  if (codec === undefined) return;
  try {
    const encoded = data instanceof Uint8Array ? data : encodeUtf8(jsonOrText(event));
    (event as Draft)['data'] = codec.decode(encoded, mediaType, withoutData(event));
  } catch (cause) {
    throw new DecodeError(`data must be ${mediaType.essence}`, bytes, { cause });
  }
}

function jsonOrText({ data, datacontenttype }: Event): string {
  return declaresJson(datacontenttype) ? JSON.stringify(data) : String(data);
}

function withoutData({ data: _, ...event }: Event): Event {
  return event as Event;
}
