import { percentDecode } from '../../core/percent.ts';
import { decodeUtf8 } from '../../core/utf8.ts';

/** What the headers of a message in binary mode say. */
export interface AttributeHeaders {
  /** The attributes, not yet known to be valid. */
  readonly attributes: Attributes;
  readonly contentType: string | undefined;
  /** Whether a payload of no bytes is data of no bytes. */
  readonly emptyData: boolean;
  /** Which rule the headers break. */
  readonly fault: string | undefined;
}

/** Attributes by name. */
export type Attributes = { [name: string]: string };

/**
 * Reads the attributes in a header block; names in any case.
 *
 * The content type is `ce-datacontenttype`, or else `Content-Type`, which some peers write instead.
 */
export function readAttributes(block: Uint8Array, lenient: boolean): AttributeHeaders {
  const text = decoder.decode(block);
  const encoded = text.includes('%') || text.includes('"');
  const common: (string | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined];
  const others: Attributes = {};
  let contentType: string | undefined;
  let emptyData = false;
  let fault = text.includes('\ufffd') && !isUtf8(block) ? 'headers must be UTF-8' : undefined;

  function add(index: number, name: string, raw: string): void {
    if (name === 'data' || name === 'data_base64' || name === '__proto__') fault ??= 'data must be the payload';
    else if (index < 0 ? Object.hasOwn(others, name) : common[index] !== undefined)
      fault ??= 'no attribute may come twice';
    const value = encoded ? decode(raw, lenient) : raw;
    if (value === undefined) fault ??= 'the values of ce- headers must be percent-encoded';
    else if (index < 0) others[name] = value;
    else common[index] = value;
  }

  for (let start = text.indexOf('\n') + 1, end = 0; start > 0 && start < text.length; start = end + 1) {
    end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if ((text.charCodeAt(start) | LOWER) !== C) continue; // neither ce- nor Content-
    const colon = text.indexOf(':', start);
    if (colon < 0 || colon > end) continue;
    const value = valueAt(text, colon + 1, end);
    if ((text.charCodeAt(start + 1) | LOWER) === E && text.charCodeAt(start + 2) === MINUS) {
      const index = commonAt(text, start + 3, colon);
      const name =
        index < 0
          ? text
              .slice(start + 3, colon)
              .trimEnd()
              .toLowerCase()
          : '';
      add(index < 0 ? COMMON.indexOf(name) : index, name, value);
    } else {
      const name = text.slice(start, colon).trimEnd().toLowerCase();
      if (name === 'content-type') contentType ??= value;
      else if (name === 'content-length') emptyData = value === '0';
    }
  }
  return { attributes: gather(common, others, contentType), contentType, emptyData, fault };
}

const LOWER = 32;
const SPACE = 32;
const CARRIAGE_RETURN = 13;
const MINUS = 45;
const C = 99;
const E = 101;

const decoder = /* @__PURE__ */ new TextDecoder();

/** The names that nearly every message has: to compare a place in the text with one is quicker than to cut it out. */
const COMMON: readonly string[] = ['specversion', 'id', 'source', 'type', 'time', 'subject', 'datacontenttype'];

function commonAt(text: string, start: number, end: number): number {
  const length = end - start;
  for (let i = 0; i < COMMON.length; i++) {
    const name = COMMON[i] as string;
    if (name.length === length && text.startsWith(name, start)) return i;
  }
  return -1;
}

/** Puts attributes together in one order, so that nearly all events have the same shape. */
function gather(
  common: readonly (string | undefined)[],
  others: Attributes,
  contentType: string | undefined,
): Attributes {
  const [specversion, id, source, type, time, subject, datacontenttype = contentType] = common;
  const attributes = { specversion, id, source, type } as Attributes; // what is missing, validation will find
  if (time !== undefined) attributes['time'] = time;
  if (subject !== undefined) attributes['subject'] = subject;
  if (datacontenttype !== undefined) attributes['datacontenttype'] = datacontenttype;
  for (const name in others) attributes[name] = others[name] as string;
  return attributes;
}

function isUtf8(block: Uint8Array): boolean {
  try {
    decodeUtf8(block);
    return true;
  } catch {
    return false;
  }
}

function decode(value: string, lenient: boolean): string | undefined {
  try {
    return percentDecode(value, { lenient });
  } catch {
    return undefined;
  }
}

/** The value between a colon and the end of its line, without the space around it. */
function valueAt(text: string, from: number, lineEnd: number): string {
  const start = text.charCodeAt(from) === SPACE ? from + 1 : from;
  const end = text.charCodeAt(lineEnd - 1) === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
  const value = text.slice(start, end);
  return text.charCodeAt(start) > SPACE && text.charCodeAt(end - 1) > SPACE ? value : value.trim();
}
