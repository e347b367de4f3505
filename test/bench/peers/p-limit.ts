import type { Delivery, Publisher } from 'millrace';
import pLimit from 'p-limit';
import { Observable } from 'rxjs';
import { CONCURRENCY, type Order, type Settled } from '../workload/orders.ts';
import { byHand, type OrderHandler } from './by-hand.ts';

/** The job with `p-limit`. */
export function withPLimit(
  deliveries: Observable<Delivery<Order>>,
  publisher: Publisher,
  handler: OrderHandler,
): Observable<Settled> {
  const { run } = byHand(handler, publisher);
  const limit = pLimit(CONCURRENCY);
  return new Observable((subscriber) =>
    deliveries.subscribe({
      next(delivery) {
        limit(run, delivery).then(
          (settled) => subscriber.next(settled),
          (error) => subscriber.error(error),
        );
      },
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    }),
  );
}
