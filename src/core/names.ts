import { InvalidAddressError, InvalidNameError } from './errors.ts';

/** Options for {@link validateAddress}. */
export interface AddressOptions {
  /** Whether `*` (one token) and a last `>` (one or more tokens) may stand in it. @defaultValue `false` */
  readonly wildcards?: boolean;
}

const DOT = 46;
const STAR = 42;
const MORE = 62;

/**
 * Throws an {@link InvalidNameError} unless `name` can name a stream or a consumer on every broker: letters and digits
 * of ASCII, `_` and `-`.
 *
 * @param field - What the name is for: `stream`, `consumer`, `queue`.
 */
export function validateName(field: string, name: string): void {
  if (typeof name !== 'string') throw new InvalidNameError(field, 'it must be a string');
  if (name === '') throw new InvalidNameError(field, 'it must not be empty');
  for (let i = 0; i < name.length; i++) {
    if (isNameCode(name.charCodeAt(i))) continue;
    throw new InvalidNameError(field, "it may hold a-z, A-Z, 0-9, '_' and '-' only");
  }
}

/**
 * Throws an {@link InvalidAddressError} unless `address` is one or more tokens separated by dots.
 *
 * A token holds letters and digits of ASCII and `_ - $ = : @`. That leaves out what NATS would take but other brokers,
 * paths and percent-encoding would not: `/`, `%`, `+`, `#`, and everything outside ASCII.
 */
export function validateAddress(address: string, options?: AddressOptions): void {
  const rule = brokenRule(address, options?.wildcards === true);
  if (rule !== undefined) throw new InvalidAddressError(String(address), rule);
}

/** Tells whether {@link validateAddress} would let an address pass. */
export function isValidAddress(address: string, options?: AddressOptions): boolean {
  return brokenRule(address, options?.wildcards === true) === undefined;
}

/**
 * Makes a function that tells whether an address matches `pattern`: token by token, `*` for any one, a last `>` for one
 * or more.
 *
 * The pattern is looked at once, here; the function allocates nothing.
 *
 * @throws InvalidAddressError when the pattern is malformed.
 */
export function addressMatcher(pattern: string): (address: string) => boolean {
  validateAddress(pattern, { wildcards: true });

  const star = pattern.indexOf('*');
  const more = pattern.indexOf('>');
  if (star < 0 && more < 0) return (address) => address === pattern;
  if (star >= 0) return (address) => matchesAddress(pattern, address);

  const prefix = pattern.slice(0, more);
  return (address) => address.length > more && address.startsWith(prefix);
}

/** Tells whether an address matches a pattern; both are taken to be valid. See {@link addressMatcher} for the hot path. */
export function matchesAddress(pattern: string, address: string): boolean {
  let p = 0;
  let a = 0;
  while (p < pattern.length && a < address.length) {
    const code = pattern.charCodeAt(p);
    if (code === MORE) return true;
    if (code === STAR) {
      p += 1;
      a = tokenEnd(address, a);
    } else {
      const end = tokenEnd(pattern, p);
      for (; p < end; p++, a++) {
        if (pattern.charCodeAt(p) !== address.charCodeAt(a)) return false;
      }
    }
    if (p === pattern.length || a === address.length) return p === pattern.length && a === address.length;
    if (address.charCodeAt(a) !== DOT) return false;
    p += 1;
    a += 1;
  }
  return false;
}

/** Tells whether some address matches both patterns; both are taken to be valid. */
export function overlaps(patternA: string, patternB: string): boolean {
  const as = patternA.split('.');
  const bs = patternB.split('.');
  const shared = Math.min(as.length, bs.length);
  for (let i = 0; i < shared; i++) {
    const a = as[i];
    const b = bs[i];
    if (a === '>' || b === '>') return true;
    if (a !== b && a !== '*' && b !== '*') return false;
  }
  return as.length === bs.length;
}

/** Tells whether every address that matches `pattern` also matches `of`; both are taken to be valid. */
export function isSubset(pattern: string, of: string): boolean {
  const inner = pattern.split('.');
  const outer = of.split('.');
  const shared = Math.min(inner.length, outer.length);
  for (let i = 0; i < shared; i++) {
    if (outer[i] === '>') return true;
    if (inner[i] === '>') return false;
    if (outer[i] !== '*' && outer[i] !== inner[i]) return false;
  }
  return inner.length === outer.length;
}

function brokenRule(address: string, wildcards: boolean): string | undefined {
  if (typeof address !== 'string') return 'it must be a string';
  if (address === '') return 'it must not be empty';
  for (let start = 0; ; ) {
    const end = tokenEnd(address, start);
    const rule = brokenTokenRule(address, start, end, wildcards);
    if (rule !== undefined || end === address.length) return rule;
    start = end + 1;
  }
}

function brokenTokenRule(address: string, start: number, end: number, wildcards: boolean): string | undefined {
  if (start === end) return 'a token between dots must not be empty';
  for (let i = start; i < end; i++) {
    const code = address.charCodeAt(i);
    if (isTokenCode(code)) continue;
    if (code !== STAR && code !== MORE) return "a token may hold a-z, A-Z, 0-9 and '_-$=:@' only";
    if (!wildcards) return 'wildcards are not allowed here';
    if (end - start > 1) return 'a wildcard must be a whole token';
    if (code === MORE && end < address.length) return "'>' must be the last token";
  }
  return undefined;
}

function tokenEnd(address: string, start: number): number {
  let i = start;
  while (i < address.length && address.charCodeAt(i) !== DOT) i++;
  return i;
}

/** a-z, A-Z, 0-9, `_`, `-` */
function isNameCode(code: number): boolean {
  const letter = code | 32;
  return (letter >= 97 && letter <= 122) || (code >= 48 && code <= 57) || code === 95 || code === 45;
}

/** Those of a name, and `$`, `=`, `:`, `@` */
function isTokenCode(code: number): boolean {
  return isNameCode(code) || code === 36 || code === 61 || code === 58 || code === 64;
}
