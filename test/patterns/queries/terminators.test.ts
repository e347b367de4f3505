import fc from 'fast-check';
import {
  type Answer,
  allOf,
  anyOf,
  BufferOverflowError,
  count,
  DecodeError,
  deadline,
  predicate,
  quorum,
  RemoteError,
  sentinel,
  stall,
  type Until,
} from 'millrace';
import { type MarblesHelpers, marbles } from 'millrace/testing';
import { from, lastValueFrom, NEVER, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../../support/made.ts';
import { sample } from './support.ts';

const answers: Readonly<Record<string, Answer>> = {
  a: { kind: 'reply', event: sample('1', 'a') },
  A: { kind: 'reply', event: sample('2', 'a') },
  b: { kind: 'reply', event: sample('3', 'b') },
  e: { kind: 'ended' },
  f: { kind: 'failed', error: new RemoteError('BUSY', 'busy') },
  u: { kind: 'unreadable', error: new DecodeError('must be JSON', new Uint8Array()) },
};

/** Compares the kinds of the reasons: `x` stands for that of the terminator. */
function expectReasons({ hot, expectObservable, scheduler }: MarblesHelpers, until: Until, source: string) {
  return expectObservable(until.watch(hot(source, answers), scheduler));
}

describe('count', () => {
  it(
    'ends with the nth reply, and counts nothing else',
    marbles((helpers) => {
      const source = '  -e-a-f-u-b-a';
      const expected = '---------(x|)';

      expectReasons(helpers, count(2), source).toBe(expected, { x: { kind: 'count', count: 2 } });
    }),
  );

  it.each([0, -1, 1.5, Number.NaN])('refuses %d', (n) => {
    expect(() => count(n)).toThrow(RangeError);
  });
});

describe('stall', () => {
  it(
    'ends when nothing has come for a while, and waits for a first answer',
    marbles((helpers) => {
      const source = '  ------a--b--------';
      const expected = '--------------x---';

      expectReasons(helpers, stall(5), source).toBe(expected, { x: { kind: 'stall', silence: 5 } });
    }),
  );

  it.each([0, -1, 600_000, Number.NaN])('refuses %d', (silence) => {
    expect(() => stall(silence)).toThrow(
      new RangeError(`'silence' must be above 0 and below 600000 ms, not ${silence}`),
    );
  });
});

describe('deadline', () => {
  it(
    'ends at its time, whatever has come',
    marbles((helpers) => {
      const source = '  -a--------b';
      const expected = '-----(x|)';

      expectReasons(helpers, deadline(5), source).toBe(expected, { x: { kind: 'deadline', time: 5 } });
    }),
  );

  it.each([0, 600_000])('refuses %d', (time) => {
    expect(() => deadline(time)).toThrow(RangeError);
  });
});

describe('sentinel', () => {
  it(
    'ends when so many responders have ended or failed',
    marbles((helpers) => {
      const source = '  -a-e-a-u-f-e';
      const expected = '---------(x|)';

      expectReasons(helpers, sentinel(2), source).toBe(expected, { x: { kind: 'sentinel', responders: 2 } });
    }),
  );
});

describe('quorum', () => {
  it(
    'ends with the reply that makes enough agree, and says which those are',
    marbles((helpers) => {
      const source = '  -a-b-f-A-';
      const expected = '-------(x|)';

      const agreed = [sample('1', 'a'), sample('2', 'a')];
      expectReasons(helpers, quorum(2), source).toBe(expected, { x: { kind: 'quorum', agreed } });
    }),
  );

  it(
    'compares what it is told to compare',
    marbles((helpers) => {
      const source = '  -a-b-';
      const expected = '---(x|)';

      const agreed = [sample('1', 'a'), sample('3', 'b')];
      const until = quorum(2, ({ type }) => type);
      expectReasons(helpers, until, source).toBe(expected, { x: { kind: 'quorum', agreed } });
    }),
  );

  it.each([
    ['the order of fields', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['who made the bytes', new Uint8Array([1, 2]), Buffer.from([1, 2])],
    ['nothing', undefined, undefined],
    ['null', null, null],
    ['big integers', { n: 12n }, { n: 12n }],
  ])('does not depend on %s', async (_, first, second) => {
    expect(await agreement(first, second)).toBe(true);
  });

  it.each<[unknown, unknown]>([
    [1, '1'],
    [null, 'null'],
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, [1]],
    [undefined, null],
    [new Uint8Array([1]), new Uint8Array([2])],
  ])('takes %j and %j for different', async (first, second) => {
    expect(await agreement(first, second)).toBe(false);
  });

  it('ends at the first time that n replies agree, for any replies', async () => {
    const n = 3;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 12 }), async (votes) => {
        const replies = votes.map((vote, index) => ({ kind: 'reply' as const, event: sample(String(index), vote) }));
        const reasons = await lastValueFrom(quorum(n).watch(from(replies), NOW).pipe(toArray()));

        const index = votes.findIndex((vote, at) => votes.slice(0, at + 1).filter((v) => v === vote).length === n);
        const agreed = replies.slice(0, index + 1).filter(({ event }) => event.data === votes[index]);
        if (index < 0) expect(reasons).toEqual([]);
        else
          expect(reasons[0]).toMatchObject({ kind: 'quorum', agreed: agreed.map(({ event }) => ({ id: event.id })) });
      }),
    );
  });

  it('keeps no more than it says', async () => {
    const replies = Array.from({ length: 10_001 }, (_, n): Answer => ({ kind: 'reply', event: sample('1', n) }));

    await expect(lastValueFrom(quorum(2).watch(from(replies), NOW))).rejects.toThrow(BufferOverflowError);
  });

  it('starts afresh for each request', async () => {
    const until = quorum(2);
    const one = from([answers['a'] as Answer]);

    expect(await lastValueFrom(until.watch(one, NOW).pipe(toArray()))).toEqual([]);
    expect(await lastValueFrom(until.watch(one, NOW).pipe(toArray()))).toEqual([]);
  });
});

