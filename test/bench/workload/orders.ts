import type { Delivery, Event, Outcome } from 'millrace';

/** What the events of the benches carry. */
export interface Order {
  readonly number: number;
  /** How many attempts at it fail. */
  readonly failures: number;
}

/** How often an order is tried, and how long a failed one waits, in ms: less than the rest of its chunk takes. */
export const ATTEMPTS = 3;
export const RETRY_DELAY = 5;

/** How many handlers may run at a time. */
export const CONCURRENCY = 32;

/** How many events are remembered for deduplication, at most. */
export const REMEMBERED = 100_000;

/** What a bench's pipeline emits for each delivery, once it is settled. */
export type Settled = Pick<Outcome, 'kind'>;

/** How many deliveries there were of each kind. */
export type Counts = Record<Outcome['kind'], number>;

/** Events in turn: 1 in 10,000 fails once, 1 in 10,000 is a duplicate, and 1 in 50,000 fails for good. */
export function orders(first: number, count: number): Event<Order>[] {
  return numbers(first, count).map((number) =>
    order(isDuplicate(number) ? number - 2_000 : number, failuresOf(number)),
  );
}

/** Events that all succeed, each with an id and a subject of its own. */
export function plainOrders(first: number, count: number): Event<Order>[] {
  return numbers(first, count).map((number) => order(number, 0));
}

/** What is to become of the deliveries of the first {@link orders}. */
export function expectedCounts(count: number): Counts {
  const counts = noCounts();
  for (const number of numbers(0, count)) {
    const failures = failuresOf(number);
    counts.retry += Math.min(failures, ATTEMPTS - 1);
    if (isDuplicate(number)) counts.skipped += 1;
    else if (failures >= ATTEMPTS) counts.deadLettered += 1;
    else counts.succeeded += 1;
  }
  return counts;
}

export function noCounts(): Counts {
  return { succeeded: 0, skipped: 0, failed: 0, retry: 0, deadLettered: 0 };
}

/** The work on an order: next to none, so that what is measured is the pipeline. Some orders fail. */
export function charge({ attempt, event }: Delivery<Order>): void {
  if (attempt <= (event.data?.failures ?? 0)) throw new Error('The card was refused');
}

/** {@link charge}, as a promise. */
export async function chargeInTime(delivery: Delivery<Order>): Promise<void> {
  charge(delivery);
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function order(number: number, failures: number): Event<Order> {
  return {
    specversion: '1.0',
    id: `order-${number}`,
    source: '/shop/orders',
    type: 'shop.order',
    subject: `customer-${number}`,
    datacontenttype: 'application/json',
    data: { number, failures },
  };
}

function failuresOf(number: number): number {
  if (number % 50_000 === 300) return Number.POSITIVE_INFINITY;
  return number % 10_000 === 100 ? 1 : 0;
}

/** Of the event 2,000 before it, which has long been settled. */
function isDuplicate(number: number): boolean {
  return number % 10_000 === 2_200;
}
