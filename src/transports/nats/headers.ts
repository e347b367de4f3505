import { characterSet, runEnd } from '../../core/character-set.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { encodeUtf8 } from '../../core/utf8.ts';

/** What a server says with a message that has no payload, such as 503: nobody listens. */
export interface HeaderStatus {
  readonly code: number;
  /** Empty where the server says no more than the code. */
  readonly description: string;
}

/** The first line of every header block, without a status. */
export const HEADER_VERSION = 'NATS/1.0\r\n';

/**
 * Writes headers as the block that travels before a payload: UTF-8, names as they are given.
 *
 * @throws TypeError when a name is not one of printable ASCII without a colon, or when a value holds a line break.
 * @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-4.md
 */
export function encodeHeaders(headers: MessageHeaders): Uint8Array {
  let block = HEADER_VERSION;
  for (const name in headers) block += headerLine(name, headers[name] as string);
  return encodeUtf8(`${block}\r\n`);
}

/** Writes one header with its line end. @throws TypeError when it would be malformed. */
export function headerLine(name: string, value: string): string {
  if (name === '' || runEnd(name, 0, NAME) !== name.length) {
    throw new TypeError("The name of a header must be printable ASCII without spaces and ':'");
  }
  if (value.includes('\n') || value.includes('\r'))
    throw new TypeError(`The value of header '${name}' has a line break`);
  return `${name}: ${value}\r\n`;
}

/**
 * Reads a header block. Names keep their case, values lose the space around them.
 *
 * The values of a name that is repeated are joined by `, `, as HTTP does. What is not UTF-8 becomes U+FFFD; a line without
 * a name, and a status, is no header.
 */
export function decodeHeaders(block: Uint8Array): MessageHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of headerEntries(block)) {
    const joined = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
    if (name !== '__proto__') headers[name] = joined;
    else Object.defineProperty(headers, name, { value: joined, enumerable: true, configurable: true, writable: true });
  }
  return headers;
}

/** Returns the headers of a block one by one, repeated ones too. */
export function headerEntries(block: Uint8Array): readonly (readonly [name: string, value: string])[] {
  const entries: [string, string][] = [];
  const text = decoder.decode(block);
  if (!text.startsWith(VERSION)) return entries;
  let start = text.indexOf('\n') + 1;
  while (start > 0 && start < text.length) {
    const next = text.indexOf('\n', start);
    const end = next < 0 ? text.length : next;
    const colon = text.indexOf(':', start);
    if (colon > start && colon < end) entries.push([text.slice(start, colon), text.slice(colon + 1, end).trim()]);
    start = next + 1;
  }
  return entries;
}

/** Returns the status of a block that has one, such as `NATS/1.0 409 Consumer Deleted`. */
export function statusOf(block: Uint8Array): HeaderStatus | undefined {
  if (block[VERSION.length] !== SPACE) return undefined; // every message of a person ends the line here
  const text = decoder.decode(block);
  const match = STATUS.exec(text);
  return match === null ? undefined : { code: Number(match[1]), description: (match[2] ?? '').trim() };
}

const VERSION = 'NATS/1.0';
const STATUS = /^NATS\/1\.0 +(\d{3})(?!\d)([^\r\n]*)/;
const SPACE = 32;

const decoder = /* @__PURE__ */ new TextDecoder();

/** `!` to `~`, but for the colon. */
const NAME = /* @__PURE__ */ characterSet(
  Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
    .join('')
    .replace(':', ''),
);
