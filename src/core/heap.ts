/** A priority queue: the first element by `before` is always at hand. */
export interface Heap<T> {
  readonly size: number;
  push(item: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
  /** Removes the first item found for which `test` holds; looks at every item. */
  remove(test: (item: T) => boolean): T | undefined;
  items(): readonly T[];
  clear(): void;
}

/** How many elements at the front of the run are gone before it is cut. */
const CUT = 1_024;

/**
 * Makes an empty heap ordered by `before`.
 *
 * What is pushed in order, as that is which all has the same delay, forms a run beside the heap, which costs nothing to
 * keep in order. Only what comes before the end of the run goes through the heap.
 */
export function heap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  let items: T[] = [];
  let run: T[] = [];
  let runStart = 0;

  function up(from: number): void {
    const item = items[from] as T;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(item, items[parent] as T)) break;
      items[index] = items[parent] as T;
      index = parent;
    }
    items[index] = item;
  }

  function down(from: number): void {
    const item = items[from] as T;
    const end = items.length;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= end) break;
      if (child + 1 < end && before(items[child + 1] as T, items[child] as T)) child += 1;
      if (!before(items[child] as T, item)) break;
      items[index] = items[child] as T;
      index = child;
    }
    items[index] = item;
  }

  function removeAt(index: number): T | undefined {
    const removed = items[index];
    const last = items.pop() as T;
    if (index < items.length) {
      items[index] = last;
      down(index);
      up(index);
    }
    return removed;
  }

  /** Whether the first element of all is that of the run. */
  function isInRun(): boolean {
    return runStart < run.length && (items.length === 0 || !before(items[0] as T, run[runStart] as T));
  }

  function shiftRun(): T {
    const first = run[runStart] as T;
    runStart += 1;
    if (runStart === run.length) {
      run = [];
      runStart = 0;
    } else if (runStart >= CUT && 2 * runStart >= run.length) {
      run = run.slice(runStart);
      runStart = 0;
    }
    return first;
  }

  return {
    get size() {
      return items.length + run.length - runStart;
    },
    push(item) {
      if (runStart === run.length || !before(item, run[run.length - 1] as T)) {
        run.push(item);
        return;
      }
      items.push(item);
      up(items.length - 1);
    },
    peek: () => (isInRun() ? run[runStart] : items[0]),
    pop() {
      if (isInRun()) return shiftRun();
      return items.length === 0 ? undefined : removeAt(0);
    },
    remove(test) {
      const index = items.findIndex(test);
      if (index >= 0) return removeAt(index);
      run = run.slice(runStart);
      runStart = 0;
      const inRun = run.findIndex(test);
      return inRun < 0 ? undefined : run.splice(inRun, 1)[0];
    },
    items: () => [...items, ...run.slice(runStart)],
    clear() {
      items = [];
      run = [];
      runStart = 0;
    },
  };
}
