import { type Arrival, type Delivery, dedupe, type Event, memoryDedupeStore } from 'millrace';
import type { MonoTypeOperatorFunction, Observable, OperatorFunction } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';

interface Order {
  readonly id: string;
}

declare const orders: Observable<Delivery<Order>>;
declare const events: Observable<Event<Order>>;

describe('dedupe', () => {
  it('makes arrivals of deliveries, with a store', () => {
    expectTypeOf(orders.pipe(dedupe(memoryDedupeStore()))).toEqualTypeOf<Observable<Arrival<Order>>>();
    expectTypeOf(dedupe<Order>(memoryDedupeStore())).toEqualTypeOf<OperatorFunction<Arrival<Order>, Arrival<Order>>>();
  });

  it('gives the key of a delivery the type of its data', () => {
    orders.pipe(
      dedupe(memoryDedupeStore(), {
        key: (delivery) => {
          expectTypeOf(delivery).toEqualTypeOf<Delivery<Order>>();
          return delivery.event.data?.id ?? '';
        },
      }),
    );
  });

  it('keeps the type of any other stream, by a key', () => {
    expectTypeOf(events.pipe(dedupe({ key: ({ id }) => id }))).toEqualTypeOf<Observable<Event<Order>>>();
    expectTypeOf(dedupe<number>({ key: String })).toEqualTypeOf<MonoTypeOperatorFunction<number>>();
  });

  it('refuses to mix the two', () => {
    // @ts-expect-error -- no store, so no second argument
    dedupe({ key: String }, { busyDelay: 5 });
    // @ts-expect-error -- a window is of the values' form
    dedupe(memoryDedupeStore(), { window: 5 });
    // @ts-expect-error -- a key must be a text
    dedupe<number>({ key: (value) => value });
  });
});
