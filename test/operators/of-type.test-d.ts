import { type Arrival, type Delivery, defineEvent, type Event, handle, type Outcome, ofType, settle } from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { type Observable, of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const placed = defineEvent({ type: 'placed', schema: z.object({ total: z.string().transform(Number) }) });
const paid = defineEvent<{ by: string }>({ type: 'paid' });

declare const deliveries: Observable<Delivery>;
declare const arrivals: Observable<Arrival>;
declare const events: Observable<Event>;

describe('ofType', () => {
  it('makes arrivals of deliveries, with typed data', () => {
    expectTypeOf(deliveries.pipe(ofType(placed))).toEqualTypeOf<Observable<Arrival<{ total: number }>>>();
    expectTypeOf(arrivals.pipe(ofType(placed))).toEqualTypeOf<Observable<Arrival<{ total: number }>>>();
  });

  it('keeps events events', () => {
    expectTypeOf(events.pipe(ofType(placed))).toEqualTypeOf<Observable<Event<{ total: number }>>>();
  });

  it('takes the union of several definitions', () => {
    type Both = { total: number } | { by: string };

    expectTypeOf(deliveries.pipe(ofType(placed, paid))).toEqualTypeOf<Observable<Arrival<Both>>>();
  });

  it('gives the handler typed data, and the outcome its value', () => {
    const result = deliveries.pipe(
      ofType(placed),
      handle((delivery) => {
        expectTypeOf(delivery).toEqualTypeOf<Delivery<{ total: number }>>();
        return of(delivery.event.data?.total);
      }),
      settle(),
    );

    expectTypeOf(result).toEqualTypeOf<Observable<Outcome<{ total: number }, number | undefined>>>();
  });

  it('follows a transport', () => {
    const subscription = memoryTransport(memoryBroker()).subscribe({ stream: 'SHOP', consumer: 'billing' });

    expectTypeOf(subscription.pipe(ofType(paid))).toEqualTypeOf<Observable<Arrival<{ by: string }>>>();
  });

  it('refuses a stream of something else', () => {
    // @ts-expect-error -- neither deliveries nor events
    of(1).pipe(ofType(placed));
  });
});
