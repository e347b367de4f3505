import { handle, type Outcome } from 'millrace';
import { fakeDelivery, virtualTime } from 'millrace/testing';
import { concat, EMPTY, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom, failed, succeeded } from '../support/made.ts';
import { promises } from '../support/stores.ts';

async function* numbers(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw boom;
}

/** What became of one delivery, by a handler that returns what `work` returns. */
async function outcomeOf(work: () => unknown): Promise<Partial<Outcome>> {
  const seen: Outcome[] = [];
  const subscription = of(fakeDelivery())
    .pipe(handle(work, { scheduler: virtualTime() }))
    .subscribe((outcome) => seen.push(outcome));
  await promises();
  subscription.unsubscribe();
  expect(seen).toHaveLength(1);
  const { delivery: _, ...rest } = seen[0] as Outcome;
  return rest;
}

describe('handle, with a handler that', () => {
  it.each<{ does: string; work: () => unknown; value: unknown }>([
    { does: 'returns nothing', work: () => undefined, value: undefined },
    { does: 'returns null', work: () => null, value: null },
    { does: 'returns a value', work: () => ({ total: 5 }), value: { total: 5 } },
    { does: 'returns a text', work: () => 'done', value: 'done' },
    { does: 'returns an Observable', work: () => of(1, 2), value: 2 },
    { does: 'returns an Observable that completes empty', work: () => EMPTY, value: undefined },
    { does: 'returns a promise', work: () => Promise.resolve(5), value: 5 },
    { does: 'is async and returns nothing', work: async () => undefined, value: undefined },
    { does: 'returns an array', work: () => [1, 2], value: 2 },
    { does: 'is an async generator', work: () => numbers(), value: 2 },
  ])('$does, succeeds', async ({ work, value }) => {
    expect(await outcomeOf(work)).toEqual({ kind: 'succeeded', value });
  });

  it.each<{ does: string; work: () => unknown }>([
    {
      does: 'throws',
      work: () => {
        throw boom;
      },
    },
    { does: 'rejects', work: () => Promise.reject(boom) },
    {
      does: 'is async and throws',
      work: async () => {
        throw boom;
      },
    },
    { does: 'returns an Observable error', work: () => throwError(() => boom) },
    { does: 'is an async generator and throws', work: () => failing() },
    {
      does: 'returns what only looks like a promise',
      work: () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is the case
        get then() {
          return () => {
            throw boom;
          };
        },
      }),
    },
  ])('$does, fails', async ({ work }) => {
    expect(await outcomeOf(work)).toEqual({ kind: 'failed', error: boom });
  });

  it.each([undefined, null, 'a text', 0])('throws %s, fails with that', async (thrown) => {
    const work = () => {
      throw thrown;
    };

    expect(await outcomeOf(work)).toEqual({ kind: 'failed', error: thrown });
  });

  it('emits, and never completes, is not done', () => {
    const seen: Outcome[] = [];

    const subscription = of(fakeDelivery())
      .pipe(handle(() => concat(of(1), NEVER), { scheduler: virtualTime() }))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([]);
    subscription.unsubscribe();
  });

  it('keeps its delivery', () => {
    const delivery = fakeDelivery();
    const seen: unknown[] = [];

    of(delivery)
      .pipe(handle((given) => seen.push(given)))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([delivery, succeeded(delivery, 1)]);
    expect(seen[0]).toBe(delivery);
  });

  it('answers more than once, is one outcome', async () => {
    const seen: Outcome[] = [];
    const delivery = fakeDelivery();
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: that is the case
      then(done: (value: number) => void, fail: (error: unknown) => void) {
        done(1);
        fail(boom);
        done(2);
      },
    };

    of(delivery)
      .pipe(handle(() => twice as unknown as Promise<number>))
      .subscribe((outcome) => seen.push(outcome));
    await promises();

    expect(seen).toEqual([succeeded(delivery, 1)]);
    expect(seen).not.toContainEqual(failed(delivery));
  });
});
