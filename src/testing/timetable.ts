import { heap } from '../core/heap.ts';

/** One thing in a {@link Timetable}. */
export interface Entry<T> {
  readonly due: number;
  /** Tells apart what is due at one time: the order in which it was added. */
  readonly order: number;
  readonly item: T;
  /** Cancelled or taken. */
  gone: boolean;
}

/** Things by the time at which they are due; at one time, in the order in which they were added. */
export interface Timetable<T> {
  /** The number of entries that are neither cancelled nor taken. */
  readonly size: number;
  add(due: number, item: T): Entry<T>;
  cancel(entry: Entry<T>): void;
  /** The next entry, left where it is. */
  peek(): Entry<T> | undefined;
  /** Takes the next entry out. */
  take(): Entry<T> | undefined;
  /** All entries, in order. */
  list(): readonly Entry<T>[];
}

/** Fewer cancelled entries than this are not worth compacting for. */
const FEW = 64;

/**
 * Makes an empty timetable.
 *
 * Adding and taking cost O(log n), cancelling O(1) amortised: a cancelled entry stays in the heap until it comes to the
 * top, or until more than half of the heap is cancelled and is thrown out at once.
 */
export function timetable<T>(): Timetable<T> {
  const entries = heap<Entry<T>>(before);
  let cancelled = 0;
  let order = 0;

  function add(due: number, item: T): Entry<T> {
    const entry: Entry<T> = { due, order: order++, item, gone: false };
    entries.push(entry);
    return entry;
  }

  function cancel(entry: Entry<T>): void {
    if (entry.gone) return;
    entry.gone = true;
    cancelled++;
    if (cancelled > FEW && cancelled > entries.size / 2) compact();
  }

  function compact(): void {
    const left = list();
    entries.clear();
    for (const entry of left) entries.push(entry); // in order: none of them rises
    cancelled = 0;
  }

  function peek(): Entry<T> | undefined {
    while (entries.peek()?.gone) {
      entries.pop();
      cancelled--;
    }
    return entries.peek();
  }

  function take(): Entry<T> | undefined {
    const next = peek();
    if (next === undefined) return undefined;
    next.gone = true;
    return entries.pop();
  }

  function list(): readonly Entry<T>[] {
    const left = entries.items().filter((entry) => !entry.gone);
    return left.sort((a, b) => (before(a, b) ? -1 : 1));
  }

  return {
    get size() {
      return entries.size - cancelled;
    },
    add,
    cancel,
    peek,
    take,
    list,
  };
}

function before(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
