import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duplicateWindow } from '../../../src/transports/memory/duplicate-window.ts';
import { heapGrowth } from './support.ts';

describe('duplicateWindow', () => {
  it('finds an id with the sequence that it was stored under', () => {
    const window = duplicateWindow(1_000, 100);

    window.add('a', 7, 0);

    expect([window.find('a', 0), window.find('b', 0)]).toEqual([7, undefined]);
  });

  it('finds an id until its time is over, and no longer', () => {
    const window = duplicateWindow(1_000, 100);
    window.add('a', 7, 500);

    expect([window.find('a', 1_499), window.find('a', 1_500)]).toEqual([7, undefined]);
  });

  it('finds an id for its whole time, though others have been added since', () => {
    const window = duplicateWindow(1_000, 100);
    window.add('first', 1, 0);
    window.add('a', 2, 999);

    window.add('b', 3, 1_000);

    expect([window.find('first', 1_000), window.find('a', 1_998), window.find('a', 1_999)]).toEqual([
      undefined,
      2,
      undefined,
    ]);
  });

  it('finds the later of two sequences of one id', () => {
    const window = duplicateWindow(1_000, 100);
    window.add('a', 1, 0);

    window.add('a', 2, 1_500);

    expect(window.find('a', 1_500)).toBe(2);
  });

  it('remembers nothing when it has no length', () => {
    const window = duplicateWindow(0, 100);

    window.add('a', 1, 0);

    expect(window.find('a', 0)).toBeUndefined();
  });

  it('remembers for ever when its length is Infinity', () => {
    const window = duplicateWindow(Number.POSITIVE_INFINITY, 100);

    window.add('a', 1, 0);

    expect(window.find('a', Number.MAX_SAFE_INTEGER)).toBe(1);
  });

  it('remembers at least half of its limit, and no more than all of it', () => {
    const window = duplicateWindow(1_000, 10);

    for (let sequence = 1; sequence <= 1_000; sequence += 1) {
      window.add(`id-${sequence}`, sequence, 0);
      const remembered = Array.from({ length: sequence }, (_, i) => window.find(`id-${i + 1}`, 0)).filter(Boolean);
      expect(remembered.length).toBeGreaterThanOrEqual(Math.min(5, sequence));
      expect(remembered.length).toBeLessThanOrEqual(10);
    }
  });

  it('forgets the oldest ids first', () => {
    const window = duplicateWindow(1_000, 4);

    for (let sequence = 1; sequence <= 5; sequence += 1) window.add(`id-${sequence}`, sequence, 0);

    expect([1, 2, 3, 4, 5].map((n) => window.find(`id-${n}`, 0))).toEqual([undefined, undefined, 3, 4, 5]);
  });

  it('takes room for the ids of two lengths of time at most', () => {
    const window = duplicateWindow(1_000, Number.POSITIVE_INFINITY);

    const grown = heapGrowth(() => {
      for (let now = 0; now < 1_000_000; now += 10) window.add(`some-longer-id-${now}`, now, now);
    });

    expect(window.find('some-longer-id-999990', 999_990)).toBe(999_990);
    expect(grown).toBeLessThan(1_000_000);
  });

  it('takes room for no more ids than its limit', () => {
    const window = duplicateWindow(1_000, 1_000);

    const grown = heapGrowth(() => {
      for (let n = 0; n < 100_000; n += 1) window.add(`some-longer-id-${n}`, n, 0);
    });

    expect(window.find('some-longer-id-99999', 0)).toBe(99_999);
    expect(grown).toBeLessThan(1_000_000);
  });

  it('finds what a list of all ids with their times would find, while that is below the limit', () => {
    const step = fc.record({ wait: fc.nat(700), id: fc.integer({ min: 0, max: 8 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 1_000 }), (steps, length) => {
        const window = duplicateWindow(length, 200);
        const model: { id: string; sequence: number; time: number }[] = [];
        let now = 0;
        let sequence = 0;

        for (const { wait, id: number } of steps) {
          const id = String(number);
          now += wait;
          const expected = model.findLast((entry) => entry.id === id && now - entry.time < length)?.sequence;
          expect(window.find(id, now)).toBe(expected);
          if (expected !== undefined) continue;
          sequence += 1;
          window.add(id, sequence, now);
          model.push({ id, sequence, time: now });
        }
      }),
    );
  });

  it('finds nothing but the truth, and the newest half of its limit, when there are too many ids', () => {
    const limit = fc.integer({ min: 2, max: 12 });
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 80 }), limit, (waits, max) => {
        const window = duplicateWindow(1_000, max);
        const times: number[] = [];
        let now = 0;

        for (const wait of waits) {
          now += wait;
          window.add(`id-${times.length}`, times.length, now);
          times.push(now);
          const found = times.map((_, n) => window.find(`id-${n}`, now));
          const inside = times.map((time, n) => (now - time < 1_000 ? n : undefined));

          for (const [n, sequence] of found.entries()) if (sequence !== undefined) expect(sequence).toBe(inside[n]);
          expect(found.slice(-Math.floor(max / 2))).toEqual(inside.slice(-Math.floor(max / 2)));
          expect(found.filter((sequence) => sequence !== undefined).length).toBeLessThanOrEqual(max);
        }
      }),
    );
  });
});
