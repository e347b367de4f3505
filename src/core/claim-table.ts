import type { Key } from './key-reader.ts';

/** Who holds a key in place of a claim's number, which is above both: nobody, since its event was handled, or let go. */
export const COMMITTED = 0;
export const RELEASED = -1;

const FIRST_CAPACITY = 256;

/** By how much a table grows: to make it anew costs more than room that is not used, which no page of memory backs. */
const GROWTH = 4;

/** The same for the texts of keys: they are most of a table, and only copied. */
const TEXT_GROWTH = 1.5;

/**
 * Keys, each with who holds it and until when, and without an object for any of them: what lives long is a few typed
 * arrays, which the garbage collector never looks into.
 *
 * Open addressing with linear probes. At least half of the slots are always free, so that every search comes to its end.
 * An entry that is released keeps its place, and its key may take it again; it goes when the table is made anew, which
 * gives all entries new numbers. Keys are compared in full: equal hashes make no duplicates.
 *
 * A class, as its arrays are read on the hot path.
 */
export class ClaimTable {
  /** How many entries there are that are not released. */
  live = 0;
  /** How many entries there are. */
  #count = 0;
  /** By entry: the number of the claim on it, {@link COMMITTED} or {@link RELEASED}. */
  holders: Float64Array = new Float64Array(FIRST_CAPACITY);
  /** By entry: until when that holds. */
  untils: Float64Array = new Float64Array(FIRST_CAPACITY);
  #hashes = new Int32Array(FIRST_CAPACITY);
  /** By entry: where its key ends in `units`. It begins where the one before it ends. */
  #ends = new Uint32Array(FIRST_CAPACITY);
  #units = new Uint16Array(16 * FIRST_CAPACITY);
  /** The numbers of entries from 1 on; 0 is a free slot. Their count is a power of two, twice the capacity. */
  #slots = new Int32Array(2 * FIRST_CAPACITY);

  /** Returns the entry of a key, or -1. */
  find({ hash, length, units }: Key): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (slots[slot] as number) - 1;
      if (entry < 0) return -1;
      if (hashes[entry] === hash && this.#isKey(entry, units, length)) return entry;
    }
  }

  /** Adds a key that has no entry, and returns the one it has now. */
  add({ hash, length, units }: Key, holder: number, until: number): number {
    if (this.#count === this.holders.length) this.#makeRoom();
    const entry = this.#count;
    const start = this.#startOf(entry);
    const end = start + length;
    if (end > this.#units.length) this.#units = enlarged(this.#units, new Uint16Array(Math.ceil(TEXT_GROWTH * end)));
    const own = this.#units;
    for (let index = 0; index < length; index += 1) own[start + index] = units[index] as number;
    this.#ends[entry] = end;
    this.#hashes[entry] = hash;
    this.holders[entry] = holder;
    this.untils[entry] = until;
    this.#count = entry + 1;
    this.live += 1;
    this.#link(entry);
    return entry;
  }

  /** Gives an entry that was released to another claim. */
  take(entry: number, holder: number, until: number): void {
    this.holders[entry] = holder;
    this.untils[entry] = until;
    this.live += 1;
  }

  commit(entry: number, until: number): void {
    this.holders[entry] = COMMITTED;
    this.untils[entry] = until;
  }

  release(entry: number): void {
    if (this.holders[entry] === RELEASED) return;
    this.holders[entry] = RELEASED;
    this.live -= 1;
  }

  /** Whether somebody holds an entry, or its event was handled, as of `now`. */
  holds(entry: number, now: number): boolean {
    return this.holders[entry] !== RELEASED && now < (this.untils[entry] as number);
  }

  /** Whether an entry, or what has its number by now, is that of a claim. */
  isHeldBy(holder: number, entry: number): boolean {
    return entry < this.#count && this.holders[entry] === holder;
  }

  /** Makes the table anew with the entries that are wanted, in the same order. */
  keep(wanted: (holder: number, until: number) => boolean): void {
    const count = this.#count;
    const { holders, untils } = this;
    let kept = 0;
    let live = 0;
    let start = 0;
    let keptEnd = 0;
    for (let entry = 0; entry < count; entry += 1) {
      const end = this.#ends[entry] as number;
      const holder = holders[entry] as number;
      const until = untils[entry] as number;
      if (wanted(holder, until)) {
        this.#units.copyWithin(keptEnd, start, end);
        keptEnd += end - start;
        this.#ends[kept] = keptEnd;
        this.#hashes[kept] = this.#hashes[entry] as number;
        holders[kept] = holder;
        untils[kept] = until;
        kept += 1;
        if (holder !== RELEASED) live += 1;
      }
      start = end;
    }
    this.#count = kept;
    this.live = live;
    this.#relink();
  }

  #isKey(entry: number, units: Uint16Array, length: number): boolean {
    const start = this.#startOf(entry);
    if ((this.#ends[entry] as number) - start !== length) return false;
    const own = this.#units;
    for (let index = 0; index < length; index += 1) if (own[start + index] !== units[index]) return false;
    return true;
  }

  #startOf(entry: number): number {
    return entry === 0 ? 0 : (this.#ends[entry - 1] as number);
  }

  /** Throws out what was released where that is at least half, and becomes larger where it is not. */
  #makeRoom(): void {
    if (2 * this.live <= this.#count) return this.keep((holder) => holder !== RELEASED);
    const capacity = GROWTH * this.#count;
    this.holders = enlarged(this.holders, new Float64Array(capacity));
    this.untils = enlarged(this.untils, new Float64Array(capacity));
    this.#ends = enlarged(this.#ends, new Uint32Array(capacity));
    this.#hashes = enlarged(this.#hashes, new Int32Array(capacity));
    this.#slots = new Int32Array(2 * capacity);
    this.#relink();
  }

  #relink(): void {
    this.#slots.fill(0);
    for (let entry = 0; entry < this.#count; entry += 1) this.#link(entry);
  }

  #link(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (this.#hashes[entry] as number) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = entry + 1;
  }
}

function enlarged<A extends Float64Array | Int32Array | Uint32Array | Uint16Array>(small: A, large: A): A {
  large.set(small);
  return large;
}
