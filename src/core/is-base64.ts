import { characterSet, DIGITS, LETTERS, runEnd } from './character-set.ts';

/** Tells whether a text is base64 of RFC 4648, with its padding. */
export function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  let end = text.length;
  if (text.charCodeAt(end - 1) === EQUALS) end -= 1;
  if (text.charCodeAt(end - 1) === EQUALS) end -= 1;
  return runEnd(text, 0, BASE_64) === end;
}

const BASE_64 = /* @__PURE__ */ characterSet(`${LETTERS}${DIGITS}+/`);

const EQUALS = 61;
