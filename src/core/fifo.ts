/** A queue whose operations take constant time, amortised. */
export interface Fifo<T> {
  readonly size: number;
  push(item: T): void;
  shift(): T | undefined;
  /** Takes everything out. */
  drain(): T[];
}

const MIN_COMPACTION = 256;

/** Makes an empty queue. */
export function fifo<T>(): Fifo<T> {
  let items: (T | undefined)[] = [];
  let head = 0;

  return {
    get size() {
      return items.length - head;
    },
    push(item) {
      items.push(item);
    },
    shift() {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head] = undefined;
      head += 1;
      if (head === items.length) {
        items.length = 0;
        head = 0;
      } else if (head >= MIN_COMPACTION && head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    drain() {
      const all = items.slice(head) as T[];
      items = [];
      head = 0;
      return all;
    },
  };
}
