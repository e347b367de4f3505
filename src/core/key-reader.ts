/** FNV's prime, by which each code unit is mixed in. */
const PRIME = 0x01000193;

/** A key as tables take it that keep no strings. */
export interface Key {
  /** The first `length` of them are the key's code units. */
  readonly units: Uint16Array;
  readonly length: number;
  readonly hash: number;
}

/**
 * The code units and the hash of one key at a time, the last one read.
 *
 * Each has a seed of its own, so that whoever names the keys cannot choose ones that collide. A class, as a key is read
 * for each message, and its fields are read beside it.
 */
export class KeyReader implements Key {
  units: Uint16Array = new Uint16Array(64);
  length = 0;
  hash = 0;
  readonly #seed: number = globalThis.crypto.getRandomValues(new Int32Array(1))[0] as number;

  read(key: string): void {
    const { length } = key;
    if (length > this.units.length) this.units = new Uint16Array(2 * length);
    const { units } = this;
    let hash = this.#seed;
    for (let index = 0; index < length; index += 1) {
      const unit = key.charCodeAt(index);
      units[index] = unit;
      hash = Math.imul(hash ^ unit, PRIME);
    }
    this.length = length;
    this.hash = avalanche(hash);
  }
}

/** Murmur's last step: lets every bit of the hash depend on every bit of the key, as its lowest ones choose the slot. */
function avalanche(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
