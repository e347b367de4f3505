import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fifo } from '../../src/core/fifo.ts';

describe('fifo', () => {
  it('has nothing at first', () => {
    const empty = fifo<number>();

    expect([empty.size, empty.shift(), empty.drain()]).toEqual([0, undefined, []]);
  });

  it('gives its items in the order in which they came, whatever else is done', () => {
    const command = fc.oneof(
      { weight: 6, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 300 }) }) },
      { weight: 6, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 300 }) }) },
      fc.constant('drain' as const),
    );

    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const items = fifo<number>();
        let model: number[] = [];
        let next = 0;

        for (const one of commands) {
          if (one === 'drain') {
            expect(items.drain()).toEqual(model);
            model = [];
          } else if ('push' in one) {
            for (let count = 0; count < one.push; count += 1) {
              items.push(next);
              model.push(next++);
            }
          } else {
            for (let count = 0; count < one.shift; count += 1) expect(items.shift()).toBe(model.shift());
          }
          expect(items.size).toBe(model.length);
        }
        expect(items.drain()).toEqual(model);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('holds undefined like any other item', () => {
    const items = fifo<number | undefined>();
    items.push(undefined);
    items.push(1);

    expect([items.size, items.shift(), items.size, items.shift()]).toEqual([2, undefined, 1, 1]);
  });

  it('lets go of what was taken out, though others stay for ever', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const items = fifo<object>();
    items.push({});
    const taken = Array.from({ length: 1_000 }, () => {
      items.push({});
      items.push({});
      return new WeakRef(items.shift() as object);
    });

    await new Promise((resolve) => setImmediate(resolve)); // a WeakRef holds its target until the job ends
    gc();

    expect(taken.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10);
    expect(items.size).toBe(1_001);
  });

  it('takes constant time, however many wait', () => {
    const items = fifo<number>();
    for (let item = 0; item < 200_000; item += 1) items.push(item);
    let sum = 0;

    for (let turn = 0; turn < 400_000; turn += 1) {
      items.push(turn);
      sum += items.shift() ?? 0;
    }

    expect(items.size).toBe(200_000); // with Array.shift this takes minutes
    expect(sum).toBeGreaterThan(0);
  });
});
