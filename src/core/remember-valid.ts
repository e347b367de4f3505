/**
 * Wraps a check so that it does not look again at texts that it has just found valid, such as the `source` and the `type`
 * of one event after the other.
 *
 * What is remembered is bounded: 64 texts of at most 256 characters, a newer one in place of an older.
 */
export function rememberValid(isValid: (text: string) => boolean): (text: string) => boolean {
  const valid: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  return (text) => {
    const { length } = text;
    const slot = (length * 31 + text.charCodeAt(length >> 1) * 7 + text.charCodeAt(length - 1)) & (SLOTS - 1);
    if (valid[slot] === text) return true;
    if (!isValid(text)) return false;
    if (length <= LONGEST) valid[slot] = text;
    return true;
  };
}

const SLOTS = 64;
const LONGEST = 256;
