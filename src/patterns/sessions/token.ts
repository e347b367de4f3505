import { randomFillSync } from 'node:crypto';

const LENGTH = 22;
const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The largest multiple of 62 that a byte can hold: what is above would make some characters likelier than others. */
const FAIR = 248;

const pool = /* @__PURE__ */ new Uint8Array(8_192);
let used = pool.length;

/** A token that nobody can guess: 22 characters of 62, 131 bits. */
export function newToken(): string {
  let token = '';
  while (token.length < LENGTH) {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const byte = pool[used] as number;
    used += 1;
    if (byte < FAIR) token += CHARACTERS[byte % CHARACTERS.length];
  }
  return token;
}
