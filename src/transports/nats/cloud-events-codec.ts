import type { DataCodec } from '../../core/data-codec.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { jsonOfEvent } from '../../core/json-encoding.ts';
import { decodeJsonBatch, decodeJsonEvent, encodeJsonEvent, type JsonFormatOptions } from '../../core/json-format.ts';
import { encodeUtf8 } from '../../core/utf8.ts';
import { validateEvent } from '../../core/validate-event.ts';
import { readAttributes } from './attribute-headers.ts';
import { decodeBinary, encodeBinary } from './binary-mode.ts';
import { beginsBinary, contentModeOf } from './content-mode.ts';
import { decodeHeaders, HEADER_VERSION, headerEntries, headerLine } from './headers.ts';
import type { NatsCodec, NatsMessage, TextMessage } from './nats-codec.ts';

export type { NatsCodec, NatsMessage } from './nats-codec.ts';

/** Options for {@link cloudEventsCodec}. */
export interface CloudEventsCodecOptions {
  /** How events are written: whole as JSON, or as headers and bare data. Both are read. @defaultValue `'structured'` */
  readonly mode?: 'structured' | 'binary';
  /** Codecs for data, before the built-in ones: the first that handles the content type is used. @defaultValue none */
  readonly dataCodecs?: readonly DataCodec[];
  /** Keeps malformed percent-encoding as it is: Go and Java peers write `%` and quotes bare. @defaultValue `false` */
  readonly lenient?: boolean;
  /** Takes messages that hold any number of events, which the NATS binding does not know. @defaultValue `false` */
  readonly batch?: boolean;
}

/** A message as the `nats` clients hand it out, with headers taken apart: a `Msg` or a `JsMsg`. */
export interface ReceivedMessage {
  readonly headers?: Iterable<readonly [name: string, values: string | readonly string[]]> | undefined;
  readonly data: Uint8Array;
}

/**
 * Makes the codec of CloudEvents over NATS.
 *
 * What is read: structured mode by its content type; binary mode by a `ce-specversion` header, with `ce-datacontenttype`
 * or else `Content-Type`; and JSON without any `ce-` header, as the released binding and Go peers write it. Everything
 * else is a `DecodeError`.
 *
 * @see https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md
 */
export function cloudEventsCodec(options: CloudEventsCodecOptions = {}): NatsCodec {
  const { mode = 'structured', dataCodecs = [], lenient = false, batch = false } = options;
  const format = { dataCodecs };

  function read({ headers, data }: NatsMessage): Event {
    if (headers !== undefined && beginsBinary(headers)) {
      const said = readAttributes(headers, lenient);
      if (!isCloudEvents(said.contentType)) return decodeBinary(said, data, dataCodecs);
    }
    switch (contentModeOf(headers)) {
      case 'structured':
        return decodeJsonEvent(data, format);
      case 'binary':
        return decodeBinary(readAttributes(headers as Uint8Array, lenient), data, dataCodecs);
      case 'unmarked':
        return decodeUnmarked(data, format);
      case 'batch':
        throw new DecodeError('it must be one event, not a batch', data);
      case 'foreign':
        throw new DecodeError('the event must be in the JSON format', data);
      case 'broken':
        throw new DecodeError('ce- headers must have a ce-specversion', data);
    }
  }

  function decode(message: NatsMessage): Event {
    try {
      return read(message);
    } catch (error) {
      throw withContentType(error, message.headers);
    }
  }

  function encodeText(event: Event, headers: MessageHeaders | undefined): TextMessage {
    return { headers: structuredText(headers), data: jsonOfEvent(event, dataCodecs) };
  }

  return {
    ...(mode === 'structured' && { encodeText }),
    encode(event, headers) {
      if (mode === 'structured') return { headers: structuredBlock(headers), data: encodeJsonEvent(event, format) };
      const { lines, data } = encodeBinary(event, dataCodecs);
      return { headers: encodeUtf8(`${HEADER_VERSION}${lines}${linesBeside(headers)}\r\n`), data };
    },
    decode,
    decodeBatch(message) {
      if (!batch || contentModeOf(message.headers) !== 'batch') return [decode(message)];
      try {
        return decodeJsonBatch(message.data, format);
      } catch (error) {
        throw withContentType(error, message.headers);
      }
    },
    headersOf: ({ headers }) => headersBeside(headers),
  };
}

