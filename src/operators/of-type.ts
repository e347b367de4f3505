import { filter, type Observable } from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { EventData, EventDefinition } from '../core/define-event.ts';
import type { Delivery } from '../core/delivery.ts';
import type { Event } from '../core/event.ts';
import type { Arrival } from '../core/outcome.ts';
import { isPromiseLike } from '../core/when-done.ts';
import { mapArrivals } from './map-arrivals.ts';

/** What comes out of {@link ofType} for each kind of stream: arrivals stay arrivals, events stay events. */
export type Typed<S, T> = S extends Event ? Event<T> : Arrival<T>;

/**
 * Keeps what is of the given types, with typed data.
 *
 * Of a stream of deliveries, the data is validated by the definition's schema: what it yields is what the handler gets,
 * and what it rejects is a `failed` outcome that no retry can mend. A delivery of another type becomes a `skipped`
 * outcome, since dropping it would leave it unsettled. Of a stream of events, others are dropped, and nothing is
 * validated.
 *
 * @example
 * ```ts
 * deliveries.pipe(ofType(orderPlaced, orderPaid), handle((d) => ship(d.event.data)), settle());
 * ```
 */
export function ofType<D extends readonly EventDefinition<never, unknown>[]>(
  ...definitions: D
): <S extends Event | Arrival>(source: Observable<S>) => Observable<Typed<S, EventData<D[number]>>> {
  type T = EventData<D[number]>;
  if (definitions.length === 0) throw new TypeError('ofType needs at least one definition');
  const byType = new Map(definitions.map((definition) => [definition.type, definition]));

  function validate(delivery: Delivery): Arrival<T> | Promise<Arrival<T>> {
    const definition = byType.get(delivery.event.type);
    if (definition === undefined) {
      return { kind: 'skipped', delivery: delivery as Delivery<T>, reason: `unhandled type '${delivery.event.type}'` };
    }
    const fail = (error: unknown): Arrival<T> => ({ kind: 'failed', delivery: delivery as Delivery<T>, error });
    try {
      const valid = definition.validate(delivery.event) as Event<T> | Promise<Event<T>>;
      return isPromiseLike<Event<T>>(valid)
        ? valid.then((event) => typed(delivery, event), fail)
        : typed(delivery, valid);
    } catch (error) {
      return fail(error);
    }
  }

  const isWanted = (value: Event | Arrival): boolean => !('specversion' in value) || byType.has(value.type as string);
  const validated = mapArrivals<unknown, T>({ map: validate });
  return <S extends Event | Arrival>(source: Observable<S>) =>
    validated(source.pipe(filter(isWanted)) as Observable<Arrival>) as Observable<Typed<S, T>>;
}

function typed<T>(delivery: Delivery, event: Event<T>): Delivery<T> {
  return event === delivery.event ? (delivery as Delivery<T>) : new TypedDelivery(delivery as Delivery<T>, event);
}

/** A delivery whose data is what its definition's schema yields. */
class TypedDelivery<T> extends DecoratedDelivery<T> {
  readonly #event: Event<T>;

  constructor(inner: Delivery<T>, event: Event<T>) {
    super(inner);
    this.#event = event;
  }

  override get event(): Event<T> {
    return this.#event;
  }
}
