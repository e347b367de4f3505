/**
 * Makes a source of pseudo-random numbers in [0, 1): the same seed gives the same numbers, on every machine.
 *
 * For tests that must be repeatable (sfc32); not for secrets.
 *
 * @example
 * ```ts
 * const random = seededRandom(42);
 * exponential({ initial: 200, random });
 * ```
 */
export function seededRandom(seed: number): () => number {
  const low = splitmix32(seed | 0);
  const high = splitmix32(Math.floor(seed / 2 ** 32) | 0);
  let a = low();
  let b = high();
  let c = low() ^ high();
  let counter = 1;

  function next(): number {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return (result >>> 0) / 2 ** 32;
  }

  for (let round = 0; round < WARM_UP; round++) next();
  return next;
}

/** Rounds after which every bit of the seed has reached every bit of the state. */
const WARM_UP = 12;

/** Spreads neighbouring numbers far apart. */
function splitmix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
}
