import type { OperatorFunction } from 'rxjs';
import type { Event } from '../core/event.ts';
import type { Publisher, PublishOptions, Receipt } from '../core/transport.ts';
import { type BoundedConcurrencyOptions, boundedConcurrency } from './bounded-concurrency.ts';

/** Options for {@link publishTo}. */
export interface PublishToOptions extends PublishOptions, BoundedConcurrencyOptions<Event> {
  /** How many publishes run at a time; more than one may change the order. @defaultValue `1` */
  readonly concurrency?: number;
}

/**
 * Publishes each event of a stream, and emits the receipts. A publish that fails ends the stream with its error: put
 * `retryBackoff` inside the publisher, or handle deliveries with `handle`, where a failure is a value.
 *
 * @example
 * ```ts
 * readings.pipe(map((reading) => measured.create(reading)), publishTo(transport));
 * ```
 */
export function publishTo(publisher: Publisher, options: PublishToOptions = {}): OperatorFunction<Event, Receipt> {
  const { concurrency = 1 } = options;
  return boundedConcurrency((event: Event) => publisher.publish(event, options), { ...options, concurrency });
}
