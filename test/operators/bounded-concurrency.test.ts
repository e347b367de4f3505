import { type BoundedConcurrencyOptions, BufferOverflowError, boundedConcurrency } from 'millrace';
import { marbles } from 'millrace/testing';
import { EMPTY, NEVER, Observable, of, Subject, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';

describe('boundedConcurrency', () => {
  operatorLaws<number, number>(
    () => boundedConcurrency((n) => [n]),
    (n) => n,
  );

  it(
    'runs so many at a time, and the others in their order',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  abcd---|');
      const inner = cold('  --x|');
      const subs = [
        '                   ^--!',
        '                   -^--!',
        '                   ---^--!',
        '                   ----^--!',
      ];
      const expected = '    --xx-xx|';

      expectObservable(source.pipe(boundedConcurrency(() => inner, { concurrency: 2 }))).toBe(expected);
      expectSubscriptions(inner.subscriptions).toBe(subs);
    }),
  );

  it(
    'completes when the source and all that run and wait have',
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  ab|');
      const inner = cold('  ---x|');
      const expected = '    ---x---x|';

      expectObservable(source.pipe(boundedConcurrency(() => inner, { concurrency: 1 }))).toBe(expected);
    }),
  );

  it(
    'passes an error of the source at once, and stops what runs',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  a-#', undefined, boom);
      const inner = cold('  -x--x|');
      const subs = '        ^-!';
      const expected = '    -x#';

      expectObservable(source.pipe(boundedConcurrency(() => inner))).toBe(expected, undefined, boom);
      expectSubscriptions(inner.subscriptions).toBe(subs);
    }),
  );

  it(
    'passes an error of what runs at once, and stops the rest',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  ab-c---');
      const subs = '        ^-!';
      const inners = { a: cold('----x|'), b: cold('-#', undefined, boom), c: cold('x|') };
      const innerSubs = '   ^-!';
      const expected = '    --#';
      const project = (value: string) => inners[value as keyof typeof inners];

      expectObservable(source.pipe(boundedConcurrency(project))).toBe(expected, undefined, boom);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(inners.a.subscriptions).toBe(innerSubs);
      expectSubscriptions(inners.c.subscriptions).toBe([]);
    }),
  );

  it(
    'stops everything when it is unsubscribed',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  abc---');
      const inner = cold('  -x---x---|');
      const subs = '        ^--!';
      const unsub = '       ---!';
      const expected = '    -x--';

      expectObservable(source.pipe(boundedConcurrency(() => inner, { concurrency: 1 })), unsub).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectSubscriptions(inner.subscriptions).toBe(subs);
    }),
  );

  it('takes what RxJS takes, tells each its index, and runs 16 at a time by default', () => {
    const seen: unknown[] = [];
    let running = 0;

    of('a', 'b')
      .pipe(boundedConcurrency((value, index) => [`${value}${index}`]))
      .subscribe((value) => seen.push(value));
    const subscription = of(...Array.from({ length: 20 }, (_, n) => n))
      .pipe(
        boundedConcurrency(() => {
          running += 1;
          return NEVER;
        }),
      )
      .subscribe();

    expect([seen, running]).toEqual([['a0', 'b1'], 16]);
    subscription.unsubscribe();
  });

  it('takes up what waits in turn, not by recursion', () => {
    const source = new Subject<number>();
    const first = new Subject<number>();
    let count = 0;
    source
      .pipe(boundedConcurrency((n) => (n === 0 ? first : of(n)), { concurrency: 1, buffer: 20_000 }))
      .subscribe(() => {
        count += 1;
      });

    for (let n = 0; n <= 20_000; n += 1) source.next(n);
    first.complete();

    expect(count).toBe(20_000);
  });

  it('stops what runs without letting go of the thread', () => {
    let pulled = 0;
    const endless = new Observable<number>((subscriber) => {
      while (!subscriber.closed && pulled < 1_000) subscriber.next(++pulled);
    });
    const seen: unknown[] = [];

    of('a')
      .pipe(
        boundedConcurrency(() => endless),
        take(3),
      )
      .subscribe({ next: (n) => seen.push(n), complete: () => seen.push('complete') });

    expect(seen).toEqual([1, 2, 3, 'complete']);
    expect(pulled).toBeLessThan(5);
  });

  it('fails when the callback throws, and runs nothing more', () => {
    const seen: unknown[] = [];
    const source = new Subject<number>();
    source
      .pipe(
        boundedConcurrency((n) => {
          if (n === 2) throw boom;
          return of(n);
        }),
      )
      .subscribe({ next: (n) => seen.push(n), error: (error) => seen.push(error) });

    for (const n of [1, 2, 3]) source.next(n);

    expect(seen).toEqual([1, boom]);
    expect(source.observed).toBe(false);
  });

  it('fails when what waited throws at last', () => {
    const seen: unknown[] = [];
    const first = new Subject<never>();
    const project = (n: number): Observable<never> => {
      if (n === 2) throw boom;
      return first;
    };

    of(1, 2, 3)
      .pipe(boundedConcurrency(project, { concurrency: 1 }))
      .subscribe({ error: (error) => seen.push(error) });
    first.complete();

    expect(seen).toEqual([boom]);
  });

  it('loses nothing when the callback ends the source', () => {
    const source = new Subject<number>();
    const seen: unknown[] = [];
    source
      .pipe(
        boundedConcurrency((n, index) => {
          if (index === 0) source.next(n + 1);
          else source.complete();
          return of(`${n} at ${index}`);
        }),
      )
      .subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });

    source.next(1);

    expect(seen).toEqual(['2 at 1', '1 at 0', 'complete']);
  });
});

