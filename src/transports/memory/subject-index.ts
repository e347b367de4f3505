import type { MessageLog, StoredMessage } from './message-log.ts';

/** What a stream knows of each address: how many messages it has there, and which. */
export interface SubjectIndex {
  /** How many addresses have messages. */
  readonly size: number;
  /** The stream has one message more. */
  added(address: string, sequence: number): void;
  /** The stream has one message less. */
  removed(address: string): void;
  /** The sequence of the last message on an address; 0 where there is none. */
  last(address: string): number;
  /** The message that goes when one more comes to an address which has as many as it may have. */
  replaced(address: string): StoredMessage | undefined;
  /** Drops what is more than an address may have, oldest first. */
  trim(address: string): void;
  /** Sets how many messages an address may have, and drops what is more. */
  limit(perSubject: number): void;
}

interface SubjectState {
  count: number;
  last: number;
  /** The sequences on this address, oldest first, where the stream limits them; removed ones may still be among them. */
  sequences: number[];
}

/** How many removed sequences an address may remember beyond twice its live ones. */
const SLACK = 64;

/** Makes the index of a log; `drop` takes a message out of the stream, which tells the index. */
export function subjectIndex(log: MessageLog, perSubject: number, drop: (sequence: number) => void): SubjectIndex {
  const subjects = new Map<string, SubjectState>();
  let max = perSubject;

  function isLimited(): boolean {
    return max !== Number.POSITIVE_INFINITY;
  }

  function trim(address: string): void {
    const state = isLimited() ? subjects.get(address) : undefined;
    if (state === undefined) return;
    const { sequences } = state;
    let stale = 0;
    while (state.count > max) {
      drop(sequences[stale] as number);
      stale += 1;
    }
    if (state.sequences === sequences) sequences.splice(0, stale); // otherwise they were forgotten on the way
  }

  return {
    get size() {
      return subjects.size;
    },
    added(address, sequence) {
      let state = subjects.get(address);
      if (state === undefined) {
        state = { count: 0, last: 0, sequences: [] };
        subjects.set(address, state);
      }
      state.count += 1;
      state.last = sequence;
      if (isLimited()) state.sequences.push(sequence);
    },
    removed(address) {
      const state = subjects.get(address);
      if (state === undefined) return;
      state.count -= 1;
      if (state.count === 0) subjects.delete(address);
      else if (state.sequences.length > 2 * state.count + SLACK) {
        state.sequences = state.sequences.filter((sequence) => log.at(sequence) !== undefined);
      }
    },
    last(address) {
      const state = subjects.get(address);
      if (state === undefined) return 0;
      while (log.at(state.last)?.address !== address) state.last -= 1; // the last one was removed, an earlier one was not
      return state.last;
    },
    replaced(address) {
      const state = subjects.get(address);
      if (state === undefined || state.count < max) return undefined;
      for (const sequence of state.sequences) {
        const message = log.at(sequence);
        if (message !== undefined) return message;
      }
      return undefined;
    },
    trim,
    limit(changed) {
      max = changed;
      for (const state of subjects.values()) state.sequences = [];
      if (!isLimited()) return;
      for (const { address, sequence } of log.from(log.first)) subjects.get(address)?.sequences.push(sequence);
      for (const address of [...subjects.keys()]) trim(address);
    },
  };
}
