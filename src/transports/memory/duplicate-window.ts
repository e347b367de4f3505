/** The message ids that a stream remembers, each with the sequence it was stored under. */
export interface DuplicateWindow {
  /** The sequence under which `id` was stored inside the window. */
  find(id: string, now: number): number | undefined;
  add(id: string, sequence: number, now: number): void;
}

interface Entry {
  readonly sequence: number;
  readonly time: number;
}

/**
 * Makes a window of `length` ms over at most `limit` ids.
 *
 * Two generations: ids go into the young one, and when it is half of `limit` or a whole `length` old, the old one is
 * forgotten and the young one becomes old. Nothing is ever searched for its oldest entry.
 */
export function duplicateWindow(length: number, limit: number): DuplicateWindow {
  const generationSize = Math.max(1, Math.floor(limit / 2));
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  let bornAt = Number.NEGATIVE_INFINITY;

  return {
    find(id, now) {
      const entry = young.get(id) ?? old.get(id);
      return entry !== undefined && now - entry.time < length ? entry.sequence : undefined;
    },
    add(id, sequence, now) {
      if (length === 0) return;
      if (young.size >= generationSize || now - bornAt >= length) {
        old = now - bornAt >= 2 * length ? new Map() : young;
        young = new Map();
        bornAt = now;
      }
      young.set(id, { sequence, time: now });
    },
  };
}
