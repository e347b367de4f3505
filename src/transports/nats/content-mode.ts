/**
 * How a message carries its event, by its headers: `unmarked` has none of a CloudEvent's, so that its payload alone can
 * tell; `broken` has `ce-` headers, and not the one that says that they are an event's; `foreign` is another format than
 * JSON.
 */
export type ContentMode = 'structured' | 'batch' | 'binary' | 'unmarked' | 'broken' | 'foreign';

/** Tells how a message carries its event, from the bytes of its header block alone: nothing is made. */
export function contentModeOf(block: Uint8Array | undefined): ContentMode {
  if (block === undefined) return 'unmarked';
  if (startsAs(block, OURS)) return 'structured';
  let mode: ContentMode = 'unmarked';
  for (let at = nextLine(block, 0); at < block.length; at = nextLine(block, at)) {
    const first = lower(block[at]);
    if (first !== C) continue;
    if (startsWith(block, at, CONTENT_TYPE)) {
      const value = blankEnd(block, at + CONTENT_TYPE.length);
      if (startsWith(block, value, CLOUD_EVENTS)) return formatAt(block, value);
    } else if (mode !== 'binary' && startsWith(block, at, CE)) {
      mode = startsWith(block, at, SPEC_VERSION) ? 'binary' : 'broken';
    }
  }
  return mode;
}

/** Tells whether a block begins as this package's binary messages do: only a content type can yet say otherwise. */
export function beginsBinary(block: Uint8Array): boolean {
  return startsAs(block, OUR_BINARY);
}

const OUR_BINARY = /* @__PURE__ */ bytesOf('NATS/1.0\r\nce-specversion:');

/** How the blocks of this package's structured messages begin, and those of many others: most need no second look. */
const OURS = /* @__PURE__ */ bytesOf('NATS/1.0\r\nContent-Type: application/cloudevents+json\r');

const C = 99;
const NEW_LINE = 10;
const TAB = 9;
const SPACE = 32;
const SEMICOLON = 59;

const CONTENT_TYPE = /* @__PURE__ */ bytesOf('content-type:');
const BATCH = /* @__PURE__ */ bytesOf('application/cloudevents-batch');
const CLOUD_EVENTS = /* @__PURE__ */ bytesOf('application/cloudevents');
const JSON_SUFFIX = /* @__PURE__ */ bytesOf('+json');
const CE = /* @__PURE__ */ bytesOf('ce-');
const SPEC_VERSION = /* @__PURE__ */ bytesOf('ce-specversion:');

function formatAt(block: Uint8Array, value: number): ContentMode {
  const batch = startsWith(block, value, BATCH);
  const suffix = value + (batch ? BATCH : CLOUD_EVENTS).length;
  const end = startsWith(block, suffix, JSON_SUFFIX) ? suffix + JSON_SUFFIX.length : suffix;
  const next = block[end] ?? SPACE;
  if (next !== SEMICOLON && next > SPACE) return 'foreign';
  return batch ? 'batch' : 'structured';
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function nextLine(block: Uint8Array, from: number): number {
  const end = block.indexOf(NEW_LINE, from);
  return end < 0 ? block.length : end + 1;
}

function blankEnd(block: Uint8Array, from: number): number {
  let at = from;
  while (block[at] === SPACE || block[at] === TAB) at++;
  return at;
}

function startsAs(block: Uint8Array, expected: Uint8Array): boolean {
  if (block.length < expected.length) return false;
  // From the end, where other blocks differ: they all begin alike.
  for (let i = expected.length - 1; i >= 0; i--) if (block[i] !== expected[i]) return false;
  return true;
}

/** Whether lower-case ASCII stands at a place, in either case. */
function startsWith(block: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (lower(block[at + i]) !== expected[i]) return false;
  return true;
}

function lower(code = 0): number {
  return code >= 65 && code <= 90 ? code | 32 : code;
}
