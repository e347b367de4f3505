// Billing: takes payments, gives back what was cancelled, and tells how much there is.
import {
  type Delivery,
  type Emitted,
  type EventDefinition,
  exponential,
  listen,
  noResponse,
  type Outcome,
  type Served,
  serve,
} from 'millrace';
import { map, type Observable, reduce, switchMap } from 'rxjs';
import {
  balanceAsked,
  balanceTold,
  type Payment,
  paymentCancelled,
  paymentRefunded,
  paymentRefused,
  paymentRequested,
  paymentTaken,
} from './events.ts';
import { add, cancel, type Entry, take } from './ledger.ts';
import { billingConsumer, type Platform } from './platform.ts';

/** Somebody who holds the money, and needs time; emits once. */
export type Bank = (payment: Payment) => Observable<unknown>;

/** The pipelines of the service. */
export function billing(
  { events, queries, states, scheduler }: Platform,
  bank: Bank,
): {
  readonly payments: Observable<Outcome>;
  readonly questions: Observable<Served>;
} {
  const clock = scheduler === undefined ? {} : { scheduler };
  const answers: Readonly<Record<Entry['status'], EventDefinition<Payment, Payment>>> = {
    taken: paymentTaken,
    refused: paymentRefused,
    cancelled: paymentRefused,
    refunded: paymentRefused,
  };

  function request({ event }: Delivery<Payment>): Observable<Emitted> {
    const payment = event.data as Payment;
    return bank(payment).pipe(
      switchMap(() => states.change<Entry>(keyOf(payment), (entry) => take(payment.amount, entry))),
      map(({ status }) => answers[status].create(payment)),
    );
  }

  function undo({ event }: Delivery<Payment>): Observable<Emitted> {
    const payment = event.data as Payment;
    return states
      .change<Entry>(keyOf(payment), (entry) => cancel(payment.amount, entry))
      .pipe(map(({ status }) => (status === 'refunded' ? paymentRefunded.create(payment) : noResponse())));
  }

  const handlers = { [paymentRequested.type]: request, [paymentCancelled.type]: undo };
  const settings = { backoff: exponential({ initial: 200, max: 5_000 }), concurrency: 32, ...clock };
  const total = () => states.all<Entry>('payment').pipe(reduce(add, { taken: 0, refunded: 0, net: 0 }));
  return {
    payments: listen(events, handlers, { ...billingConsumer, ...settings }),
    questions: serve(
      queries,
      { [balanceAsked.type]: () => total().pipe(map((balance) => balanceTold.create(balance))) },
      { queue: 'billing', ...clock },
    ),
  };
}

function keyOf({ orderId }: Payment): string {
  return `payment.${orderId}`;
}
