// The gateway: where customers come in. It asks for the price, places the order, and waits to hear how that ended.
import {
  constant,
  type Event,
  type EventSource,
  maxElapsed,
  NoRespondersError,
  type Requester,
  RequestTimeoutError,
  ResponseTimeoutError,
  requestEvent,
  retryBackoff,
  withTransaction,
} from 'millrace';
import { catchError, forkJoin, map, type Observable, of, type SchedulerLike, switchMap, throwError } from 'rxjs';
import {
  type Balance,
  balanceAsked,
  type Order,
  type OrderEnd,
  orderAsked,
  orderConfirmed,
  orderPlaced,
  orderRejected,
  type Shelf,
  shelfAsked,
} from './events.ts';

/** What a customer wants. */
export type Wish = Pick<Order, 'orderId' | 'sku' | 'quantity'>;

export interface GatewayOptions {
  /** How long, in ms, a customer waits to hear how the order ended. @defaultValue `30_000` */
  readonly timeout?: number;
  readonly scheduler?: SchedulerLike | undefined;
}

export interface Gateway {
  /** Places an order, and emits how it ended. To place it again, at the same time or later, is to place it once. */
  place(wish: Wish): Observable<OrderEnd>;
  shelf(sku: string): Observable<Shelf>;
  balance(): Observable<Balance>;
}

/** How long, in ms, a question is asked again while nobody is there to answer it. */
const PATIENCE = 60_000;

const ENDS = [orderConfirmed.type, orderRejected.type];

export function gateway(queries: Requester, source: EventSource, options: GatewayOptions = {}): Gateway {
  const { timeout = 30_000, scheduler } = options;
  const clock = scheduler === undefined ? {} : { scheduler };

  /** A question has no effect, so it may be asked again. */
  function ask<T>(question: Event): Observable<T | undefined> {
    return queries.request<T>(question, { timeout: 2_000 }).pipe(
      retryBackoff(maxElapsed(constant(100), PATIENCE), { shouldRetry: isNobodyThere, ...clock }),
      map(({ data }) => data),
    );
  }

  const end = (orderId: string) => ask<OrderEnd | null>(orderAsked.create({ orderId }));
  const shelf = (sku: string) => ask<Shelf>(shelfAsked.create({ sku })).pipe(map((data) => data as Shelf));

  function order({ orderId, sku, quantity }: Wish, { price }: Shelf): Observable<OrderEnd> {
    const placed = orderPlaced.create({ orderId, sku, quantity, total: price * quantity });
    // All who place it wait in the same transaction: the stream has one order of them, and there is one answer.
    return requestEvent<OrderEnd>(source, withTransaction(placed, orderId), ENDS, { timeout }).pipe(
      map(({ data }) => data as OrderEnd),
      catchError((error: unknown) =>
        error instanceof ResponseTimeoutError ? missed(orderId, error) : throwError(() => error),
      ),
    );
  }

  /** The answer may have come before this one waited for it. */
  function missed(orderId: string, error: ResponseTimeoutError): Observable<OrderEnd> {
    return end(orderId).pipe(switchMap((known) => (known ? of(known) : throwError(() => error))));
  }

  return {
    shelf,
    place: (wish) =>
      forkJoin([end(wish.orderId), shelf(wish.sku)]).pipe(
        switchMap(([known, stock]) => (known ? of(known) : order(wish, stock))),
      ),
    balance: () => ask<Balance>(balanceAsked.create(null)).pipe(map((data) => data as Balance)),
  };
}

function isNobodyThere(error: unknown): boolean {
  return error instanceof NoRespondersError || error instanceof RequestTimeoutError;
}
