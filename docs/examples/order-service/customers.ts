// Customers who place orders, and an account of how these ended.
import {
  EMPTY,
  filter,
  first,
  forkJoin,
  from,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  type Observable,
  repeat,
  timeout,
  toArray,
} from 'rxjs';
import type { Balance, OrderEnd, Shelf } from './events.ts';
import type { Gateway, Wish } from './gateway.ts';
import { initialStock } from './stock.ts';

/** What happened, and what does not add up. */
export interface Account {
  readonly orders: number;
  readonly confirmed: number;
  /** By reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Goods that left the shelves, and what was paid for them. */
  readonly sold: number;
  readonly taken: number;
  readonly refunded: number;
  readonly elapsedMs: number;
  readonly problems: readonly string[];
}

const SKUS = ['lamp', 'desk', 'lamp', 'rug', 'desk'];

/** Orders of up to four pieces. Four desks are more than anybody is trusted with, and there are few rugs. */
export function wishes(count: number, run: string): readonly Wish[] {
  return Array.from({ length: count }, (_, index) => ({
    orderId: `${run}-${index + 1}`,
    sku: SKUS[index % SKUS.length] as string,
    quantity: 1 + (index % 4),
  }));
}

/** How many orders are under way at a time. */
const CONCURRENCY = 16;

/** How long, in ms, refunds that are on their way are waited for. */
const SETTLING = 15_000;

/** Places orders, every tenth of them twice at the same time, and accounts for them: nobody else is to order meanwhile. */
export async function shop({ place, shelf, balance }: Gateway, orders: readonly Wish[]): Promise<Account> {
  const startedAt = performance.now();
  const look = () =>
    lastValueFrom(forkJoin({ shelves: forkJoin(initialStock.map(({ sku }) => shelf(sku))), balance: balance() }));
  const before = await look();

  const placing = (wish: Wish, index: number) =>
    merge(place(wish), index % 10 === 0 ? place(wish) : EMPTY).pipe(
      toArray(),
      map((ends) => ({ wish, ends })),
    );
  const placed = await lastValueFrom(from(orders).pipe(mergeMap(placing, CONCURRENCY), toArray()));

  const problems: string[] = [];
  const rejected: Record<string, number> = {};
  let confirmed = 0;
  let sold = 0;
  let owed = 0;
  for (const { wish, ends } of placed) {
    const end = ends[0] as OrderEnd;
    const other = ends.at(-1) as OrderEnd;
    if (end.orderId !== wish.orderId || end.status !== other.status) problems.push(`${wish.orderId} has two ends`);
    if (end.status === 'confirmed') {
      confirmed += 1;
      sold += wish.quantity;
      owed += wish.quantity * (before.shelves.find(({ sku }) => sku === wish.sku) as Shelf).price;
    } else {
      const reason = end.reason ?? 'no reason';
      rejected[reason] = (rejected[reason] ?? 0) + 1;
    }
  }

  const paid = await lastValueFrom(settled(balance, before.balance.net + owed)).catch(() => undefined);
  const after = await look();
  const gone = total(before.shelves) - total(after.shelves);
  if (placed.length !== orders.length) problems.push(`${orders.length - placed.length} orders have no end`);
  if (gone !== sold) problems.push(`${gone} pieces left the shelves, and ${sold} were sold`);
  if (paid === undefined) problems.push(`${after.balance.net - before.balance.net} was paid, and ${owed} was owed`);
  return {
    orders: placed.length,
    confirmed,
    rejected,
    sold,
    taken: after.balance.taken - before.balance.taken,
    refunded: after.balance.refunded - before.balance.refunded,
    elapsedMs: Math.round(performance.now() - startedAt),
    problems,
  };
}

/** Waits until no more is kept than what is owed: what was late may be given back after the order has ended. */
function settled(balance: () => Observable<Balance>, net: number): Observable<Balance> {
  return balance().pipe(
    repeat({ delay: 50 }),
    filter((now) => now.net === net),
    first(),
    timeout(SETTLING),
  );
}

function total(shelves: readonly Shelf[]): number {
  return shelves.reduce((sum, { available }) => sum + available, 0);
}
