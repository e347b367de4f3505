import { EMPTY, from, NEVER, Observable, of, Subject, Subscription, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { isInput, isPromiseLike, whenDone } from '../../src/core/when-done.ts';
import { boom } from '../support/made.ts';

/** How whatever a function returned ends: `done` or `fail`, with what. */
function run(result: unknown): { ends: unknown[]; work: ReturnType<typeof whenDone> } {
  const ends: unknown[] = [];
  const work = whenDone<unknown>(
    result as never,
    (value) => ends.push(['done', value]),
    (error) => ends.push(['fail', error]),
  );
  return { ends, work };
}

async function* asyncNumbers(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

function* failingNumbers(): Generator<number> {
  yield 1;
  throw boom;
}

/** Something with a `then`, whatever that is. */
function thenable(then: unknown, of: object = {}): object {
  return Object.defineProperty(of, 'then', { value: then });
}

const interop = { '@@observable': () => of(1, 2) };

describe('whenDone', () => {
  it.each([undefined, null, 0, false, '', 'text', 5, 5n, { total: 5 }, () => 5, new Date(0)])(
    'is done at once with a plain value: %s',
    (value) => {
      const { ends, work } = run(value);

      expect(ends).toEqual([['done', value]]);
      expect(work).toBeUndefined();
    },
  );

  it.each([
    { name: 'an Observable', result: of(1, 2), last: 2 },
    { name: 'an empty Observable', result: EMPTY, last: undefined },
    { name: 'an array', result: [1, 2], last: 2 },
    { name: 'an iterable', result: new Set([1, 2]), last: 2 },
    { name: 'an Observable of another library', result: interop, last: 2 },
  ])('is done with the last value of $name', ({ result, last }) => {
    expect(run(result).ends).toEqual([['done', last]]);
  });

  it.each([
    { name: 'an Observable', result: throwError(() => boom) },
    { name: 'an Observable with values', result: from(failingNumbers()) },
    { name: 'an iterable', result: failingNumbers() },
    {
      name: 'an Observable that throws when subscribed',
      result: new Observable(() => {
        throw boom;
      }),
    },
  ])('fails with the error of $name', ({ result }) => {
    expect(run(result).ends).toEqual([['fail', boom]]);
  });

  it.each([
    { name: 'a promise', result: () => Promise.resolve(5), end: ['done', 5] },
    { name: 'a promise of nothing', result: () => Promise.resolve(), end: ['done', undefined] },
    { name: 'a rejection', result: () => Promise.reject(boom), end: ['fail', boom] },
    { name: 'a thenable', result: () => thenable((done: (value: number) => void) => done(5)), end: ['done', 5] },
    {
      name: 'a callable thenable',
      result: () =>
        thenable(
          (done: (value: number) => void) => done(5),
          () => undefined,
        ),
      end: ['done', 5],
    },
    { name: 'an async iterable', result: () => asyncNumbers(), end: ['done', 2] },
    {
      name: 'a readable stream',
      result: () =>
        new ReadableStream({
          start(controller) {
            controller.enqueue(1);
            controller.enqueue(2);
            controller.close();
          },
        }),
      end: ['done', 2],
    },
  ])('takes $name', async ({ result, end }) => {
    const { ends } = run(result());
    await new Promise((resolve) => setImmediate(resolve));

    expect(ends).toEqual([end]);
  });

  it('is done when it completes, not when it emits', () => {
    const source = new Subject<number>();

    const { ends } = run(source);
    source.next(1);
    source.next(2);
    const before = [...ends];
    source.complete();

    expect([before, ends]).toEqual([[], [['done', 2]]]);
  });

  it('cancels an Observable, and cannot cancel a promise', () => {
    const source = new Subject<number>();

    const { work } = run(source);
    work?.unsubscribe();

    expect(work).toBeInstanceOf(Subscription);
    expect(source.observed).toBe(false);
    expect(run(Promise.resolve()).work).toBeUndefined();
  });

  it.each([
    {
      name: 'its then throws',
      result: thenable(() => {
        throw boom;
      }),
      error: boom,
    },
    { name: 'its iterator is none', result: { [Symbol.iterator]: 5 }, error: expect.any(TypeError) },
    { name: 'its interop point is none', result: { '@@observable': 5 }, error: expect.any(TypeError) },
  ])('fails where something only looks as if it took time: $name', ({ result, error }) => {
    expect(run(result).ends).toEqual([['fail', error]]);
  });
});

describe('isInput', () => {
  it.each([of(1), NEVER, Promise.resolve(), [1], new Set(), asyncNumbers(), interop, new Uint8Array(2)])(
    'takes %s',
    (result) => {
      expect(isInput(result as never)).toBe(true);
    },
  );

  it.each([undefined, null, 'text', 5, {}, () => 5, thenable(5), Symbol('x'), new Date(0)])(
    'takes %s for a value',
    (result) => {
      expect(isInput(result as never)).toBe(false);
    },
  );
});

describe('isPromiseLike', () => {
  it('asks for a then that can be called', () => {
    const answers = [Promise.resolve(), thenable(5), {}, null, undefined, 'then', of(1)].map((value) =>
      isPromiseLike(value),
    );

    expect(answers).toEqual([true, false, false, false, false, false, false]);
  });
});