/**
 * Reads the event of a message, also of one that a `nats` client handed out.
 *
 * @example
 * ```ts
 * for await (const message of connection.subscribe('orders.>')) console.log(toEvent(message).type);
 * ```
 *
 * @throws DecodeError
 */
export function toEvent(message: NatsMessage | ReceivedMessage, options?: CloudEventsCodecOptions): Event {
  const { headers, data } = message;
  const codec = cloudEventsCodec(options);
  if (headers === undefined || headers instanceof Uint8Array) return codec.decode({ headers, data });
  return codec.decode({ headers: blockOf(headers), data });
}

/** Options for {@link toMessage}. */
export interface ToMessageOptions extends CloudEventsCodecOptions {
  /** What travels beside the event. @defaultValue none */
  readonly headers?: MessageHeaders;
}

/** Checks that an event is valid, and writes it as a message. @throws InvalidEventError */
export function toMessage(event: Event, options: ToMessageOptions = {}): NatsMessage {
  validateEvent(event);
  return cloudEventsCodec(options).encode(event, options.headers);
}

const STRUCTURED_LINES = `${HEADER_VERSION}Content-Type: application/cloudevents+json\r\n`;
/** Shared by all messages that have no headers but this. */
const STRUCTURED_TEXT = `${STRUCTURED_LINES}\r\n`;
const STRUCTURED_BLOCK = /* @__PURE__ */ encodeUtf8(STRUCTURED_TEXT);

/** Where there are no headers, these are handed out. */
const NO_HEADERS: MessageHeaders = /* @__PURE__ */ Object.freeze({});

function structuredBlock(headers: MessageHeaders | undefined): Uint8Array {
  const text = structuredText(headers);
  return text === STRUCTURED_TEXT ? STRUCTURED_BLOCK : encodeUtf8(text);
}

function structuredText(headers: MessageHeaders | undefined): string {
  const lines = linesBeside(headers);
  return lines === '' ? STRUCTURED_TEXT : `${STRUCTURED_LINES}${lines}\r\n`;
}

function linesBeside(headers: MessageHeaders | undefined): string {
  let lines = '';
  for (const name in headers) {
    if (!belongsToCodec(name)) lines += headerLine(name, headers[name] as string);
  }
  return lines;
}

function headersBeside(block: Uint8Array | undefined): MessageHeaders {
  if (block === undefined || isStructuredBlock(block)) return NO_HEADERS;
  const headers = { ...decodeHeaders(block) };
  for (const name of Object.keys(headers)) if (belongsToCodec(name)) delete headers[name];
  return headers;
}

function isStructuredBlock(block: Uint8Array): boolean {
  return block.length === STRUCTURED_BLOCK.length && contentModeOf(block) === 'structured';
}

function belongsToCodec(name: string): boolean {
  const first = name.charCodeAt(0) | 32;
  if (first !== 99) return false;
  const lower = name.toLowerCase();
  return lower.startsWith('ce-') || lower === 'content-type' || lower === 'content-length';
}

function decodeUnmarked(data: Uint8Array, format: JsonFormatOptions): Event {
  try {
    return decodeJsonEvent(data, format);
  } catch (cause) {
    throw new DecodeError('it must have CloudEvents headers, or be an event in JSON', data, { cause });
  }
}

function isCloudEvents(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/cloudevents/i.test(contentType);
}

/** Adds what is looked up for failures only. */
function withContentType(error: unknown, block: Uint8Array | undefined): unknown {
  if (!(error instanceof DecodeError) || block === undefined) return error;
  const entries = headerEntries(block).map(([name, value]) => [name.toLowerCase(), value] as const);
  const [, contentType] =
    entries.find(([name]) => name === 'content-type') ?? entries.find(([name]) => name === 'ce-datacontenttype') ?? [];
  if (contentType === undefined) return error;
  return new DecodeError(error.rule, error.bytes, { contentType, cause: error.cause });
}

function blockOf(headers: NonNullable<ReceivedMessage['headers']>): Uint8Array {
  let block = HEADER_VERSION;
  for (const [name, values] of headers) {
    for (const value of typeof values === 'string' ? [values] : values) block += headerLine(name, value);
  }
  return encodeUtf8(`${block}\r\n`);
}
