import { characterSet, DIGITS, LETTERS, runEnd } from './character-set.ts';

/** Tells whether a text is a media type of RFC 2046: `type/subtype`, then any number of `; name=value`. */
export function isMediaType(text: string): boolean {
  if (text === 'application/json') return true;
  const slash = runEnd(text, 0, TOKEN);
  if (slash === 0 || text.charCodeAt(slash) !== SLASH) return false;
  let at = runEnd(text, slash + 1, TOKEN);
  if (at === slash + 1) return false;
  while (at < text.length) {
    at = parameterEnd(text, at);
    if (at < 0) return false;
  }
  return true;
}

const TOKEN = /* @__PURE__ */ characterSet(`${LETTERS}${DIGITS}!#$%&'*+-.^_\`{|}~`);

const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const SLASH = 47;
const SEMICOLON = 59;
const EQUALS = 61;
const BACKSLASH = 92;

/** Where a media type's parameter that starts here ends, or -1 if it is malformed. */
function parameterEnd(text: string, start: number): number {
  const semicolon = blankEnd(text, start);
  if (text.charCodeAt(semicolon) !== SEMICOLON) return -1;
  const name = blankEnd(text, semicolon + 1);
  const equals = runEnd(text, name, TOKEN);
  if (equals === name || text.charCodeAt(equals) !== EQUALS) return -1;
  if (text.charCodeAt(equals + 1) === QUOTE) return quotedEnd(text, equals + 2);
  const end = runEnd(text, equals + 1, TOKEN);
  return end === equals + 1 ? -1 : end;
}

function blankEnd(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
  return at;
}

/** Where a quoted string ends whose opening quote has been read, or -1 if it does not. */
function quotedEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at += 1;
    if (!isQuotable(text.charCodeAt(at))) return -1;
  }
  return -1;
}

function isQuotable(code: number): boolean {
  return (code >= SPACE && code <= 0x7e) || code === TAB;
}
