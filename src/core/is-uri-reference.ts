import { isIPv6 } from 'node:net';
import { characterSet, DIGITS, LETTERS, runEnd } from './character-set.ts';

/** Tells whether a text is a URI-reference of RFC 3986. The empty one is. */
export function isUriReference(text: string): boolean {
  const colon = firstDelimiter(text);
  const scheme = text.charCodeAt(colon) === COLON;
  if (scheme && !isScheme(text, colon)) return false;
  return isHierarchy(text, scheme ? colon + 1 : 0);
}

/** Tells whether a text is a URI of RFC 3986: it has a scheme. A fragment is allowed. */
export function isUri(text: string): boolean {
  return text.charCodeAt(firstDelimiter(text)) === COLON && isUriReference(text);
}

const SCHEME_START = /* @__PURE__ */ characterSet(LETTERS);
const SCHEME = /* @__PURE__ */ characterSet(`${LETTERS}${DIGITS}+-.`);
const DECIMAL = /* @__PURE__ */ characterSet(DIGITS);
const HEX = /* @__PURE__ */ characterSet(`${DIGITS}abcdefABCDEF`);
/** What may stand unescaped after the scheme, but for `#` and brackets. */
const PLAIN = /* @__PURE__ */ characterSet(`${LETTERS}${DIGITS}-._~!$&'()*+,;=:@/?`);

const HASH = 35;
const PERCENT = 37;
const SLASH = 47;
const COLON = 58;
const QUESTION = 63;
const AT = 64;
const OPEN = 91;
const CLOSE = 93;

/** Where the first `:`, `/`, `?` or `#` is: only a `:` found so can end a scheme. */
function firstDelimiter(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON || code === SLASH || code === QUESTION || code === HASH) return i;
  }
  return text.length;
}

function isScheme(text: string, end: number): boolean {
  return SCHEME_START[text.charCodeAt(0)] === 1 && runEnd(text, 0, SCHEME) === end;
}

/** What follows the scheme: `//authority`, a path, `?query` and `#fragment`, each of which may be missing. */
function isHierarchy(text: string, start: number): boolean {
  let at = start;
  if (text.charCodeAt(at) === SLASH && text.charCodeAt(at + 1) === SLASH) {
    at = authorityEnd(text, at + 2);
    if (at < 0) return false;
  }
  let fragment = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (PLAIN[code] === 1) continue;
    if (code === PERCENT) {
      if (!isHexPair(text, at + 1)) return false;
      at += 2;
    } else if (code === HASH && !fragment) fragment = true;
    else return false;
  }
  return true;
}

/** Where an authority ends, or -1 if it is malformed: `user@host:port`, of which only the host must be there. */
function authorityEnd(text: string, start: number): number {
  let plain = true;
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === SLASH || code === QUESTION || code === HASH) break;
    if (code === PERCENT) {
      if (!isHexPair(text, end + 1)) return -1;
    } else if (code === AT || code === COLON || code === OPEN || code === CLOSE) plain = false;
    else if (PLAIN[code] !== 1) return -1;
  }
  return plain || isAuthority(text.slice(start, end)) ? end : -1;
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  return !/[@[\]]/.test(authority.slice(0, Math.max(0, at))) && isHost(authority.slice(at + 1));
}

function isHost(hostAndPort: string): boolean {
  const close = hostAndPort.indexOf(']');
  if (hostAndPort.charCodeAt(0) === OPEN) {
    return close > 0 && isIpLiteral(hostAndPort.slice(1, close)) && isPort(hostAndPort.slice(close + 1));
  }
  if (close >= 0 || hostAndPort.includes('[')) return false;
  const colon = hostAndPort.indexOf(':');
  return colon < 0 || isPort(hostAndPort.slice(colon));
}

function isIpLiteral(literal: string): boolean {
  if (literal.includes('%')) return false;
  return isIPv6(literal) || /^v[0-9a-f]+\.[^[\]/?#@%]+$/i.test(literal);
}

/** Nothing, or a colon and digits. */
function isPort(text: string): boolean {
  if (text === '') return true;
  if (text.charCodeAt(0) !== COLON) return false;
  return runEnd(text, 1, DECIMAL) === text.length;
}

function isHexPair(text: string, at: number): boolean {
  return runEnd(text.slice(at, at + 2), 0, HEX) === 2;
}
