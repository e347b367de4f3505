/** Something that is out for a time: a node of the lists below, since there is one for each message. */
export interface Leased<T> {
  /** The length of its lease, in ms. */
  lease: number;
  /** When the lease ends, in ms since the epoch; `0` while it has none. */
  deadline: number;
  previous: T | undefined;
  next: T | undefined;
}

/** The deliveries that are out, by the end of their lease. */
export interface Leases<T extends Leased<T>> {
  readonly size: number;
  /** When the first lease ends; Infinity where none is out. */
  readonly nextDeadline: number;
  /** Starts a lease, or starts it again. */
  start(delivery: T, lease: number, now: number): void;
  end(delivery: T): void;
  /** Removes and returns one delivery whose lease has ended. */
  takeExpired(now: number): T | undefined;
  [Symbol.iterator](): Generator<T>;
}

interface LeaseList<T> {
  readonly lease: number;
  head: T | undefined;
  tail: T | undefined;
}

/**
 * Makes an empty set of leases.
 *
 * Leases of one length end in the order in which they started, so each length has one linked list and no operation
 * depends on how many are out. A consumer has as many lengths as its backoff has entries.
 */
export function leases<T extends Leased<T>>(): Leases<T> {
  const lists: LeaseList<T>[] = [];
  let size = 0;

  function listOf(lease: number): LeaseList<T> {
    for (const list of lists) if (list.lease === lease) return list;
    const list: LeaseList<T> = { lease, head: undefined, tail: undefined };
    lists.push(list);
    return list;
  }

  function unlink(delivery: T): void {
    const list = listOf(delivery.lease);
    const { previous, next } = delivery;
    if (previous === undefined) list.head = next;
    else previous.next = next;
    if (next === undefined) list.tail = previous;
    else next.previous = previous;
    delivery.previous = undefined;
    delivery.next = undefined;
    delivery.deadline = 0;
    size -= 1;
  }

  return {
    get size() {
      return size;
    },
    get nextDeadline() {
      let first = Number.POSITIVE_INFINITY;
      for (const { head } of lists) if (head !== undefined && head.deadline < first) first = head.deadline;
      return first;
    },
    start(delivery, lease, now) {
      if (delivery.deadline !== 0) unlink(delivery);
      const list = listOf(lease);
      delivery.lease = lease;
      delivery.deadline = now + lease;
      delivery.previous = list.tail;
      if (list.tail === undefined) list.head = delivery;
      else list.tail.next = delivery;
      list.tail = delivery;
      size += 1;
    },
    end(delivery) {
      if (delivery.deadline !== 0) unlink(delivery);
    },
    takeExpired(now) {
      for (const { head } of lists) {
        if (head === undefined || head.deadline > now) continue;
        unlink(head);
        return head;
      }
      return undefined;
    },
    *[Symbol.iterator]() {
      for (const { head } of lists) {
        for (let delivery: T | undefined = head; delivery !== undefined; ) {
          const next: T | undefined = delivery.next;
          yield delivery;
          delivery = next;
        }
      }
    },
  };
}
