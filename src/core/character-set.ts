/** The ASCII characters of a text, as a table from character code to 0 or 1. */
export type CharacterSet = Uint8Array;

export const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const DIGITS = '0123456789';

/** Makes a set of ASCII characters that is quicker to ask than a regular expression or `includes`. */
export function characterSet(characters: string): CharacterSet {
  const set = new Uint8Array(128);
  for (const character of characters) set[character.charCodeAt(0)] = 1;
  return set;
}

/** Returns where the run of characters of `set` that starts at `start` ends; `start` itself if there is none. */
export function runEnd(text: string, start: number, set: CharacterSet): number {
  let at = start;
  while (at < text.length && set[text.charCodeAt(at)] === 1) at++;
  return at;
}
