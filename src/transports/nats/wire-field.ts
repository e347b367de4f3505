import { isDeepStrictEqual } from 'node:util';
import type { Feature } from './api-level.ts';

/** A configuration as it travels; an undefined entry is left out. */
export type WireConfig = Readonly<Record<string, unknown>>;

/** How a field of a configuration is checked, written and read. */
export interface WireField<T> {
  /** Throws a TypeError or a RangeError that names the field. */
  check(field: string, value: T): void;
  /** The entries that it is written as; an entry that must go is undefined. */
  write(value: T, current: WireConfig): WireConfig;
  /** The value in a configuration, or what the absence of its entries stands for. */
  read(wire: WireConfig): T | undefined;
  /** What the server must be able to do for a value that is not what an absent one stands for. */
  needs?(value: T): Feature | undefined;
}

/** One for each field. */
export type WireFields<C> = { readonly [K in keyof C]-?: WireField<Exclude<C[K], undefined>> };

/** A field that was named, with its value. */
export interface NamedField {
  readonly name: string;
  readonly value: unknown;
  readonly field: WireField<unknown>;
}

/** Lists the fields that a configuration names; an undefined value names nothing. */
export function namedFields<C extends object>(fields: WireFields<C>, config: Partial<C>): readonly NamedField[] {
  if (typeof config !== 'object' || config === null) throw new TypeError('The configuration must be an object');
  return Object.entries(config)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      if (!Object.hasOwn(fields, name)) throw new TypeError(`'${name}' is not a field of this configuration`);
      return { name, value, field: fields[name as keyof C] as WireField<unknown> };
    });
}

/** Writes named fields. */
export function write(named: readonly NamedField[], current: WireConfig): WireConfig {
  return Object.assign({}, ...named.map(({ field, value }) => field.write(value, current)));
}

/** Lists the named fields whose values two configurations do not share. */
export function differing(named: readonly NamedField[], a: WireConfig, b: WireConfig): readonly NamedField[] {
  return named.filter(({ field }) => !isDeepStrictEqual(field.read(a), field.read(b)));
}

/** Lists what the server must be able to do for the named fields. */
export function featuresOf(named: readonly NamedField[]): readonly Feature[] {
  return named.flatMap(({ name, field, value }) => {
    if (isDeepStrictEqual(field.read(field.write(value, {})), field.read({}))) return [];
    const feature = field.needs?.(value);
    return feature === undefined ? [] : [{ ...feature, name: `'${name}' (${feature.name})` }];
  });
}

/** Reads all fields. */
export function readAll<C>(fields: WireFields<C>, wire: WireConfig): C {
  const entries = Object.entries(fields) as [string, WireField<unknown>][];
  const read = entries.map(([name, field]) => [name, field.read(wire)] as const);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as C;
}
