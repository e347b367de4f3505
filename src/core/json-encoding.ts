import { encodeBase64 } from './base64.ts';
import { type DataCodec, encodeWith, mediaTypeOf, userCodecFor } from './data-codec.ts';
import { InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { declaresJson } from './media-type.ts';
import { decodeUtf8 } from './utf8.ts';

/** Writes a valid event as JSON text. @throws InvalidEventError when its data cannot be written. */
export function jsonOfEvent(event: Event, codecs: readonly DataCodec[]): string {
  try {
    return JSON.stringify(isPlain(event, codecs) ? event : formOf(event, codecs));
  } catch (cause) {
    if (cause instanceof InvalidEventError) throw cause;
    throw new InvalidEventError('data', NOT_JSON, { cause });
  }
}

type Form = { [member: string]: unknown };

const NOT_JSON = 'cannot be written as JSON';

/** Whether an event can be given to `JSON.stringify` as it is. */
function isPlain(event: Event, codecs: readonly DataCodec[]): boolean {
  for (const name in event) if (event[name] instanceof Uint8Array) return false;
  return !('toJSON' in event) && (event.data === undefined || isPlainData(event, codecs));
}

function isPlainData({ data, datacontenttype }: Event, codecs: readonly DataCodec[]): boolean {
  if (codecs.length > 0) return false;
  switch (typeof data) {
    case 'string':
      return true; // text and JSON alike
    case 'object':
      return declaresJson(datacontenttype) && (data === null || !('toJSON' in data));
    case 'number':
    case 'boolean':
      return declaresJson(datacontenttype);
    default:
      return false;
  }
}

/** An event as the JSON format has it. */
function formOf(event: Event, codecs: readonly DataCodec[]): Form {
  const form: Form = {};
  for (const name of Object.keys(event)) {
    const value = event[name];
    if (name !== 'data') form[name] = value instanceof Uint8Array ? encodeBase64(value) : value;
  }
  return event.data === undefined ? form : addData(form, event, codecs);
}

function addData(form: Form, event: Event, codecs: readonly DataCodec[]): Form {
  const { data } = event;
  if (data instanceof Uint8Array) return { ...form, data_base64: encodeBase64(data) };
  const json = declaresJson(event.datacontenttype);
  const codec = userCodecFor(mediaTypeOf(event), codecs);
  if (codec === undefined) return { ...form, data: json ? jsonValue(data) : text(data) };
  const bytes = encodeWith(codec, event);
  return json ? { ...form, data: JSON.parse(decodeUtf8(bytes)) } : { ...form, data_base64: encodeBase64(bytes) };
}

function jsonValue(data: unknown): unknown {
  if (JSON.stringify(data) === undefined) throw new InvalidEventError('data', NOT_JSON);
  return data;
}

function text(data: unknown): string {
  if (typeof data === 'string') return data;
  throw new InvalidEventError('data', 'must be text or bytes, since no codec handles their content type');
}