describe('predicate', () => {
  it(
    'ends with the first answer that it says is enough, and knows the counts',
    marbles((helpers) => {
      const source = '  -a-e-f-u-b-';
      const expected = '---------(x|)';

      const until = predicate(({ kind }, { replies, ended, failed, unreadable }) => {
        return kind === 'reply' && replies === 2 && ended + failed + unreadable === 3;
      });
      expectReasons(helpers, until, source).toBe(expected, { x: { kind: 'predicate' } });
    }),
  );

  it(
    'fails with what it throws',
    marbles((helpers) => {
      const until = predicate(() => {
        throw boom;
      });
      expectReasons(helpers, until, '-a-').toBe('-#', undefined, boom);
    }),
  );
});

describe('anyOf', () => {
  it(
    'ends with the first that says so',
    marbles((helpers) => {
      const source = '  -a------b';
      const expected = '------(x|)';

      expectReasons(helpers, anyOf(count(2), stall(5)), source).toBe(expected, { x: { kind: 'stall', silence: 5 } });
    }),
  );

  it('is patient enough for the most patient', () => {
    expect([anyOf(stall(7), count(1), deadline(5)).patience, allOf(count(1), deadline(5)).patience]).toEqual([7, 5]);
  });
});

describe('allOf', () => {
  it(
    'ends when all have said so',
    marbles((helpers) => {
      const source = '  -a-e------b';
      const expected = '----------(x|)';
      const reasons = [
        { kind: 'count', count: 2 },
        { kind: 'sentinel', responders: 1 },
      ];

      expectReasons(helpers, allOf(count(2), sentinel()), source).toBe(expected, { x: { kind: 'allOf', reasons } });
    }),
  );
});

describe.each([
  { name: 'anyOf', combine: anyOf },
  { name: 'allOf', combine: allOf },
])('$name', ({ combine }) => {
  it('refuses to combine nothing', () => {
    expect(() => combine()).toThrow(TypeError);
  });
});

const NOW = { now: () => 0, schedule: () => NEVER.subscribe() };

/** Whether two replies with these data make a quorum. */
async function agreement(...data: readonly unknown[]): Promise<boolean> {
  const replies = data.map(
    (each, index): Answer => ({ kind: 'reply', event: { ...sample(String(index)), data: each } }),
  );
  return (await lastValueFrom(quorum(2).watch(from(replies), NOW).pipe(toArray()))).length === 1;
}
