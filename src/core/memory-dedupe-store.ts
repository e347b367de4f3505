import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { Claim, DedupeStore } from './dedupe-store.ts';

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
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();

  function insert(entry: Entry): void {
    if (young.size >= generationSize) {
      const forgotten = old;
      old = young;
      young = new Map();
      for (const held of forgotten.values()) if (held.state === 'claimed') young.set(held.key, held);
    }
    young.set(entry.key, entry);
  }

  function forget(entry: Entry): void {
    if (young.get(entry.key) === entry) young.delete(entry.key);
    else if (old.get(entry.key) === entry) old.delete(entry.key);
  }

  /** Times are reckoned from here: small numbers take no room of their own beside the entry that holds them. */
  const start = scheduler.now();
  const now = () => Math.floor(scheduler.now() - start);
  const bounds: Bounds = { ttl, now, forget };

  return {
    get size() {
      return young.size + old.size;
    },
    claim(key) {
      const at = now();
      const known = young.get(key) ?? old.get(key);
      if (known !== undefined) {
        if (at < known.until) return known.state === 'committed' ? 'duplicate' : 'busy';
        known.state = 'lost';
        forget(known);
      }
      const entry = new Entry(key, at + claimTtl, bounds);
      insert(entry);
      return entry;
    },
  };
}

interface Bounds {
  readonly ttl: number;
  now(): number;
  forget(entry: Entry): void;
}

/** What is remembered of an event, and the claim on it: one object, as there is one for each message. */
class Entry implements Claim {
  readonly key: string;
  state: 'claimed' | 'committed' | 'lost' = 'claimed';
  /** Until when it holds, in ms since the store was made. */
  until: number;
  readonly bounds: Bounds;

  constructor(key: string, until: number, bounds: Bounds) {
    this.key = key;
    this.until = until;
    this.bounds = bounds;
  }

  commit(): void {
    if (this.state !== 'claimed') return;
    this.state = 'committed';
    this.until = this.bounds.now() + this.bounds.ttl;
  }

  release(): void {
    if (this.state !== 'claimed') return;
    this.state = 'lost';
    this.bounds.forget(this);
  }
}
