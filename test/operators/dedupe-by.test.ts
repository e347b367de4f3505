import { dedupe } from 'millrace';
import { marbles, virtualTime } from 'millrace/testing';
import { from, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

describe('dedupe, by a key', () => {
  operatorLaws<number, number>(
    (scheduler) => dedupe({ key: String, scheduler }),
    (n) => n,
  );

  it(
    'drops what was there within the window',
    marbles(({ hot, expectObservable }) => {
      const source = hot('  ab-a--a-b--aa-b-|');
      const expected = '    ab----a-b--a--b-|';

      expectObservable(source.pipe(dedupe({ key: (value) => value, window: 5 }))).toBe(expected);
    }),
  );

  it(
    'tells values apart by their key alone',
    marbles(({ hot, expectObservable }) => {
      const values = { a: { id: 1, n: 1 }, b: { id: 1, n: 2 }, c: { id: 2, n: 3 } };
      const source = hot('  -a-b-c-|', values);
      const expected = '    -a---c-|';

      expectObservable(source.pipe(dedupe({ key: ({ id }) => String(id) }))).toBe(expected, values);
    }),
  );

  it(
    'passes an error of the source, and stops with its subscriber',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const failing = hot(' -a-a-#', undefined, boom);
      const source = hot('  -a-a-b-b-');
      const unsub = '       ----!';
      const subs = '        ^---!';

      expectObservable(failing.pipe(dedupe({ key: String }))).toBe('-a---#', undefined, boom);
      expectObservable(source.pipe(dedupe({ key: String })), unsub).toBe('-a---');
      expectSubscriptions(source.subscriptions).toBe(subs);
    }),
  );

  it('remembers no more than its bound', () => {
    const seen: string[] = [];

    from(['a', 'b', 'c', 'd', 'e', 'a', 'e'])
      .pipe(dedupe({ key: (value) => value, max: 4, scheduler: virtualTime() }))
      .subscribe((value) => seen.push(value));

    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e', 'a']);
  });

  it('fails when the key cannot be had', () => {
    const seen: unknown[] = [];
    const key = () => {
      throw boom;
    };

    of(1, 2)
      .pipe(dedupe({ key }))
      .subscribe({ next: (value) => seen.push(value), error: (error) => seen.push(error) });

    expect(seen).toEqual([boom]);
  });

  it.each([
    { options: { window: 0 }, message: "'window' must be above 0 ms, not 0" },
    { options: { max: 1 }, message: "'max' must be at least 2, not 1" },
  ])('refuses $options when it is called, not when somebody subscribes', ({ options, message }) => {
    expect(() => dedupe({ key: String, ...options })).toThrow(new RangeError(message));
  });
});
