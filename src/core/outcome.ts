import type { ObservableInput } from 'rxjs';
import type { Delivery } from './delivery.ts';
import type { Receipt } from './transport.ts';

/** The work is done. `value` is the handler's last value, if it had one. */
export interface Succeeded<T = unknown, R = unknown> {
  readonly kind: 'succeeded';
  readonly delivery: Delivery<T>;
  readonly value: R | undefined;
  /** Why the settlement itself failed, if it did: the work is done, but a duplicate may come. */
  readonly settleError?: unknown;
}

/** Nothing had to be done: a duplicate, or a type that nobody handles. */
export interface Skipped<T = unknown> {
  readonly kind: 'skipped';
  readonly delivery: Delivery<T>;
  readonly reason: string;
  readonly settleError?: unknown;
}

/** The handler failed, and no policy has decided what to do about it yet. */
export interface Failed<T = unknown> {
  readonly kind: 'failed';
  readonly delivery: Delivery<T>;
  readonly error: unknown;
  readonly settleError?: unknown;
}

/** It goes back to the broker, to be redelivered after `delay` ms. */
export interface Retry<T = unknown> {
  readonly kind: 'retry';
  readonly delivery: Delivery<T>;
  readonly error: unknown;
  readonly delay: number;
  readonly settleError?: unknown;
}

/** It will not be tried again, and is stored as a dead letter under `receipt`. */
export interface DeadLettered<T = unknown> {
  readonly kind: 'deadLettered';
  readonly delivery: Delivery<T>;
  readonly error: unknown;
  readonly receipt: Receipt;
  readonly settleError?: unknown;
}

/** What became of a delivery in the pipeline. */
export type Outcome<T = unknown, R = unknown> = Succeeded<T, R> | Skipped<T> | Failed<T> | Retry<T> | DeadLettered<T>;

/** An outcome without its delivery: what is to become of one before any handler runs. */
export type Decision = Omit<Skipped, 'delivery'> | Omit<Failed, 'delivery'> | Omit<Retry, 'delivery'>;

/** What flows before {@link handle}: a delivery, or an outcome that was decided before any handler ran. */
export type Arrival<T = unknown> = Delivery<T> | Skipped<T> | Failed<T> | Retry<T>;

/**
 * Does the work for one delivery.
 *
 * Returns a value, or anything that RxJS can turn into an Observable (a promise, an Observable, an async iterable); the
 * work is done when it completes. A synchronous throw, a rejection and an Observable error are the same thing: the
 * delivery `failed`. A string is a value, not a sequence of characters.
 */
export type Handler<T = unknown, R = unknown> = (delivery: Delivery<T>) => ObservableInput<R> | R | void;

/** Tells an outcome from a delivery. */
export function isOutcome<T, R>(arrival: Delivery<T> | Outcome<T, R>): arrival is Outcome<T, R> {
  return 'kind' in arrival;
}
