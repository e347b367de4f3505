import fc from 'fast-check';
import { addressesOf, InvalidAddressError, matchesAddress, overlaps } from 'millrace';
import { describe, expect, it } from 'vitest';
import { addressMapping, enclosing, includes } from '../../../src/patterns/events/addresses-of.ts';

const token = fc.constantFrom('a', 'b', 'c');
const type = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'));
const pattern = fc.tuple(type, fc.constantFrom('', '.>')).map(([start, end]) => start + end);

describe('addressesOf', () => {
  it.each<[string, readonly string[], string | undefined, readonly string[]]>([
    ['one type', ['shop.paid'], undefined, ['shop.paid']],
    ['several, sorted, each once', ['b', 'a', 'b'], undefined, ['a', 'b']],
    ['a prefix', ['order', 'paid'], 'shop.eu', ['shop.eu.order', 'shop.eu.paid']],
    ['what another one includes', ['shop.paid', 'shop.>', 'shop.eu.>', 'other'], undefined, ['other', 'shop.>']],
    ['no types', [], undefined, []],
  ])('is the narrowest set for %s', (_, types, prefix, expected) => {
    expect(addressesOf(types, prefix)).toEqual(expected);
  });

  it.each([['shop paid'], ['a..b'], ['a.>.b'], ['']])('refuses %j, which cannot be an address', (type) => {
    expect(() => addressesOf([type])).toThrow(InvalidAddressError);
  });

  it('includes all that was asked for, and has nothing twice', () => {
    fc.assert(
      fc.property(fc.array(pattern), type, (types, address) => {
        const addresses = addressesOf(types);
        const matching = addresses.filter((one) => matchesAddress(one, address));

        expect(matching.length > 0).toBe(types.some((one) => matchesAddress(one, address)));
        expect(addresses.some((one, i) => addresses.some((other, j) => i !== j && overlaps(one, other)))).toBe(false);
      }),
    );
  });
});

describe('addressMapping', () => {
  it('takes a mapping of its own, and checks what it yields', () => {
    expect(addressMapping({ addressOf: (type) => `x.${type.length}` })('order')).toBe('x.5');
    expect(() => addressMapping({ addressOf: () => 'x y' })('order')).toThrow(InvalidAddressError);
    expect(() => addressMapping({ prefix: 'a.*' })).toThrow(InvalidAddressError);
  });
});

describe('enclosing', () => {
  it.each([
    [['shop.paid'], 'shop.paid'],
    [['shop.paid', 'shop.sent'], 'shop.*'],
    [['shop.eu.paid', 'shop.us.paid'], 'shop.*.paid'],
    [['shop.paid', 'shop.eu.paid'], 'shop.>'],
    [['shop', 'shop.paid'], '>'],
    [['a', 'b'], '*'],
    [['shop.>', 'shop.eu.paid'], 'shop.>'],
    [[], '>'],
  ])('of %j is %s', (addresses, expected) => {
    expect(enclosing(addresses)).toBe(expected);
  });

  it('includes all', () => {
    fc.assert(
      fc.property(fc.array(type, { minLength: 1 }), (addresses) => {
        const one = enclosing(addresses);

        expect(addresses.every((address) => matchesAddress(one, address))).toBe(true);
        expect(addresses.every((address) => includes([one], address))).toBe(true);
      }),
    );
  });
});
