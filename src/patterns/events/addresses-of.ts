import { isSubset, validateAddress } from '../../core/names.ts';

/** Says where events of a type travel: as the transport that publishes them does. */
export interface TypeAddressing {
  /** What addresses begin with, before `.` and the type: the transport's own `prefix`. @defaultValue none */
  readonly prefix?: string;
  /** Where the events of a type travel, where the transport maps them in another way. */
  readonly addressOf?: (type: string) => string;
}

/** How many types are remembered with their address. */
const MOST_KNOWN = 1_000;

/**
 * Returns the narrowest set of addresses at which events of these types travel: a consumer's `filter`.
 *
 * Sorted, each once, and none that another one includes, since servers refuse filters that overlap. A type may be a
 * pattern with wildcards.
 *
 * @example
 * ```ts
 * ensureConsumer(connection, { stream: 'SHOP', name: 'billing', filter: addressesOf(['order.placed', 'order.paid'], 'eu') });
 * ```
 *
 * @throws InvalidAddressError when a type cannot be part of an address.
 */
export function addressesOf(types: Iterable<string>, prefix?: string): readonly string[] {
  return narrowest(Array.from(types, addressMapping(prefix === undefined ? {} : { prefix })));
}

/** Makes the function that maps types to addresses. @throws TypeError when it is said in two ways. */
export function addressMapping({ prefix, addressOf }: TypeAddressing): (type: string) => string {
  if (prefix !== undefined && addressOf !== undefined)
    throw new TypeError("'prefix' and 'addressOf' exclude each other");
  if (prefix !== undefined) validateAddress(prefix);
  const map = addressOf ?? ((type: string) => (prefix === undefined ? type : `${prefix}.${type}`));
  const known = new Map<string, string>(); // most who listen want what others do
  return (type) => {
    const before = known.get(type);
    if (before !== undefined) return before;
    const address = map(type);
    validateAddress(address, { wildcards: true });
    if (known.size === MOST_KNOWN) known.clear();
    known.set(type, address);
    return address;
  };
}

/** Leaves out what is there twice, or included in another. */
export function narrowest(addresses: Iterable<string>): readonly string[] {
  const unique = [...new Set(addresses)].sort();
  if (!unique.some(isPattern)) return unique;
  return unique.filter((address) => !unique.some((other) => other !== address && isSubset(address, other)));
}

/** Tells whether a set of addresses includes an address, or all that a pattern matches. */
export function includes(addresses: readonly string[], address: string): boolean {
  return addresses.includes(address) || addresses.some((other) => isPattern(other) && isSubset(address, other));
}

function isPattern(address: string): boolean {
  return address.includes('*') || address.endsWith('>');
}

/** Returns the narrowest single pattern that includes all addresses: for servers whose consumers take one filter only. */
export function enclosing(addresses: readonly string[]): string {
  const [first = '>', ...others] = addresses;
  return others.reduce(encloseTwo, first);
}

function encloseTwo(one: string, other: string): string {
  const as = one.split('.');
  const bs = other.split('.');
  const shared = Math.min(as.length, bs.length);
  const tokens: string[] = [];
  for (let i = 0; i < shared; i++) {
    const [a, b] = [as[i] as string, bs[i] as string];
    if (a === '>' || b === '>') return [...tokens, '>'].join('.');
    tokens.push(a === b ? a : '*');
  }
  if (as.length !== bs.length) tokens[shared - 1] = '>'; // which needs a token to match
  return tokens.join('.');
}
