import type { StartPosition } from './transport.ts';

/** Checks a start position. */
export function checkStart(from: StartPosition): void {
  if (from === 'all' || from === 'new' || from === 'last') return;
  if (typeof from === 'object' && from !== null) {
    if ('sequence' in from && 'time' in from) throw new TypeError("'from' has both 'sequence' and 'time'; give one");
    if ('sequence' in from) return wholeNumber('from.sequence', from.sequence);
    if ('time' in from && !Number.isNaN(new Date(from.time).getTime())) return;
  }
  throw new TypeError(`'from' must be 'all', 'new', 'last', { sequence } or { time }, not ${JSON.stringify(from)}`);
}

/** Checks that an option is an integer of at least 1, or Infinity. */
export function wholeNumber(field: string, value: number): void {
  if (!(value >= 1) || (value !== Number.POSITIVE_INFINITY && !Number.isInteger(value))) {
    throw new RangeError(`'${field}' must be a whole number of at least 1, not ${value}`);
  }
}

/** Checks that an option is a number that is not negative. */
export function atLeast0(field: string, value: number): void {
  if (!(value >= 0)) throw new RangeError(`'${field}' must be a number of at least 0, not ${value}`);
}

/** Checks that an option is one of a few words. */
export function oneOf(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new TypeError(`'${field}' must be one of ${allowed.join(', ')}, not '${value}'`);
}
