// What was taken, and what was given back. A payment is asked for as often as an order is run, and taken once.
import type { Balance } from './events.ts';

export interface Entry {
  readonly status: 'taken' | 'refused' | 'cancelled' | 'refunded';
  readonly amount: number;
}

/** More than this nobody is trusted with. */
const LIMIT = 1_000;

export function take(amount: number, entry: Entry | undefined): Entry {
  return entry ?? { status: amount > LIMIT ? 'refused' : 'taken', amount };
}

/** What was not asked for yet is never taken: the cancellation may be here before the request. */
export function cancel(amount: number, entry: Entry | undefined): Entry {
  if (entry === undefined) return { status: 'cancelled', amount };
  return entry.status === 'taken' ? { ...entry, status: 'refunded' } : entry;
}

export function add(balance: Balance, { status, amount }: Entry): Balance {
  const taken = balance.taken + (status === 'taken' || status === 'refunded' ? amount : 0);
  const refunded = balance.refunded + (status === 'refunded' ? amount : 0);
  return { taken, refunded, net: taken - refunded };
}
