import type { Event } from '../../core/event.ts';
import { transactionOf } from '../../core/transaction.ts';

/** Who waits for events: of a transaction, of types, or both. */
export interface Listener {
  readonly transactionId: string | undefined;
  readonly types: readonly string[] | undefined;
  receive(event: Event): void;
}

/** All who wait, found by what an event says of itself. */
export interface Listeners<L extends Listener> extends Iterable<L> {
  readonly size: number;
  add(listener: L): void;
  /** Tells whether it was there. */
  remove(listener: L): boolean;
  /** Hands an event to all whose key it matches, as they are now; returns how many these were. */
  dispatch(event: Event): number;
}

/** Makes an empty set of listeners. A transaction mostly has one, which costs one entry of a map. */
export function listeners<L extends Listener>(): Listeners<L> {
  const byTransaction = new Map<string, L | Set<L>>();
  const byType = new Map<string, L | Set<L>>();
  let size = 0;

  function addTo(map: Map<string, L | Set<L>>, key: string, listener: L): void {
    const found = map.get(key);
    if (found === undefined) map.set(key, listener);
    else if (found instanceof Set) found.add(listener);
    else map.set(key, new Set([found, listener]));
  }

  function removeFrom(map: Map<string, L | Set<L>>, key: string, listener: L): boolean {
    const found = map.get(key);
    if (found === listener) return map.delete(key);
    if (!(found instanceof Set) || !found.delete(listener)) return false;
    if (found.size === 0) map.delete(key);
    return true;
  }

  return {
    get size() {
      return size;
    },

    add(listener) {
      const { transactionId, types = [] } = listener;
      size += 1;
      if (transactionId !== undefined) return addTo(byTransaction, transactionId, listener);
      for (const type of types) addTo(byType, type, listener);
    },

    remove(listener) {
      const { transactionId, types = [] } = listener;
      let removed = false;
      if (transactionId !== undefined) removed = removeFrom(byTransaction, transactionId, listener);
      else for (const type of types) removed = removeFrom(byType, type, listener) || removed;
      if (removed) size -= 1;
      return removed;
    },

    dispatch(event) {
      const transactionId = transactionOf(event);
      const those = transactionId === undefined ? undefined : byTransaction.get(transactionId);
      const typed = listed(byType.get(event.type)); // before any of them can change who listens
      let reached = 0;
      for (const listener of listed(those)) {
        if (listener.types !== undefined && !listener.types.includes(event.type)) continue;
        listener.receive(event);
        reached += 1;
      }
      for (const listener of typed) listener.receive(event);
      return reached + typed.length;
    },

    *[Symbol.iterator]() {
      for (const found of byTransaction.values()) yield* listed(found);
      const seen = new Set<L>();
      for (const found of byType.values()) for (const listener of listed(found)) seen.add(listener);
      yield* seen;
    },
  };
}

const NOBODY: readonly never[] = [];

function listed<L extends Listener>(found: L | Set<L> | undefined): readonly L[] {
  if (found === undefined) return NOBODY;
  return found instanceof Set ? [...found] : [found];
}
