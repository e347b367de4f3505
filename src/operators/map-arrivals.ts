import {
  asyncScheduler,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
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
  /** Takes an answer that came when nobody wanted it any more; it was handed back already. */
  discard(answer: Arrival<R>): void;
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
 * On unsubscribe, what has no answer yet is handed back with `nak(0)`.
 */
export function mapArrivals<T, R>(
  mapping: ArrivalMapping<T, R>,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<Arrival<T>, Arrival<R>> {
  return (source) =>
    new Observable((subscriber) => {
      const slots = fifo<Slot<T, R>>();
      const keeper = leaseKeeper(scheduler);
      let first: Slot<T, R> | undefined;
      let ending: (() => void) | undefined;

      function arrive(arrival: Arrival<T>): void {
        if (!('ack' in arrival)) return pass(arrival as unknown as Arrival<R>);
        const answer = mapping.map(arrival);
        if (!isInput<Arrival<R>>(answer)) return pass(answer);
        const slot: Slot<T, R> = { delivery: arrival, answer: undefined, work: undefined };
        keeper.keep(arrival);
        add(slot);
        const done = (value: Arrival<R> | undefined) => {
          if (value === undefined) return;
          if (subscriber.closed) return mapping.discard(value);
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
        for (const { delivery, answer, work } of left) {
          work?.unsubscribe();
          if (answer !== undefined) mapping.discard(answer);
          delivery?.nak(0);
        }
      };
    });
}
