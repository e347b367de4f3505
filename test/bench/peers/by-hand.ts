import type { Delivery, Publisher } from 'millrace';
import { firstValueFrom, map, type Observable, of } from 'rxjs';
import { ATTEMPTS, type Order, REMEMBERED, RETRY_DELAY, type Settled } from '../workload/orders.ts';
import { type Sighting, seenEvents } from './seen-events.ts';

/** How long a duplicate goes back for while its event is being handled, in ms. */
const BUSY_DELAY = 1_000;

const SUCCEEDED: Settled = { kind: 'succeeded' };
const SKIPPED: Settled = { kind: 'skipped' };
const RETRY: Settled = { kind: 'retry' };
const DEAD_LETTERED: Settled = { kind: 'deadLettered' };

/** What the peers share, written by hand: the right to handle an event, and what follows from success and failure. */
export interface ByHand {
  /** Claims the event of a delivery; settles the delivery where that cannot be. */
  claim(delivery: Delivery<Order>): Sighting | Settled;
  succeed(delivery: Delivery<Order>, sighting: Sighting): Settled;
  fail(delivery: Delivery<Order>, sighting: Sighting): Observable<Settled>;
  /** The whole job, for a handler that returns a promise or nothing. */
  run(delivery: Delivery<Order>): Promise<Settled>;
}

/** A handler that may be waited for. */
export type OrderHandler = (delivery: Delivery<Order>) => Promise<void> | void;

export function byHand(handler: OrderHandler, publisher: Publisher): ByHand {
  const seen = seenEvents(REMEMBERED);

  function claim(delivery: Delivery<Order>): Sighting | Settled {
    const { event } = delivery;
    const sighting = seen.claim(`${event.source} ${event.id}`);
    if (typeof sighting === 'object') return sighting;
    if (sighting === 'done') {
      delivery.ack();
      return SKIPPED;
    }
    delivery.nak(BUSY_DELAY);
    return RETRY;
  }

  function succeed(delivery: Delivery<Order>, sighting: Sighting): Settled {
    sighting.done = true;
    delivery.ack();
    return SUCCEEDED;
  }

  function fail(delivery: Delivery<Order>, sighting: Sighting): Observable<Settled> {
    if (delivery.attempt < ATTEMPTS) {
      seen.release(sighting);
      delivery.nak(RETRY_DELAY);
      return of(RETRY);
    }
    const { event, address } = delivery;
    return publisher.publish(event, { address: `${address}.dlq`, messageId: `dlq ${event.id}` }).pipe(
      map(() => {
        sighting.done = true;
        delivery.term('gave up');
        return DEAD_LETTERED;
      }),
    );
  }

  async function run(delivery: Delivery<Order>): Promise<Settled> {
    const sighting = claim(delivery);
    if ('kind' in sighting) return sighting;
    try {
      await handler(delivery);
    } catch {
      return firstValueFrom(fail(delivery, sighting));
    }
    return succeed(delivery, sighting);
  }

  return { claim, succeed, fail, run };
}
