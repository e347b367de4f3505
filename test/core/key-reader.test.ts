import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyReader } from '../../src/core/key-reader.ts';

function textOf({ units, length }: KeyReader): string {
  return String.fromCharCode(...units.subarray(0, length));
}

describe('KeyReader', () => {
  it('reads every code unit, of keys of any length, and after a longer one', () => {
    const reader = new KeyReader();

    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (key) => {
        reader.read(key);

        expect(textOf(reader)).toBe(key);
      }),
      { seed: 5, examples: [[''], ['\u{1f600}'], ['\ud800']] },
    );
  });

  it('gives a key the same hash each time', () => {
    const reader = new KeyReader();

    reader.read('/shop order-1');
    const first = reader.hash;
    reader.read('/shop order-2');
    const other = reader.hash;
    reader.read('/shop order-1');

    expect(reader.hash).toBe(first);
    expect(other).not.toBe(first);
  });

  it('has a seed of its own, so that nobody can choose keys that collide', () => {
    const hashes = Array.from({ length: 8 }, () => {
      const reader = new KeyReader();
      reader.read('/shop order-1');
      return reader.hash;
    });

    expect(new Set(hashes).size).toBeGreaterThan(1);
  });

  it('spreads keys that differ in their last digits over the lowest bits', () => {
    const reader = new KeyReader();
    const slots = new Set<number>();

    for (let index = 0; index < 1_024; index += 1) {
      reader.read(`/shop order-${index}`);
      slots.add(reader.hash & 1_023);
    }

    expect(slots.size).toBeGreaterThan(500); // by chance alone it would be 647
  });
});
