/** What is known of an event. */
export interface Sighting {
  readonly key: string;
  done: boolean;
}

/** Remembers events by hand, as `memoryDedupeStore` does, but without a time to live. */
export interface SeenEvents {
  /** Claims an event that is not known. */
  claim(key: string): Sighting | 'done' | 'running';
  release(sighting: Sighting): void;
}

/** Two generations: a `Set` whose oldest entry is deleted one by one takes ten times as long. */
export function seenEvents(max: number): SeenEvents {
  let young = new Map<string, Sighting>();
  let old = new Map<string, Sighting>();

  return {
    claim(key) {
      const known = young.get(key) ?? old.get(key);
      if (known !== undefined) return known.done ? 'done' : 'running';
      if (young.size >= max / 2) {
        old = young;
        young = new Map();
      }
      const sighting = { key, done: false };
      young.set(key, sighting);
      return sighting;
    },
    release(sighting) {
      if (young.get(sighting.key) === sighting) young.delete(sighting.key);
      else if (old.get(sighting.key) === sighting) old.delete(sighting.key);
    },
  };
}
