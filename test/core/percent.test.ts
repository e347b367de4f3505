import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { percentDecode, percentEncode } from '../../src/core/percent.ts';

interface Vectors {
  readonly roundTrip: readonly (readonly [text: string, encoded: string])[];
  readonly decodeOnly: readonly (readonly [encoded: string, text: string])[];
  readonly decodeInvalid: readonly string[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/percent.json', import.meta.url), 'utf8')) as Vectors;
const texts = fc.string({ unit: 'grapheme', maxLength: 40 });

describe('percentEncode', () => {
  it.each(vectors.roundTrip)('writes %j as %j', (text, encoded) => {
    expect(percentEncode(text)).toBe(encoded);
  });

  it('touches nothing else of printable ASCII', () => {
    const rest = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter(
      (c) => c !== '"' && c !== '%',
    );

    expect(percentEncode(rest.join(''))).toBe(rest.join(''));
  });

  it('encodes every control character and the last of ASCII', () => {
    expect(percentEncode('\u0000\u001f\u007f\u0080')).toBe('%00%1F%7F%C2%80');
  });

  it('throws on an unpaired surrogate', () => {
    expect(() => percentEncode('a\ud800b')).toThrow(URIError);
  });

  it('writes printable ASCII without spaces, whatever the text', () => {
    fc.assert(fc.property(texts, (text) => /^[!-~]*$/.test(percentEncode(text))));
  });
});

describe('percentDecode', () => {
  it.each(vectors.roundTrip)('reads %j back', (text, encoded) => {
    expect(percentDecode(encoded)).toBe(text);
  });

  it.each(vectors.decodeOnly)('reads %j as %j', (encoded, text) => {
    expect(percentDecode(encoded)).toBe(text);
  });

  it.each(vectors.decodeInvalid)('throws on %j', (encoded) => {
    expect(() => percentDecode(encoded)).toThrow(URIError);
  });

  it.each(vectors.decodeInvalid)('keeps %j when it is lenient', (encoded) => {
    expect(percentDecode(encoded, { lenient: true })).toBe(encoded);
  });

  it('decodes well-formed values when it is lenient', () => {
    expect(percentDecode('Euro%20%E2%82%AC', { lenient: true })).toBe('Euro €');
  });

  it('decodes once', () => {
    expect(percentDecode('%2541')).toBe('%41');
  });

  it('keeps characters that should have been encoded', () => {
    expect(percentDecode('Euro € 😀')).toBe('Euro € 😀');
  });

  it('reads quotes before percents', () => {
    expect(percentDecode('"%22"')).toBe('"');
  });

  it('reads back what percentEncode wrote', () => {
    fc.assert(fc.property(texts, (text) => percentDecode(percentEncode(text)) === text));
  });
});
