// The messages of sessions. Their JSON is that of bacalhau's streams, with fields and types beside it that such peers
// ignore: docs/wire-formats.md has all of it.
import { decodeBase64, encodeBase64 } from '../../core/base64.ts';
import { DecodeError } from '../../core/errors.ts';
import { isBase64 } from '../../core/is-base64.ts';
import { decodeUtf8 } from '../../core/utf8.ts';

/** Asks for a session. */
export interface OpenFrame {
  /** What the consumer's addresses begin with, with the last dot. */
  readonly consumer: string;
  readonly stream: string;
  /** Where the consumer answers heartbeats. */
  readonly heartbeats: string;
  readonly body: Uint8Array;
  /** Up to which number values may be sent; undefined for a peer that knows of no credit, nor of what else follows. */
  readonly credit: number | undefined;
  /** After which number to go on. */
  readonly offset: number;
  /** Whether the consumer has values to send, too. */
  readonly channel: boolean;
}

/** What travels in a session, in either direction. */
export type Frame =
  /** `seq` is undefined from a peer that does not count. */
  | { readonly kind: 'data'; readonly data: Uint8Array; readonly seq: number | undefined }
  /** Nothing follows; `seq` is the number of the last value. */
  | { readonly kind: 'close'; readonly code: number; readonly text: string; readonly seq: number | undefined }
  /** The session is open: where the consumer's side of it goes to, and how often the producer beats. */
  | {
      readonly kind: 'accept';
      readonly control: string;
      readonly interval: number;
      readonly credit: number;
    }
  | { readonly kind: 'credit'; readonly upTo: number }
  /** The consumer wants no more. */
  | { readonly kind: 'cancel'; readonly code: number; readonly text: string }
  /** Of a later version: to be ignored. */
  | { readonly kind: 'unknown' };

/** A producer's sessions with one consumer. */
export interface HeartbeatFrame {
  /** Ids by the address that they were opened at. */
  readonly active: Readonly<Record<string, readonly string[]>>;
  /** How many values were sent, of sessions that were not idle since the last beat. */
  readonly sent: Readonly<Record<string, number>>;
}

/** A consumer's answer. */
export interface HeartbeatAnswer {
  /** Which of them it does not have, by their address. */
  readonly inactive: Readonly<Record<string, readonly string[]>>;
  /** The credit of those that were not idle. */
  readonly credits: Readonly<Record<string, number>>;
}

type Fields = { readonly [field: string]: unknown };

const NOTHING = /* @__PURE__ */ new Uint8Array(0);

export function encodeOpen(frame: OpenFrame): string {
  const { consumer, stream, heartbeats, body, credit, offset, channel } = frame;
  return JSON.stringify({
    consumerId: consumer,
    streamId: stream,
    heartBeatRequestSub: heartbeats,
    body: encodeBase64(body),
    ...(credit !== undefined && { credit }),
    ...(offset > 0 && { offset }),
    ...(channel && { channel }),
  });
}

/** @throws DecodeError */
export function decodeOpen(bytes: Uint8Array): OpenFrame {
  const fields = parse(bytes);
  const { credit, offset = 0, channel = false } = fields;
  return {
    consumer: text(fields, 'consumerId', bytes),
    stream: text(fields, 'streamId', bytes),
    heartbeats: text(fields, 'heartBeatRequestSub', bytes),
    body: base64(fields, 'body', bytes),
    credit: credit === undefined ? undefined : count(credit, 'credit', bytes),
    offset: count(offset, 'offset', bytes),
    channel: channel === true,
  };
}

export function encodeData(data: Uint8Array, seq: number | undefined): string {
  const value = data.length === 0 ? '' : `,"data":"${encodeBase64(data)}"`;
  return seq === undefined ? `{"type":1${value}}` : `{"type":1${value},"seq":${seq}}`;
}

export function encodeClose(code: number, closeText: string, seq: number | undefined): string {
  return JSON.stringify({ type: 2, closeError: { Code: code, Text: closeText }, ...(seq !== undefined && { seq }) });
}

export function encodeAccept(control: string, interval: number, credit: number): string {
  return JSON.stringify({ type: 3, accept: { control, interval, ...(credit > 0 && { credit }) } });
}

export function encodeCredit(upTo: number): string {
  return `{"type":4,"credit":${upTo}}`;
}

export function encodeCancel(code: number, cancelText: string): string {
  return JSON.stringify({ type: 5, closeError: { Code: code, Text: cancelText } });
}

