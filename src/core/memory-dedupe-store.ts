import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { ClaimTable, COMMITTED } from './claim-table.ts';
import type { Claim, DedupeStore } from './dedupe-store.ts';
import { KeyReader } from './key-reader.ts';

/** Options for {@link memoryDedupeStore}. */
export interface MemoryDedupeStoreOptions {
  /** How long a handled event is remembered, in ms. @defaultValue `3_600_000` */
  readonly ttl?: number;
  /** How many events are remembered at most; about half of them are forgotten at once. @defaultValue `100_000` */
  readonly max?: number;
  /** After how long a claim that nobody commits or releases may be claimed again, in ms. @defaultValue `600_000` */
  readonly claimTtl?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** A dedup store in this process. */
export interface MemoryDedupeStore extends DedupeStore {
  /** How many events it remembers or sees claimed. */
  readonly size: number;
}

/**
 * Makes a bounded store in this process: it knows what this process has handled, and forgets it when it ends.
 *
 * Two generations: events enter the young one; when it holds half of `max`, the old one is forgotten, but for claims
 * that are still held. So nothing is ever searched for its oldest entry, and between half of `max` and `max` events are
 * remembered.
 */
export function memoryDedupeStore(options: MemoryDedupeStoreOptions = {}): MemoryDedupeStore {
  const { ttl = 3_600_000, max = 100_000, claimTtl = 600_000, scheduler = asyncScheduler } = options;
  if (!(ttl > 0)) throw new RangeError(`'ttl' must be above 0 ms, not ${ttl}`);
  if (!(max >= 2)) throw new RangeError(`'max' must be at least 2, not ${max}`);
  if (!(claimTtl > 0)) throw new RangeError(`'claimTtl' must be above 0 ms, not ${claimTtl}`);
  const generationSize = Math.floor(max / 2);
  const reader = new KeyReader();
  let young = new ClaimTable();
  let old = new ClaimTable();
  /** How many entries the young generation may hold. */
  let room = generationSize;
  let claims = 0;

  function forgetOld(now: number): void {
    const forgotten = old;
    old = young;
    young = forgotten;
    young.keep((holder, until) => holder > COMMITTED && now < until);
    // Where more claims are held than there is room for, it gets room for some more, so as not to carry them each time.
    room = Math.max(generationSize, young.live + Math.max(1, young.live >> 3));
  }

  const home: Home = {
    until: () => scheduler.now() + ttl,
    find(key, holder) {
      reader.read(key);
      for (const table of [young, old]) {
        const entry = table.find(reader);
        if (table.isHeldBy(holder, entry)) return { table, entry };
      }
      return undefined;
    },
  };

  return {
    get size() {
      return young.live + old.live;
    },
    claim(key) {
      const now = scheduler.now();
      reader.read(key);
      let entry = young.find(reader);
      if (entry >= 0) {
        if (young.holds(entry, now)) return answerOf(young, entry);
        young.release(entry);
      } else {
        const before = old.find(reader);
        if (before >= 0) {
          if (old.holds(before, now)) return answerOf(old, before);
          old.release(before);
        }
      }
      if (young.live >= room) {
        forgetOld(now);
        entry = -1;
      }
      claims += 1;
      if (entry < 0) entry = young.add(reader, claims, now + claimTtl);
      else young.take(entry, claims, now + claimTtl);
      return new TableClaim(key, claims, young, entry, home);
    },
  };
}

function answerOf(table: ClaimTable, entry: number): 'duplicate' | 'busy' {
  return table.holders[entry] === COMMITTED ? 'duplicate' : 'busy';
}

/** The tables that a claim may have moved to. */
interface Home {
  /** Until when what is committed now is remembered. */
  until(): number;
  /** Where a key is still held by a claim. */
  find(key: string, holder: number): { readonly table: ClaimTable; readonly entry: number } | undefined;
}

/** A claim, which knows where its entry was when it was made: there it still is, as a rule. */
class TableClaim implements Claim {
  readonly key: string;
  readonly #holder: number;
  readonly #home: Home;
  #table: ClaimTable;
  #entry: number;

  constructor(key: string, holder: number, table: ClaimTable, entry: number, home: Home) {
    this.key = key;
    this.#holder = holder;
    this.#table = table;
    this.#entry = entry;
    this.#home = home;
  }

  commit(): void {
    if (this.#isHeld()) this.#table.commit(this.#entry, this.#home.until());
  }

  release(): void {
    if (this.#isHeld()) this.#table.release(this.#entry);
  }

  /** Whether nobody has the key but this claim; finds its entry again where the tables were made anew. */
  #isHeld(): boolean {
    if (this.#table.isHeldBy(this.#holder, this.#entry)) return true;
    const place = this.#home.find(this.key, this.#holder);
    if (place === undefined) return false;
    this.#table = place.table;
    this.#entry = place.entry;
    return true;
  }
}