describe('boundedConcurrency, when its buffer is full,', () => {
  /** Sends 1, 2, … to one slot and a buffer of 2, and ends the first of them. */
  function send(count: number, options: Partial<BoundedConcurrencyOptions<number>>) {
    const source = new Subject<number>();
    const first = new Subject<number>();
    const [seen, dropped]: [unknown[], unknown[]] = [[], []];
    const onDrop = (value: number, total: number): number => dropped.push([value, total]);
    source
      .pipe(boundedConcurrency((n) => (n === 1 ? first : of(n)), { concurrency: 1, buffer: 2, onDrop, ...options }))
      .subscribe({
        next: (n) => seen.push(n),
        error: (error) => seen.push(error),
        complete: () => seen.push('complete'),
      });
    for (let n = 1; n <= count; n += 1) source.next(n);
    source.complete();
    first.complete();
    return { seen, dropped, source };
  }

  it('takes what finds room', () => {
    expect(send(3, {})).toMatchObject({ seen: [2, 3, 'complete'], dropped: [] });
  });

  it('fails, where nothing else is said', () => {
    const { seen, source } = send(4, {});

    expect(seen).toEqual([new BufferOverflowError('The buffer of boundedConcurrency', 2)]);
    expect(source.observed).toBe(false);
  });

  it('drops the oldest, and says so', () => {
    expect(send(5, { overflow: 'drop-oldest' })).toMatchObject({
      seen: [4, 5, 'complete'],
      dropped: [
        [2, 1],
        [3, 2],
      ],
    });
  });

  it('drops the newest, and says so', () => {
    expect(send(5, { overflow: 'drop-newest' })).toMatchObject({
      seen: [2, 3, 'complete'],
      dropped: [
        [4, 1],
        [5, 2],
      ],
    });
  });

  it('drops the newest where none can wait', () => {
    expect(send(3, { overflow: 'drop-oldest', buffer: 0 })).toMatchObject({
      seen: ['complete'],
      dropped: [
        [2, 1],
        [3, 2],
      ],
    });
  });

  it('fails when the one that is told throws', () => {
    const onDrop = (): never => {
      throw boom;
    };

    expect(send(4, { overflow: 'drop-newest', onDrop }).seen).toEqual([boom]);
  });

  it.each<{ options: BoundedConcurrencyOptions<number>; error: Error }>([
    { options: { concurrency: 0 }, error: new RangeError("'concurrency' must be at least 1, not 0") },
    { options: { buffer: -1 }, error: new RangeError("'buffer' must be at least 0, not -1") },
    {
      options: { overflow: 'drop' as never },
      error: new TypeError("'overflow' must be 'error', 'drop-oldest' or 'drop-newest', not 'drop'"),
    },
  ])('refuses $options', ({ options, error }) => {
    expect(() => boundedConcurrency(() => EMPTY, options)).toThrow(error);
  });

  it('passes an error that comes first', () => {
    const seen: unknown[] = [];

    throwError(() => boom)
      .pipe(boundedConcurrency(() => NEVER))
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toEqual([boom]);
  });
});
