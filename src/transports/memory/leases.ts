import type { MemoryDelivery } from './memory-delivery.ts';

/** The deliveries that are out, by the end of their lease. */
export interface Leases {
  readonly size: number;
  /** When the first lease ends; Infinity where none is out. */
  readonly nextDeadline: number;
  /** Starts a lease, or starts it again. */
  start(delivery: MemoryDelivery, lease: number, now: number): void;
  end(delivery: MemoryDelivery): void;
  /** Removes and returns one delivery whose lease has ended. */
  takeExpired(now: number): MemoryDelivery | undefined;
  [Symbol.iterator](): Generator<MemoryDelivery>;
}

interface LeaseList {
  readonly lease: number;
  head: MemoryDelivery | undefined;
  tail: MemoryDelivery | undefined;
}

/**
 * Makes an empty set of leases.
 *
 * Leases of one length end in the order in which they started, so each length has one linked list and no operation
 * depends on how many are out. A consumer has as many lengths as its backoff has entries.
 */
export function leases(): Leases {
  const lists: LeaseList[] = [];
  let size = 0;

  function listOf(lease: number): LeaseList {
    for (const list of lists) if (list.lease === lease) return list;
    const list = { lease, head: undefined, tail: undefined };
    lists.push(list);
    return list;
  }

  function unlink(delivery: MemoryDelivery): void {
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
        for (let delivery = head; delivery !== undefined; ) {
          const { next } = delivery;
          yield delivery;
          delivery = next;
        }
      }
    },
  };
}
