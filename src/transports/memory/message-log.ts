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

const MIN_COMPACTION = 1_024;

/** Makes an empty log. Every operation is constant in time, amortised. */
export function messageLog(): MessageLog {
  let slots: (StoredMessage | undefined)[] = [];
  /** The index of the first message in `slots`. */
  let head = 0;
  /** The sequence of `slots[0]`. */
  let base = 1;
  let count = 0;

  function at(sequence: number): StoredMessage | undefined {
    return sequence < base ? undefined : slots[sequence - base];
  }

  function skipRemoved(): void {
    while (head < slots.length && slots[head] === undefined) head += 1;
    if (head < MIN_COMPACTION || head * 2 < slots.length) return;
    slots = slots.slice(head);
    base += head;
    head = 0;
  }

  return {
    get count() {
      return count;
    },
    get first() {
      return base + head;
    },
    get last() {
      return base + slots.length - 1;
    },
    append(message) {
      slots.push(message);
      count += 1;
    },
    at,
    remove(sequence) {
      const message = at(sequence);
      if (message === undefined) return undefined;
      slots[sequence - base] = undefined;
      count -= 1;
      if (sequence === base + head) skipRemoved();
      return message;
    },
    *from(sequence) {
      for (let next = Math.max(sequence, base + head); next < base + slots.length; next += 1) {
        const message = at(next);
        if (message !== undefined) yield message;
      }
    },
  };
}
