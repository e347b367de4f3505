import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidAddressError, InvalidNameError } from '../../src/core/errors.ts';
import {
  addressMatcher,
  isSubset,
  isValidAddress,
  matchesAddress,
  overlaps,
  validateAddress,
  validateName,
} from '../../src/core/names.ts';

describe('validateName', () => {
  it.each(['a', 'A', '0', '_', '-', 'SHOP_orders-2'])('accepts %j', (name) => {
    expect(() => validateName('stream', name)).not.toThrow();
  });

  it.each([
    '',
    '.',
    'a.b',
    'a..b',
    'a.b.c',
    'a.b.c.',
    'a.b.*',
    'a.b.>',
    '*',
    '>',
    'a b',
    'a/b',
    'ä',
    '@',
    '[',
    '`',
    '{',
  ])('refuses %j', (name) => {
    expect(() => validateName('stream', name)).toThrow(InvalidNameError);
  });

  it('says what the name is for, and the rule', () => {
    expect(() => validateName('consumer', '')).toThrow('Invalid consumer name: it must not be empty');
  });

  it('refuses what is no string', () => {
    expect(() => validateName('stream', undefined as unknown as string)).toThrow(InvalidNameError);
  });
});

/** Address, whether it is one, whether it is one where wildcards may stand. */
const addresses: readonly (readonly [string, boolean, boolean])[] = [
  ['', false, false],
  ['a', true, true],
  ['A', true, true],
  ['0', true, true],
  ['_', true, true],
  ['-', true, true],
  ['%', false, false],
  ['a/b', false, false],
  ['.', false, false],
  ['a.b', true, true],
  ['a..b', false, false],
  ['a.b.c', true, true],
  ['a.b.c.', false, false],
  ['.a', false, false],
  ['a.b.*', false, true],
  ['a.b.>', false, true],
  ['a.b.*.d', false, true],
  ['a.b.>.d', false, false],
  ['a.b*', false, false],
  ['a.b>', false, false],
  ['a.*b', false, false],
  ['a.**', false, false],
  ['a.*>', false, false],
  ['>', false, true],
  ['*', false, true],
  ['*.x', false, true],
  ['>.x', false, false],
  ['a b', false, false],
  ['a\tb', false, false],
  ['a\u0000', false, false],
  ['größe', false, false],
  ['$JS.API.INFO', true, true],
  ['_INBOX.x1', true, true],
  ['user:1.a@b.k=v', true, true],
];

describe('validateAddress', () => {
  it.each(addresses)('judges %j without wildcards', (address, valid) => {
    const check = expect(() => validateAddress(address));
    if (valid) check.not.toThrow();
    else check.toThrow(InvalidAddressError);
  });

  it.each(addresses)('judges %j with wildcards', (address, _, valid) => {
    const check = expect(() => validateAddress(address, { wildcards: true }));
    if (valid) check.not.toThrow();
    else check.toThrow(InvalidAddressError);
  });

  it.each([
    ['a..b', 'a token between dots must not be empty'],
    ['a.>.b', "'>' must be the last token"],
    ['a.b*', 'a wildcard must be a whole token'],
    ['a b', "a token may hold a-z, A-Z, 0-9 and '_-$=:@' only"],
  ])('says which rule %j breaks', (address, rule) => {
    expect(() => validateAddress(address, { wildcards: true })).toThrow(`Invalid address '${address}': ${rule}`);
  });

  it('says that wildcards are not allowed', () => {
    expect(() => validateAddress('a.*')).toThrow("Invalid address 'a.*': wildcards are not allowed here");
  });

  it('refuses what is no string', () => {
    expect(() => validateAddress(7 as unknown as string)).toThrow("Invalid address '7': it must be a string");
  });
});

describe('isValidAddress', () => {
  it.each(addresses)('judges %j as validateAddress does', (address, plain, wildcards) => {
    expect([isValidAddress(address), isValidAddress(address, { wildcards: true })]).toEqual([plain, wildcards]);
  });
});

/** What matching means, without a thought for speed. */
function naiveMatch(pattern: string, address: string): boolean {
  const [head, ...tail] = pattern.split('.');
  const [token, ...rest] = address.split('.');
  if (head === '>') return true;
  if (head !== '*' && head !== token) return false;
  if (tail.length === 0 || rest.length === 0) return tail.length === rest.length;
  return naiveMatch(tail.join('.'), rest.join('.'));
}

const word = fc.stringMatching(/^[ab]{1,2}$/);
const address = fc.array(word, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'));
const pattern = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('*')), { maxLength: 4 }), fc.oneof(word, fc.constantFrom('*', '>')))
  .map(([tokens, last]) => [...tokens, last].join('.'));

describe('addressMatcher', () => {
  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.b', 'a', false],
    ['a.b', 'a.bc', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'ab.c', false],
    ['a.*', 'a.b.c', false],
    ['*.b', 'a.b', true],
    ['*.b', 'a.c', false],
    ['a.*.c', 'a.b.c', true],
    ['a.*.c', 'a.b.cd', false],
    ['a.>', 'a.b', true],
    ['a.>', 'a.b.c.d', true],
    ['a.>', 'a', false],
    ['a.>', 'ab.c', false],
    ['a.>', 'a.', false],
    ['>', '', false],
    ['>', 'a', true],
    ['>', 'a.b', true],
    ['*', 'a.b', false],
    ['*.*.>', 'a.b', false],
    ['*.*.>', 'a.b.c', true],
  ])('tells whether %j matches %j', (of, one, expected) => {
    expect(addressMatcher(of)(one)).toBe(expected);
  });

  it('agrees with the plain meaning of a pattern', () => {
    fc.assert(fc.property(pattern, address, (of, one) => addressMatcher(of)(one) === naiveMatch(of, one)));
  });

  it('refuses a malformed pattern at once', () => {
    expect(() => addressMatcher('a.*b')).toThrow(InvalidAddressError);
  });
});

describe('matchesAddress', () => {
  it('agrees with the plain meaning of a pattern', () => {
    fc.assert(fc.property(pattern, address, (of, one) => matchesAddress(of, one) === naiveMatch(of, one)));
  });
});

const tokens = ['a', 'b'] as const;

/** Every sequence of one to `length` of the given tokens. */
function allOf(words: readonly string[], length: number): string[] {
  if (length === 0) return [];
  const shorter = allOf(words, length - 1);
  return [...words, ...words.flatMap((first) => shorter.map((rest) => `${first}.${rest}`))];
}

// A third token stands for all that no pattern names; longer than any pattern, so that '>' has more to take.
const everyAddress = allOf([...tokens, 'z'], 4);
const everyPattern = [...allOf([...tokens, '*'], 3), '>', ...allOf([...tokens, '*'], 2).map((before) => `${before}.>`)];
const everyPair = everyPattern.flatMap((one) => everyPattern.map((other) => [one, other] as const));

describe('overlaps', () => {
  it('is true exactly where some address matches both', () => {
    const wrong = everyPair.filter(([one, other]) => {
      const shared = everyAddress.some((each) => naiveMatch(one, each) && naiveMatch(other, each));
      return overlaps(one, other) !== shared;
    });

    expect(wrong).toEqual([]);
  });
});

describe('isSubset', () => {
  it('is true exactly where every address of the one matches the other', () => {
    const wrong = everyPair.filter(([one, of]) => {
      const within = everyAddress.every((each) => !naiveMatch(one, each) || naiveMatch(of, each));
      return isSubset(one, of) !== within;
    });

    expect(wrong).toEqual([]);
  });
});
