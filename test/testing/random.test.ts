import fc from 'fast-check';
import { seededRandom } from 'millrace/testing';
import { describe, expect, it } from 'vitest';

const draw = (seed: number, count: number): number[] => Array.from({ length: count }, seededRandom(seed));

describe('seededRandom', () => {
  it('gives the same numbers in [0, 1) for the same seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const numbers = draw(seed, 50);

        expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
        expect(draw(seed, 50)).toEqual(numbers);
      }),
    );
  });

  it('gives other numbers for another seed, also for a neighbour', () => {
    const seeds = [0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER];

    const sequences = seeds.map((seed) => draw(seed, 3).join());

    expect(new Set(sequences).size).toBe(seeds.length);
  });

  it('spreads evenly, and neither repeats soon nor leans on what came before', () => {
    for (const seed of [0, 1, 7, 12_345]) {
      const numbers = draw(seed, 100_000);
      const buckets = new Array<number>(10).fill(0);
      for (const number of numbers) buckets[Math.floor(number * 10)]!++;
      const rises = numbers.filter((number, index) => number > (numbers[index - 1] ?? 1)).length;

      expect(Math.min(...buckets)).toBeGreaterThan(9_600);
      expect(Math.max(...buckets)).toBeLessThan(10_400);
      expect(rises / numbers.length).toBeCloseTo(0.5, 1);
      expect(new Set(numbers).size).toBeGreaterThan(99_990);
    }
  });

  it('gives these numbers for ever: a seed in a bug report must not change its meaning', () => {
    expect(draw(42, 4)).toMatchInlineSnapshot(`
      [
        0.4854874371085316,
        0.9635076432023197,
        0.08127105352468789,
        0.40477301902137697,
      ]
    `);
  });
});
