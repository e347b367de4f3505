import { oneOf, wholeNumber } from '../../core/check-options.ts';
import type { Feature } from './api-level.ts';
import { checkTime, isoOf, NANOS, timeOf } from './nanos.ts';
import type { WireConfig, WireField } from './wire-field.ts';

/** A kind of field, on the entry of that key; with what the server must be able to do for it. */
type Kind<T> = (key: string, needs?: Feature) => WireField<T>;

/** The longest time that JetStream can be told, in ms. */
const LONGEST = 9_223_372_036_854;

/** A duration in ms; `Infinity` is written as 0. */
export const duration: Kind<number> = (key, needs) => ({
  check: checkDuration,
  write: (value) => ({ [key]: nanosOf(value) }),
  read: (wire) => durationIn(wire[key]),
  ...needed(needs),
});

/** A number of at least 1; `Infinity` is written as -1. */
export const limit: Kind<number> = (key, needs) => limitOr(-1, key, needs);

/** A number of at least 1; `Infinity` is written as 0. */
export const limitOrZero: Kind<number> = (key, needs) => limitOr(0, key, needs);

/** A number of at least 1, and finite. */
export const count: Kind<number> = (key, needs) => ({
  check(field, value) {
    wholeNumber(field, value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`'${field}' must be finite`);
  },
  write: (value) => ({ [key]: value }),
  read: (wire) => (typeof wire[key] === 'number' && wire[key] > 0 ? wire[key] : undefined),
  ...needed(needs),
});

export const flag: Kind<boolean> = (key, needs) => ({
  check(field, value) {
    if (typeof value !== 'boolean') throw new TypeError(`'${field}' must be true or false`);
  },
  write: (value) => ({ [key]: value }),
  read: (wire) => wire[key] === true,
  ...needed(needs),
});

/** A text; the empty one is none. */
export const text: Kind<string> = (key, needs) => ({
  check: checkText,
  write: (value) => ({ [key]: value === '' ? undefined : value }),
  read: (wire) => textIn(wire[key]),
  ...needed(needs),
});

/** A point in time: a Date, its ISO 8601 text, or ms since the epoch; read as the last. */
export const moment: Kind<Date | string | number> = (key, needs) => ({
  check: checkTime,
  write: (value) => ({ [key]: isoOf(value) }),
  read: (wire) => timeOf(wire[key]),
  ...needed(needs),
});

/** Texts by name; those that the server adds are none of ours. */
export const labels: Kind<Readonly<Record<string, string>>> = (key, needs) => ({
  check(field, value) {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
    if (entries?.every(([name, text]) => typeof text === 'string' && !isServers(name)) !== true)
      throw new TypeError(`'${field}' must be an object of texts, none of them named _nats.…`);
  },
  write: (value) => ({ [key]: value }),
  read(wire) {
    const ours = Object.entries(wireIn(wire[key])).filter(([name]) => !isServers(name));
    return ours.length === 0 ? undefined : (Object.fromEntries(ours) as Record<string, string>);
  },
  ...needed(needs),
});

/** One of a few words; the first one is what an absent one stands for, and needs nothing of the server. */
export function choice<T extends string>(key: string, words: readonly [T, ...T[]], needs?: Feature): WireField<T> {
  return {
    check: (field, value) => oneOf(field, value, words),
    write: (value) => ({ [key]: value }),
    read: (wire) => words.find((word) => word === wire[key]) ?? words[0],
    ...needed(needs),
  };
}

function needed(needs: Feature | undefined): { needs?: () => Feature } {
  return needs === undefined ? {} : { needs: () => needs };
}

export function checkDuration(field: string, value: number): void {
  wholeNumber(field, value);
  if (value > LONGEST && value !== Number.POSITIVE_INFINITY)
    throw new RangeError(`'${field}' must be at most ${LONGEST} ms, or Infinity`);
}

function checkText(field: string, value: string): void {
  if (typeof value !== 'string') throw new TypeError(`'${field}' must be a string`);
}

export function nanosOf(ms: number): number {
  return ms === Number.POSITIVE_INFINITY ? 0 : ms * NANOS;
}

export function durationIn(nanos: unknown): number {
  return typeof nanos === 'number' && nanos > 0 ? nanos / NANOS : Number.POSITIVE_INFINITY;
}

export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** An object in a configuration; where there is none, an empty one. */
export function wireIn(value: unknown): WireConfig {
  return typeof value === 'object' && value !== null ? (value as WireConfig) : {};
}

/** The texts in a list; where there is no list, none. */
export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

/** Leaves out what is undefined. */
export function defined<T extends object>(entries: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as T;
}

function limitOr(none: number, key: string, needs: Feature | undefined): WireField<number> {
  return {
    check: wholeNumber,
    write: (value) => ({ [key]: value === Number.POSITIVE_INFINITY ? none : value }),
    read: (wire) => (typeof wire[key] === 'number' && wire[key] > 0 ? wire[key] : Number.POSITIVE_INFINITY),
    ...needed(needs),
  };
}

function isServers(name: string): boolean {
  return name.startsWith('_nats.');
}
