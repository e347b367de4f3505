/** A binary heap: the first element by `before` is always at hand. */
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

/** Makes an empty heap ordered by `before`. */
export function heap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  let items: T[] = [];

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

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      up(items.length - 1);
    },
    peek: () => items[0],
    pop: () => (items.length === 0 ? undefined : removeAt(0)),
    remove(test) {
      const index = items.findIndex(test);
      return index < 0 ? undefined : removeAt(index);
    },
    items: () => items,
    clear() {
      items = [];
    },
  };
}
