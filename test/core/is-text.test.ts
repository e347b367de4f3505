import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isText } from '../../src/core/is-text.ts';

const forbidden = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

describe('isText', () => {
  it.each([
    '',
    ' ~',
    'Euro € 😀',
    '\u00a0',
    '\ud7ff',
    '\ue000',
    '\ufdcf',
    '\ufdf0',
    '\ufffd',
    '\u{10000}',
    '\u{1fffd}',
    '\u{10fffd}',
  ])('accepts %j', (text) => {
    expect(isText(text)).toBe(true);
  });

  it.each([
    '\u0000',
    'a\n',
    '\u001f',
    '\u007f',
    '€\u0000',
    '\u0080',
    '\u009f',
    '\ufdd0',
    '\ufdef',
    '\ufffe',
    '\uffff',
    '\u{1fffe}',
    '\u{1ffff}',
    '\u{10fffe}',
    '\u{10ffff}',
    '\ud800',
    'a\ud83d',
    '\ude00',
    '\ude00\ud83d',
    '\ud83da',
    '\ud83d\ud83d',
    '😀\ude00',
  ])('refuses %j', (text) => {
    expect(isText(text)).toBe(false);
  });

  it('agrees with the Unicode classes of a regular expression', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isText(text) === !forbidden.test(text)));
  });

  it('agrees with them where surrogates stand alone', () => {
    const unit = fc.constantFrom('a', '\ud83d', '\ude00', '\ud83f', '\udfff', '\udffd', '\ue000', '\u0080', '\uffff');
    fc.assert(fc.property(fc.string({ unit }), (text) => isText(text) === !forbidden.test(text)));
  });
});
