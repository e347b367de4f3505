import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Heap, heap } from '../../src/core/heap.ts';

const ascending = (): Heap<number> => heap<number>((a, b) => a < b);

function popAll<T>(from: Heap<T>): T[] {
  const all: T[] = [];
  while (from.size > 0) all.push(from.pop() as T);
  return all;
}

describe('heap', () => {
  it('has nothing at first', () => {
    const empty = ascending();

    expect([empty.size, empty.peek(), empty.pop()]).toEqual([0, undefined, undefined]);
  });

  it('shows its first item, and leaves it there', () => {
    const items = ascending();
    for (const item of [3, 1, 2]) items.push(item);

    expect([items.peek(), items.peek(), items.size]).toEqual([1, 1, 3]);
  });

  it('gives its items in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (numbers) => {
        const items = ascending();
        for (const number of numbers) items.push(number);

        expect(popAll(items)).toEqual([...numbers].sort((a, b) => a - b));
      }),
      { seed: 1 },
    );
  });

  it('orders by whatever it was told to', () => {
    const longest = heap<string>((a, b) => a.length > b.length);
    for (const text of ['a', 'ccc', 'bb']) longest.push(text);

    expect(popAll(longest)).toEqual(['ccc', 'bb', 'a']);
  });

  it('stays in order, whatever is pushed, popped and removed', () => {
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 9 }) }) },
      fc.constant('pop' as const),
      fc.record({ remove: fc.integer({ min: 0, max: 9 }) }),
    );

    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const items = ascending();
        const model: number[] = [];

        for (const one of commands) {
          if (one === 'pop') expect(items.pop()).toBe(model.shift());
          else if ('push' in one) {
            items.push(one.push);
            model.push(one.push);
            model.sort((a, b) => a - b);
          } else {
            const index = model.indexOf(one.remove);
            const removed = index < 0 ? undefined : model.splice(index, 1)[0];
            expect(items.remove((item) => item === one.remove)).toBe(removed);
          }
          expect(items.size).toBe(model.length);
          expect(items.peek()).toBe(model[0]);
        }
        expect(popAll(items)).toEqual(model);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('stays in order when one far from the top is removed', () => {
    const items = ascending();
    for (const item of [0, 5, 1, 6, 7, 2, 3]) items.push(item);

    items.remove((item) => item === 6); // 3 takes its place, and belongs above 5

    expect(popAll(items)).toEqual([0, 1, 2, 3, 5, 7]);
  });

  it('shows all of its items', () => {
    const items = ascending();
    for (const item of [3, 1, 2]) items.push(item);

    expect([...items.items()].sort()).toEqual([1, 2, 3]);
  });

  it('can be emptied, and used again', () => {
    const items = ascending();
    items.push(1);

    items.clear();
    items.push(2);

    expect(popAll(items)).toEqual([2]);
  });
});
