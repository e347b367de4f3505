import { decodeBase64 } from './base64.ts';
import { type DataCodec, mediaTypeOf, userCodecFor } from './data-codec.ts';
import { DecodeError, InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { declaresJson } from './media-type.ts';
import { UNDECODABLE } from './undecodable.ts';
import { encodeUtf8 } from './utf8.ts';
import { isEvent, validateEvent } from './validate-event.ts';

/** Makes a frozen event of what `JSON.parse` returned. @throws DecodeError that carries `bytes`. */
export function eventOfJson(value: unknown, bytes: Uint8Array, codecs: readonly DataCodec[]): Event {
  let event = isEvent(value) ? value : withoutNulls(value, bytes);
  if (event.data_base64 !== undefined) event = withBytes(event);
  else if (!isReadable(event)) throw new DecodeError('data must be a string where they are not JSON', bytes);
  if (codecs.length > 0 && event.data !== undefined) event = interpreted(event, bytes, codecs);
  return Object.freeze(event); // nothing else knows the value: it need not be copied
}

/** Says which rule an event breaks. A name that no attribute can have is not repeated. */
export function brokenRuleOf(error: unknown): string {
  if (!(error instanceof InvalidEventError)) return 'it must be a valid event';
  const { attribute, rule } = error;
  return /^[a-z0-9_]{1,20}$/.test(attribute) ? `attribute '${attribute}' ${rule}` : `an attribute ${rule}`;
}

/** Attributes that are null are absent; few peers write these, so that the valid are told apart first. */
function withoutNulls(value: unknown, bytes: Uint8Array): Event {
  let event = value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const members = Object.entries(value);
    event = Object.fromEntries(members.filter(([name, member]) => member !== null || name === 'data'));
  }
  try {
    validateEvent(event);
    return event;
  } catch (cause) {
    throw new DecodeError(brokenRuleOf(cause), bytes, { cause });
  }
}

function withBytes({ data_base64 = '', ...attributes }: Event): Event {
  return { ...(attributes as Event), data: decodeBase64(data_base64) };
}

/** Whether data are as the format has them: any value if they are JSON, text otherwise. */
function isReadable({ data, datacontenttype }: Event): boolean {
  return typeof data === 'string' || data === undefined || declaresJson(datacontenttype);
}

/** Data as the user's codec for them reads them. Bytes without a content type can be anything. */
function interpreted(event: Event, bytes: Uint8Array, codecs: readonly DataCodec[]): Event {
  const { data, ...rest } = event;
  const attributes = rest as Event;
  const isBytes = data instanceof Uint8Array;
  if (isBytes && (event.datacontenttype === undefined || event.type === UNDECODABLE)) return event;
  const mediaType = mediaTypeOf(event);
  const codec = userCodecFor(mediaType, codecs);
  if (codec === undefined) return event;
  try {
    const encoded = isBytes ? data : encodeUtf8(declaresJson(event.datacontenttype) ? JSON.stringify(data) : `${data}`);
    return { ...attributes, data: codec.decode(encoded, mediaType, attributes) };
  } catch (cause) {
    throw new DecodeError(`data must be ${mediaType.essence}`, bytes, { cause });
  }
}
