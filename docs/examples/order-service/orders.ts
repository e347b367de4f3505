// Orders: has the stock, answers questions about it, and sees every order to its end.
import {
  type Delivery,
  type Event,
  type EventSource,
  eventSource,
  exponential,
  type IncomingRequest,
  listen,
  type Outcome,
  RemoteError,
  requestEvent,
  type Served,
  serve,
  transactionOf,
  withTransaction,
} from 'millrace';
import { concat, ignoreElements, map, type Observable } from 'rxjs';
import {
  type Order,
  type OrderEnd,
  orderAsked,
  orderConfirmed,
  orderPlaced,
  orderRejected,
  orderTold,
  paymentCancelled,
  paymentRefused,
  paymentRequested,
  paymentTaken,
  type Shelf,
  shelfAsked,
  shelfTold,
} from './events.ts';
import { ordersConsumer, type Platform } from './platform.ts';
import { checkout, type Steps } from './saga.ts';
import type { States } from './states.ts';
import { initialStock, release, reserve, type Stock } from './stock.ts';

export interface OrdersOptions {
  /** How long, in ms, a payment may take. @defaultValue `5_000` */
  readonly patience?: number;
}

/** The pipelines of the service. */
export function orders(
  platform: Platform,
  { patience = 5_000 }: OrdersOptions = {},
): {
  readonly sagas: Observable<Outcome>;
  readonly questions: Observable<Served>;
} {
  const { events, queries, states, scheduler } = platform;
  const clock = scheduler === undefined ? {} : { scheduler };
  const source = eventSource(events, { stream: ordersConsumer.stream, ...clock });

  function place({ event, attempt }: Delivery<Order>): Observable<Event<OrderEnd>> {
    const order = event.data as Order;
    const steps = stepsOf({ states, source, request: event, attempt });
    return checkout(order, steps, { patience, scheduler }).pipe(
      map((end) => (end.status === 'confirmed' ? orderConfirmed : orderRejected).create(end)),
    );
  }

  const settings = { backoff: exponential({ initial: 200, max: 5_000 }), concurrency: 32, ...clock };
  const sagas = listen(events, { [orderPlaced.type]: place }, { ...ordersConsumer, ...settings });
  const questions = {
    [shelfAsked.type]: ({ event }: IncomingRequest<Pick<Shelf, 'sku'>>) => shelf(states, event.data?.sku ?? ''),
    [orderAsked.type]: ({ event }: IncomingRequest<Pick<Order, 'orderId'>>) => end(states, event.data?.orderId ?? ''),
  };
  return {
    // What is on the shelves is written down before anything is sold.
    sagas: concat(fill(states), sagas),
    questions: serve(queries, questions, { queue: 'orders', ...clock }),
  };
}

interface Context {
  readonly states: States;
  readonly source: EventSource;
  readonly request: Event;
  readonly attempt: number;
}

/** The steps of one order: stock and end in the states, the payment by events in the order's transaction. */
function stepsOf({ states, source, request, attempt }: Context): Steps {
  const transaction = transactionOf(request) as string;
  const ofOrder = ({ orderId, total }: Order, id: string) =>
    [{ orderId, amount: total }, { id: `${orderId}-${id}` }] as const;

  return {
    ended: ({ orderId }) => states.get(`order.${orderId}`),
    end: ({ orderId }, end) => states.change<OrderEnd>(`order.${orderId}`, (known) => known ?? end),
    reserve: (order) =>
      states
        .change<Stock>(`stock.${order.sku}`, (stock) => reserve(order, stock as Stock))
        .pipe(map(({ reserved }) => order.orderId in reserved)),
    release: (order) => states.change<Stock>(`stock.${order.sku}`, (stock) => release(order, stock as Stock)),
    pay(order) {
      // Another event each time that the order is run: billing takes the money once, and answers each of them.
      const payment = paymentRequested.create(...ofOrder(order, `pay-${attempt}`));
      const types = [paymentTaken.type, paymentRefused.type];
      return requestEvent(source, withTransaction(payment, transaction), types, { timeout: 60_000 }).pipe(
        map(({ type }) => (type === paymentTaken.type ? 'taken' : 'refused')),
      );
    },
    cancelPayment(order) {
      const cancelled = paymentCancelled.create(...ofOrder(order, 'cancel'));
      return source.publish(withTransaction(cancelled, transaction));
    },
  };
}

function fill(states: States): Observable<never> {
  const filled = initialStock.map((stock) => states.change<Stock>(`stock.${stock.sku}`, (known) => known ?? stock));
  return concat(...filled).pipe(ignoreElements());
}

function shelf(states: States, sku: string): Observable<Event<Shelf>> {
  return states.get<Stock>(`stock.${sku}`).pipe(
    map((stock) => {
      if (stock === undefined) throw new RemoteError('NO_SUCH_SHELF', `There is no shelf for '${sku}'`);
      const { price, available } = stock;
      return shelfTold.create({ sku, price, available });
    }),
  );
}

/** How an order ended; no data where it has not, or is not known. */
function end(states: States, orderId: string): Observable<Event<OrderEnd | null>> {
  return states.get<OrderEnd>(`order.${orderId}`).pipe(map((known) => orderTold.create(known ?? null)));
}
