import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClaimTable, COMMITTED, RELEASED } from '../../src/core/claim-table.ts';
import type { Key } from '../../src/core/key-reader.ts';

/** A key with a hash of the test's choice: most of them collide. */
function keyOf(text: string, hash = text.length): Key {
  return { units: Uint16Array.from(text, (unit) => unit.charCodeAt(0)), length: text.length, hash };
}

describe('ClaimTable', () => {
  it('tells keys of one hash apart', () => {
    const table = new ClaimTable();

    const a = table.add(keyOf('a', 7), 1, 10);
    const b = table.add(keyOf('b', 7), 2, 10);

    expect([table.find(keyOf('a', 7)), table.find(keyOf('b', 7)), table.find(keyOf('c', 7))]).toEqual([a, b, -1]);
  });

  it('tells a key from one that it begins', () => {
    const table = new ClaimTable();

    table.add(keyOf('ab', 7), 1, 10);

    expect([table.find(keyOf('a', 7)), table.find(keyOf('abc', 7)), table.find(keyOf('', 7))]).toEqual([-1, -1, -1]);
  });

  it('finds nothing, and comes to an end, however many slots one hash has filled', () => {
    const table = new ClaimTable();
    for (let index = 0; index < 500; index += 1) table.add(keyOf(String(index), -1), index + 1, 10);

    expect(table.find(keyOf('none', -1))).toBe(-1);
    expect(table.live).toBe(500);
  });

  it('does not grow by what is released', () => {
    const table = new ClaimTable();

    for (let index = 0; index < 10_000; index += 1)
      table.release(table.add(keyOf(String(index), index), index + 1, 10));

    expect(table.holders.length).toBe(new ClaimTable().holders.length);
    expect(table.live).toBe(0);
  });

  it('no longer takes an entry for that of a claim when it was made anew without it', () => {
    const table = new ClaimTable();
    const gone = table.add(keyOf('gone'), 1, 10);
    const left = table.add(keyOf('left'), 2, 10);

    table.keep((holder) => holder === 2);

    expect([table.isHeldBy(1, gone), table.isHeldBy(2, left)]).toEqual([false, false]);
    expect(table.isHeldBy(2, table.find(keyOf('left')))).toBe(true);
    expect(table.find(keyOf('gone'))).toBe(-1);
  });

  it('knows what a map would know, whatever is done to it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 });
    const action = fc.oneof(
      { weight: 6, arbitrary: fc.record({ add: text }) },
      { weight: 2, arbitrary: fc.record({ release: text }) },
      { weight: 2, arbitrary: fc.record({ commit: text }) },
      { weight: 1, arbitrary: fc.record({ keepAbove: fc.integer({ min: RELEASED, max: 60 }) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), fc.integer({ min: 1, max: 6 }), (actions, hashes) => {
        const table = new ClaimTable();
        const model = new Map<string, { holder: number; until: number }>();
        const key = (of: string) => keyOf(of, (of.length % hashes) - 1);

        actions.forEach((one, step) => {
          if ('keepAbove' in one) {
            table.keep((holder) => holder > one.keepAbove);
            for (const [of, { holder }] of model) if (!(holder > one.keepAbove)) model.delete(of);
          } else if ('add' in one) {
            const entry = table.find(key(one.add));
            const isFree = entry < 0 || table.holders[entry] === RELEASED;
            expect(isFree).toBe(!model.has(one.add));
            if (!isFree) return;
            if (entry < 0) table.add(key(one.add), step + 1, step);
            else table.take(entry, step + 1, step);
            model.set(one.add, { holder: step + 1, until: step });
          } else {
            const of = 'release' in one ? one.release : one.commit;
            const known = model.get(of);
            const entry = table.find(key(of));
            if (known === undefined) return;
            expect(table.isHeldBy(known.holder, entry)).toBe(true);
            if ('release' in one) {
              table.release(entry);
              model.delete(of);
            } else {
              table.commit(entry, step);
              model.set(of, { holder: COMMITTED, until: step });
            }
          }
          expect(table.live).toBe(model.size);
        });
        for (const [of, { holder, until }] of model) {
          const entry = table.find(key(of));
          expect([table.holders[entry], table.untils[entry]]).toEqual([holder, until]);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
