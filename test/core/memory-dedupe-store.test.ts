import fc from 'fast-check';
import { type Claim, type ClaimResult, type MemoryDedupeStore, memoryDedupeStore } from 'millrace';
import { virtualTime } from 'millrace/testing';
import { describe, expect, it } from 'vitest';

/** Claims what nobody has. */
function claimed(store: MemoryDedupeStore, key: string): Claim {
  const result = store.claim(key) as ClaimResult;
  if (typeof result === 'string') throw new Error(`${key} is ${result}`);
  return result;
}

function handled(store: MemoryDedupeStore, ...keys: string[]): void {
  for (const key of keys) void claimed(store, key).commit();
}

describe('memoryDedupeStore', () => {
  it('lets one at a time claim a key', () => {
    const store = memoryDedupeStore({ scheduler: virtualTime() });

    expect([store.claim('a'), store.claim('a'), store.claim('b')]).toEqual([
      expect.objectContaining({ key: 'a' }),
      'busy',
      expect.objectContaining({ key: 'b' }),
    ]);
  });

  it('remembers what was committed', () => {
    const store = memoryDedupeStore({ scheduler: virtualTime() });

    handled(store, 'a');

    expect([store.claim('a'), store.size]).toEqual(['duplicate', 1]);
  });

  it('forgets what was released', () => {
    const store = memoryDedupeStore({ scheduler: virtualTime() });

    void claimed(store, 'a').release();
    const { size } = store;

    expect(size).toBe(0);
    expect(typeof store.claim('a')).toBe('object');
  });

  it('takes one end of a claim, the first', () => {
    const store = memoryDedupeStore({ scheduler: virtualTime() });
    const [first, second] = [claimed(store, 'a'), claimed(store, 'b')];

    void first.commit();
    void first.release();
    void second.release();
    void second.commit();

    expect(store.claim('a')).toBe('duplicate');
    expect(typeof store.claim('b')).toBe('object');
  });

  it('remembers for its time, from the commit on', async () => {
    const time = virtualTime();
    const store = memoryDedupeStore({ ttl: 100, scheduler: time });
    const claim = claimed(store, 'a');
    await time.advanceTo(1_000);
    void claim.commit();

    await time.advanceTo(1_099);
    const last = store.claim('a');
    await time.advanceTo(1_100);

    expect(last).toBe('duplicate');
    expect(typeof store.claim('a')).toBe('object');
  });

  it('lets a claim be claimed again when nobody ended it in time, and the first one end nothing then', async () => {
    const time = virtualTime();
    const store = memoryDedupeStore({ claimTtl: 100, scheduler: time });
    const first = claimed(store, 'a');

    await time.advanceTo(99);
    const before = store.claim('a');
    await time.advanceTo(100);
    const second = claimed(store, 'a');
    void first.release();
    void first.commit();

    expect([before, store.claim('a')]).toEqual(['busy', 'busy']);
    void second.commit();
    expect(store.claim('a')).toBe('duplicate');
    expect(store.size).toBe(1);
  });

  it('remembers at least half of its bound, and never more than it', () => {
    const store = memoryDedupeStore({ max: 100, scheduler: virtualTime() });
    const keys = Array.from({ length: 1_000 }, (_, index) => String(index));
    let largest = 0;

    for (const key of keys) {
      handled(store, key);
      largest = Math.max(largest, store.size);
    }

    const newestFirst = keys.toReversed().map((key) => store.claim(key) === 'duplicate');
    expect(largest).toBe(100);
    expect(newestFirst.slice(0, 50)).not.toContain(false);
    expect(newestFirst.slice(100)).not.toContain(true);
  });

  it('forgets no claim that is held, however many events come', () => {
    const store = memoryDedupeStore({ max: 10, scheduler: virtualTime() });
    const held = claimed(store, 'held');

    for (let index = 0; index < 500; index += 1) handled(store, String(index));
    const before = store.claim('held');
    void held.commit();

    expect([before, store.claim('held')]).toEqual(['busy', 'duplicate']);
    expect(store.size).toBeLessThanOrEqual(11);
  });

  it('releases and forgets what is in its older half, too', async () => {
    const time = virtualTime();
    const store = memoryDedupeStore({ max: 4, claimTtl: 100, ttl: 100, scheduler: time });
    const held = claimed(store, 'held');
    handled(store, 'a', 'b', 'c'); // 'held' and 'a' are the older half now

    void held.release();
    const released = store.size;
    const again = claimed(store, 'held');
    await time.advanceBy(100);
    const expired = claimed(store, 'a');

    expect(released).toBeLessThan(4);
    expect(store.claim('a')).toBe('busy');
    void expired.release();
    expect(typeof store.claim('a')).toBe('object');
    void again.release();
    expect(typeof store.claim('held')).toBe('object');
  });

  it('takes a key again that was let go, over and over', () => {
    const store = memoryDedupeStore({ max: 10, scheduler: virtualTime() });

    for (let index = 0; index < 100_000; index += 1) void claimed(store, 'a').release();
    handled(store, 'a');

    expect([store.claim('a'), store.size]).toEqual(['duplicate', 1]);
  });

  it('forgets nothing that was handled for the sake of what was let go', () => {
    const store = memoryDedupeStore({ max: 10, scheduler: virtualTime() });
    handled(store, 'a');

    for (let index = 0; index < 1_000; index += 1) void claimed(store, String(index)).release();

    expect([store.claim('a'), store.size]).toEqual(['duplicate', 1]);
  });

  it('holds far more claims than its bound, each of which can still be ended', () => {
    const store = memoryDedupeStore({ max: 2, scheduler: virtualTime() });
    const keys = Array.from({ length: 20_000 }, (_, index) => String(index));
    const claims = keys.map((key) => claimed(store, key));

    const again = keys.filter((key) => store.claim(key) !== 'busy');
    for (const claim of claims) void claim.release();

    expect(again).toEqual([]);
    expect(store.size).toBe(0);
  });

  it('lets go of what a claim holds that outlived its time, when its generation is forgotten', async () => {
    const time = virtualTime();
    const store = memoryDedupeStore({ max: 4, claimTtl: 100, scheduler: time });
    const late = claimed(store, 'late');
    await time.advanceBy(100);

    handled(store, 'a', 'b', 'c', 'd', 'e');
    void late.commit();

    expect(typeof store.claim('late')).toBe('object');
    expect(store.size).toBeLessThanOrEqual(4);
  });

  it('takes a bound of 2', () => {
    const store = memoryDedupeStore({ max: 2, scheduler: virtualTime() });

    handled(store, 'a', 'b', 'c');

    expect([store.claim('c'), store.size]).toEqual(['duplicate', 2]);
  });

  it('sets no timer', () => {
    const time = virtualTime();
    const store = memoryDedupeStore({ scheduler: time });

    handled(store, 'a', 'b');
    store.claim('c');

    expect(time.pending).toBe(0);
  });

  it.each([
    { options: { ttl: 0 }, message: "'ttl' must be above 0 ms, not 0" },
    { options: { ttl: Number.NaN }, message: "'ttl' must be above 0 ms, not NaN" },
    { options: { max: 1 }, message: "'max' must be at least 2, not 1" },
    { options: { claimTtl: 0 }, message: "'claimTtl' must be above 0 ms, not 0" },
  ])('refuses $options', ({ options, message }) => {
    expect(() => memoryDedupeStore(options)).toThrow(new RangeError(message));
  });
});

