import { decodeBase64, encodeBase64 } from '../../core/base64.ts';
import { type DataCodec, dataCodecFor, encodeData } from '../../core/data-codec.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { brokenRuleOf } from '../../core/json-decoding.ts';
import { parseMediaType } from '../../core/media-type.ts';
import { percentEncode } from '../../core/percent.ts';
import { UNDECODABLE } from '../../core/undecodable.ts';
import { validateEvent } from '../../core/validate-event.ts';
import type { AttributeHeaders } from './attribute-headers.ts';

/** Writes an event's attributes as header lines, in lower case, and its data as the payload. */
export function encodeBinary(event: Event, dataCodecs: readonly DataCodec[]): { lines: string; data: Uint8Array } {
  let lines = '';
  for (const name in event) {
    const value = event[name];
    if (value === undefined || name === 'data' || name === 'data_base64') continue;
    if (typeof value === 'string') lines += `ce-${name}: ${percentEncode(value)}\r\n`;
    else lines += `ce-${name}: ${value instanceof Uint8Array ? encodeBase64(value) : value}\r\n`;
  }
  const data = payloadOf(event, dataCodecs);
  if (data === undefined) return { lines, data: NOTHING };
  if (event.datacontenttype === undefined && isImpliedJson(event)) lines += 'ce-datacontenttype: application/json\r\n';
  if (data.length === 0) lines += EMPTY_DATA;
  return { lines, data };
}

/** Makes an event of what the headers say, and of the payload. @throws DecodeError */
export function decodeBinary(headers: AttributeHeaders, bytes: Uint8Array, dataCodecs: readonly DataCodec[]): Event {
  const { attributes, fault, emptyData } = headers;
  if (fault !== undefined) throw new DecodeError(fault, bytes);
  const event = validated(attributes, bytes);
  if (bytes.length > 0 || emptyData) event.data = decodeData(event, bytes, dataCodecs);
  return Object.freeze(event);
}

/** Beside data of no bytes: CloudEvents has no way to tell these from no data. */
const EMPTY_DATA = 'Content-Length: 0\r\n';
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

function validated(attributes: unknown, bytes: Uint8Array): Event & { data?: unknown } {
  try {
    validateEvent(attributes);
    return attributes;
  } catch (cause) {
    throw new DecodeError(brokenRuleOf(cause), bytes, { cause });
  }
}

function payloadOf(event: Event, dataCodecs: readonly DataCodec[]): Uint8Array | undefined {
  return event.data_base64 === undefined ? encodeData(event, dataCodecs) : decodeBase64(event.data_base64);
}

/** Data without a content type are JSON, as they are in the JSON format, unless they are bytes. */
function isImpliedJson({ data }: Event): boolean {
  return data !== undefined && !(data instanceof Uint8Array);
}

function decodeData(event: Event, bytes: Uint8Array, dataCodecs: readonly DataCodec[]): unknown {
  const { datacontenttype, type } = event;
  if (datacontenttype === undefined || type === UNDECODABLE) return bytes;
  const mediaType = parseMediaType(datacontenttype);
  try {
    return dataCodecFor(mediaType, dataCodecs).decode(bytes, mediaType, event);
  } catch (cause) {
    throw new DecodeError(`data must be ${mediaType.essence}`, bytes, { cause });
  }
}
