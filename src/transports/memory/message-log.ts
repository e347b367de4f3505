import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';

/** A message as a stream keeps it. */
export interface StoredMessage {
  readonly event: Event;
  readonly address: string;
  readonly headers: MessageHeaders;
  readonly messageId: string | undefined;
  readonly sequence: number;
  /** When it was stored, in ms since the epoch. */
  readonly time: number;
  /** `0` unless the stream counts bytes. */
  readonly bytes: number;
  /** How many consumers of an interest stream still want it. */
  wanted: number;
}

/** The messages of a stream by sequence: appended at the end, removed anywhere, mostly at the front. */
export interface MessageLog {
  readonly count: number;
  /** The sequence of the first message, or the next one to be given where there is none. */
  readonly first: number;
  /** The last sequence given, whether or not its message is still there. */
  readonly last: number;
  append(message: StoredMessage): void;
  at(sequence: number): StoredMessage | undefined;
  remove(sequence: number): StoredMessage | undefined;
  /** The messages that are there, from `sequence` on. */
  from(sequence: number): Generator<StoredMessage>;
}

/** How many sequences share one chunk. */
const CHUNK = 1_024;

/** How many chunks may be gone at the front before those that are left move up. */
const MIN_COMPACTION = 64;

interface Chunk {
  readonly slots: (StoredMessage | undefined)[];
  count: number;
}

/**
 * Makes an empty log. Every operation is constant in time, amortised.
 *
 * A chunk of sequences goes when its last message does, so that one message which stays for ever does not keep room for
 * all that came after it.
 */
export function messageLog(): MessageLog {
  let chunks: (Chunk | undefined)[] = [];
  /** The number of chunks before `chunks[0]`. */
  let base = 0;
  let first = 1;
  let last = 0;
  let count = 0;

  function chunkOf(sequence: number): Chunk | undefined {
    return chunks[Math.floor((sequence - 1) / CHUNK) - base];
  }

  function at(sequence: number): StoredMessage | undefined {
    return chunkOf(sequence)?.slots[(sequence - 1) % CHUNK];
  }

  /** The next sequence that may have a message. */
  function after(sequence: number): number {
    return chunkOf(sequence) === undefined ? Math.ceil(sequence / CHUNK) * CHUNK + 1 : sequence + 1;
  }

  function skipRemoved(): void {
    while (first <= last && at(first) === undefined) first = after(first);
    const gone = Math.floor((first - 1) / CHUNK) - base;
    if (gone < MIN_COMPACTION || gone * 2 < chunks.length) return;
    chunks = chunks.slice(gone);
    base += gone;
  }

  return {
    get count() {
      return count;
    },
    get first() {
      return first;
    },
    get last() {
      return last;
    },
    append(message) {
      if (last % CHUNK === 0) chunks.push({ slots: [], count: 0 });
      last += 1;
      count += 1;
      const chunk = chunkOf(last) as Chunk;
      chunk.slots.push(message);
      chunk.count += 1;
    },
    at,
    remove(sequence) {
      const chunk = chunkOf(sequence);
      const index = (sequence - 1) % CHUNK;
      const message = chunk?.slots[index];
      if (chunk === undefined || message === undefined) return undefined;
      chunk.slots[index] = undefined;
      chunk.count -= 1;
      count -= 1;
      if (chunk.count === 0 && chunk.slots.length === CHUNK)
        chunks[Math.floor((sequence - 1) / CHUNK) - base] = undefined;
      if (sequence === first) skipRemoved();
      return message;
    },
    *from(sequence) {
      for (let next = Math.max(sequence, first); next <= last; next = after(next)) {
        const message = at(next);
        if (message !== undefined) yield message;
      }
    },
  };
}