describe('memoryDedupeStore, whatever happens', () => {
  const TTL = 50;
  const CLAIM_TTL = 80;
  const MAX = 8;
  const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l');
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ claim: keys }) },
    { weight: 2, arbitrary: fc.record({ commit: fc.nat(11) }) },
    { weight: 1, arbitrary: fc.record({ release: fc.nat(11) }) },
    { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 60 }) }) },
  );

  /** What the store must know, if it forgot nothing for lack of room. */
  interface Known {
    readonly claim: Claim;
    state: 'claimed' | 'committed';
    until: number;
  }

  it('grants no claim twice, says duplicate only of what was committed, and keeps its bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 120 }), async (commands) => {
        const time = virtualTime();
        const store = memoryDedupeStore({ ttl: TTL, claimTtl: CLAIM_TTL, max: MAX, scheduler: time });
        const known = new Map<string, Known>();
        const held = (): [string, Known][] => [...known].filter(([, { state }]) => state === 'claimed');

        for (const one of commands) {
          if ('wait' in one) await time.advanceBy(one.wait);
          else if ('claim' in one) {
            const answer = store.claim(one.claim) as ClaimResult;
            const entry = known.get(one.claim);
            const alive = entry !== undefined && time.now() < entry.until;
            if (answer === 'duplicate') expect(alive && entry.state).toBe('committed');
            else if (answer === 'busy') expect(alive && entry.state).toBe('claimed');
            else {
              expect(alive && entry.state === 'claimed').toBe(false);
              known.set(one.claim, { claim: answer, state: 'claimed', until: time.now() + CLAIM_TTL });
            }
          } else if ('commit' in one) {
            const [, entry] = held()[one.commit] ?? [];
            void entry?.claim.commit();
            if (entry !== undefined) Object.assign(entry, { state: 'committed', until: time.now() + TTL });
          } else {
            const [key, entry] = held()[one.release] ?? [];
            void entry?.claim.release();
            if (key !== undefined) known.delete(key);
          }
          expect(store.size).toBeLessThanOrEqual(MAX + held().length);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