/** @throws DecodeError */
export function decodeFrame(bytes: Uint8Array): Frame {
  const fields = parse(bytes);
  switch (fields['type']) {
    case 1:
      return { kind: 'data', data: base64(fields, 'data', bytes), seq: sequence(fields, bytes) };
    case 2:
      return { kind: 'close', ...closeOf(fields, bytes), seq: sequence(fields, bytes) };
    case 3: {
      const accept = object(fields, 'accept', bytes);
      const { interval, credit = 0 } = accept;
      return {
        kind: 'accept',
        control: text(accept, 'control', bytes),
        interval: count(interval, 'accept.interval', bytes),
        credit: count(credit, 'accept.credit', bytes),
      };
    }
    case 4:
      return { kind: 'credit', upTo: count(fields['credit'], 'credit', bytes) };
    case 5:
      return { kind: 'cancel', ...closeOf(fields, bytes) };
    default:
      return { kind: 'unknown' };
  }
}

export function encodeHeartbeat({ active, sent }: HeartbeatFrame): string {
  return JSON.stringify({ ActiveStreamIds: active, ...(!isEmpty(sent) && { Sent: sent }) });
}

/** @throws DecodeError */
export function decodeHeartbeat(bytes: Uint8Array): HeartbeatFrame {
  const { ActiveStreamIds: active, Sent: sent } = parse(bytes);
  return {
    active: lists(active, 'ActiveStreamIds', bytes),
    sent: counts(sent, 'Sent', bytes),
  };
}

export function encodeHeartbeatAnswer({ inactive, credits }: HeartbeatAnswer): string {
  return JSON.stringify({
    ...(!isEmpty(inactive) && { NonActiveStreamIds: inactive }),
    ...(!isEmpty(credits) && { Credits: credits }),
  });
}

/** @throws DecodeError */
export function decodeHeartbeatAnswer(bytes: Uint8Array): HeartbeatAnswer {
  const { NonActiveStreamIds: inactive, Credits: credits } = parse(bytes);
  return {
    inactive: lists(inactive, 'NonActiveStreamIds', bytes),
    credits: counts(credits, 'Credits', bytes),
  };
}

function parse(bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes));
  } catch (cause) {
    throw new DecodeError('a message of a session must be JSON in UTF-8', bytes, { cause });
  }
  if (isObject(value)) return value;
  throw new DecodeError('a message of a session must be a JSON object', bytes);
}

function closeOf(fields: Fields, bytes: Uint8Array): { readonly code: number; readonly text: string } {
  const { Code: code, Text: closeText = '' } = object(fields, 'closeError', bytes);
  if (typeof code !== 'number' || !Number.isInteger(code))
    throw new DecodeError("'closeError.Code' must be a whole number", bytes);
  return { code, text: String(closeText) };
}

function sequence({ seq }: Fields, bytes: Uint8Array): number | undefined {
  return seq === undefined ? undefined : count(seq, 'seq', bytes);
}

function count(value: unknown, field: string, bytes: Uint8Array): number {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) return value;
  throw new DecodeError(`'${field}' must be a whole number of at least 0`, bytes);
}

function text(fields: Fields, field: string, bytes: Uint8Array): string {
  const value = fields[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new DecodeError(`'${field}' must be a non-empty string`, bytes);
}

/** Go writes no bytes as nothing, or as null. */
function base64(fields: Fields, field: string, bytes: Uint8Array): Uint8Array {
  const value = fields[field];
  if (value === undefined || value === null || value === '') return NOTHING;
  if (typeof value === 'string' && isBase64(value)) return decodeBase64(value);
  throw new DecodeError(`'${field}' must be base64`, bytes);
}

function object(fields: Fields, field: string, bytes: Uint8Array): Fields {
  const value = fields[field];
  if (isObject(value)) return value;
  throw new DecodeError(`'${field}' must be an object`, bytes);
}

/** Go writes a map without entries as null. */
function lists(value: unknown, field: string, bytes: Uint8Array): Readonly<Record<string, readonly string[]>> {
  const given = value ?? {};
  if (isObject(given) && Object.values(given).every((ids) => ids === null || Array.isArray(ids)))
    return Object.fromEntries(Object.entries(given).map(([address, ids]) => [address, (ids ?? []) as string[]]));
  throw new DecodeError(`'${field}' must be an object of lists`, bytes);
}

function counts(value: unknown, field: string, bytes: Uint8Array): Readonly<Record<string, number>> {
  const given = value ?? {};
  if (isObject(given) && Object.values(given).every((each) => typeof each === 'number'))
    return given as Readonly<Record<string, number>>;
  throw new DecodeError(`'${field}' must be an object of numbers`, bytes);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}
