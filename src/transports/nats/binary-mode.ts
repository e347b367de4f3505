import { decodeBase64, encodeBase64 } from '../../core/base64.ts';
import { type DataCodec, dataCodecFor, encodeData } from '../../core/data-codec.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { brokenRuleOf } from '../../core/json-format.ts';
import { parseMediaType } from '../../core/media-type.ts';
import { percentDecode, percentEncode } from '../../core/percent.ts';
import { validateEvent } from '../../core/validate-event.ts';
import { headerEntries } from './headers.ts';
import type { NatsMessage } from './nats-codec.ts';
import { UNDECODABLE } from './undecodable.ts';

/** How data are coded, and what is done about malformed percent-encoding. */
export interface BinaryModeOptions {
  readonly dataCodecs: readonly DataCodec[];
  readonly lenient: boolean;
}

/** Writes an event's attributes as header lines, in lower case, and its data as the payload. */
export function encodeBinary(event: Event, dataCodecs: readonly DataCodec[]): { lines: string; data: Uint8Array } {
  let lines = '';
  for (const name in event) {
    const value = event[name];
    if (value === undefined || name === 'data' || name === 'data_base64') continue;
    if (typeof value === 'function') continue; // a method of a class
    lines += `ce-${name}: ${percentEncode(canonical(value))}\r\n`;
  }
  const data = payloadOf(event, dataCodecs);
  if (data === undefined) return { lines, data: NOTHING };
  if (event.datacontenttype === undefined && isImpliedJson(event)) lines += 'ce-datacontenttype: application/json\r\n';
  if (data.length === 0) lines += EMPTY_DATA;
  return { lines, data };
}

/** Reads an event from `ce-` headers and the payload. @throws DecodeError */
export function decodeBinary(message: NatsMessage, options: BinaryModeOptions): Event {
  const { event, contentType, empty } = readAttributes(message, options);
  if (event['datacontenttype'] === undefined && contentType !== undefined) event['datacontenttype'] = contentType;
  try {
    validateEvent(event);
  } catch (cause) {
    throw new DecodeError(brokenRuleOf(cause), message.data, { cause });
  }
  if (message.data.length > 0 || empty) (event as Draft)['data'] = decodeData(event, message.data, options);
  return Object.freeze(event);
}

type Draft = Record<string, unknown>;

/** Beside data of no bytes: CloudEvents has no way to tell these from no data. */
const EMPTY_DATA = 'Content-Length: 0\r\n';
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

function canonical(value: unknown): string {
  return value instanceof Uint8Array ? encodeBase64(value) : String(value);
}

function payloadOf(event: Event, dataCodecs: readonly DataCodec[]): Uint8Array | undefined {
  return event.data_base64 === undefined ? encodeData(event, dataCodecs) : decodeBase64(event.data_base64);
}

/** The JSON format, and this package, take data without a content type for JSON, unless they are bytes. */
function isImpliedJson({ data }: Event): boolean {
  return data !== undefined && !(data instanceof Uint8Array);
}

function readAttributes({ headers, data }: NatsMessage, options: BinaryModeOptions) {
  const event: Draft = {};
  let contentType: string | undefined;
  let empty = false;
  for (const [header, value] of headers === undefined ? [] : headerEntries(headers)) {
    const name = header.toLowerCase();
    if (name === 'content-type') contentType ??= value;
    else if (name === 'content-length') empty = value === '0';
    else if (name.startsWith('ce-')) addAttribute(event, name.slice(3), value, data, options);
  }
  return { event, contentType, empty };
}

function addAttribute(event: Draft, name: string, value: string, bytes: Uint8Array, options: BinaryModeOptions): void {
  if (name === 'data' || name === 'data_base64' || name === '__proto__') {
    throw new DecodeError('data must be the payload, not a header', bytes);
  }
  if (Object.hasOwn(event, name)) throw new DecodeError('an attribute must not be given twice', bytes);
  try {
    event[name] = percentDecode(value, options);
  } catch (cause) {
    throw new DecodeError('the values of ce- headers must be percent-encoded', bytes, { cause });
  }
}

function decodeData(event: Event, bytes: Uint8Array, { dataCodecs }: BinaryModeOptions): unknown {
  const { datacontenttype, type } = event;
  if (datacontenttype === undefined || type === UNDECODABLE) return bytes;
  const mediaType = parseMediaType(datacontenttype);
  try {
    return dataCodecFor(mediaType, dataCodecs).decode(bytes, mediaType, event);
  } catch (cause) {
    throw new DecodeError(`data must be ${mediaType.essence}`, bytes, { cause });
  }
}
