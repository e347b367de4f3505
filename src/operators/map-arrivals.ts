import {
  asyncScheduler,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
  Subscription,
  type Unsubscribable,
} from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { fifo } from '../core/fifo.ts';
import type { Arrival } from '../core/outcome.ts';
import { isInput, whenDone } from '../core/when-done.ts';
import { leaseKeeper } from './lease-keeper.ts';
import { observe } from './observe.ts';

/** What {@link mapArrivals} does to each delivery. */
export interface ArrivalMapping<T, R> {
  /** Answers at once, or in time. A failure, too, is an answer: this never throws, and what it returns never fails. */
  map(delivery: Delivery<T>): Arrival<R> | ObservableInput<Arrival<R>>;
  /** Hands back what an answer is about that nobody wants any more. @defaultValue `nak(0)` */
  discard?(answer: Arrival<R>): void;
}

interface Slot<T, R> {
  readonly delivery: Delivery<T> | undefined;
  answer: Arrival<R> | undefined;
  work: Unsubscribable | undefined;
}

/**
 * Maps deliveries in order, however long each answer takes, and keeps their leases meanwhile; whatever else
 * arrives passes, in its place.
 *
 * A delivery that carries a `failure` is a `failed` outcome at once.
 *
 * On unsubscribe, what has no answer yet is handed back with `nak(0)`.
 */
export function mapArrivals<T, R>(
  mapping: ArrivalMapping<T, R>,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<Arrival<T>, Arrival<R>> {
  const { map, discard = handBack } = mapping;

  return (source) =>
    new Observable((subscriber) => {
      const slots = fifo<Slot<T, R>>();
      const keeper = leaseKeeper(scheduler);
      let first: Slot<T, R> | undefined;
      let ending: (() => void) | undefined;

      function arrive(arrival: Arrival<T>): void {
        if (!isDelivery(arrival)) return pass(arrival as unknown as Arrival<R>);
        const { failure } = arrival;
        if (failure !== undefined)
          return pass({ kind: 'failed', delivery: arrival as unknown as Delivery<R>, error: failure });
        const answer = map(arrival);
        if (isDelivery<R>(answer) || !isInput<Arrival<R>>(answer)) return pass(answer);
        const slot: Slot<T, R> = { delivery: arrival, answer: undefined, work: undefined };
        keeper.keep(arrival);
        add(slot);
        const done = (value: Arrival<R> | undefined) => {
          if (value === undefined) return;
          if (subscriber.closed) return discard(value);
          slot.answer = value;
          flush();
        };
        slot.work = whenDone(answer, done, (error) => subscriber.error(error));
      }

      function pass(arrival: Arrival<R>): void {
        if (first === undefined) subscriber.next(arrival);
        else add({ delivery: undefined, answer: arrival, work: undefined });
      }

      function add(slot: Slot<T, R>): void {
        if (first === undefined) first = slot;
        else slots.push(slot);
      }

      function flush(): void {
        while (first?.answer !== undefined) {
          const { answer } = first;
          first = slots.shift();
          subscriber.next(answer);
        }
        if (first === undefined) ending?.();
      }

      const endWith = (end: () => void) => {
        ending = end;
        flush();
      };
      observe(source, subscriber, {
        next: arrive,
        error: (error) => endWith(() => subscriber.error(error)),
        complete: () => endWith(() => subscriber.complete()),
      });

      return () => {
        keeper.stop();
        const left = first === undefined ? [] : [first, ...slots.drain()];
        const rest = new Subscription(); // so that one that throws keeps none of the others
        for (const { delivery, answer, work } of left) {
          if (work !== undefined) rest.add(work);
          rest.add(() => (answer === undefined ? delivery?.nak(0) : discard(answer)));
        }
        rest.unsubscribe();
      };
    });
}

/** Tells a delivery from the outcomes and events that travel with it. An extension attribute may have any name. */
function isDelivery<T>(arrival: object): arrival is Delivery<T> {
  return typeof (arrival as Partial<Delivery<T>>).ack === 'function';
}

/** Hands back the delivery that an arrival is, or is about. */
export function handBack(arrival: Arrival): void {
  const delivery: object = isDelivery(arrival) ? arrival : arrival.delivery;
  if (delivery !== undefined && isDelivery(delivery)) delivery.nak(0);
}
