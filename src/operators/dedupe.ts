import {
  asyncScheduler,
  type MonoTypeOperatorFunction,
  map,
  Observable,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import { redriveCount } from '../core/dead-letter-headers.ts';
import type { DedupeStore } from '../core/dedupe-store.ts';
import type { Delivery } from '../core/delivery.ts';
import { eventKey } from '../core/event.ts';
import type { Arrival } from '../core/outcome.ts';
import { isClaim, type Verdict } from './claim-verdict.ts';
import { ClaimedDelivery } from './claimed-delivery.ts';
import { claiming } from './claiming.ts';
import { type DedupeByOptions, dedupeValues } from './dedupe-values.ts';
import { handBack, mapArrivals } from './map-arrivals.ts';

/** Options for {@link dedupe} on deliveries. */
export interface DedupeOptions<T = unknown> {
  /**
   * What makes two deliveries the same event. @defaultValue the event's source and id, and how often it was sent back
   * from a dead-letter stream
   */
  readonly key?: (delivery: Delivery<T>) => string;
  /** How long a delivery goes back for, in ms, while another one of its event is being handled. @defaultValue `1_000` */
  readonly busyDelay?: number;
  /** What becomes of a delivery that cannot be claimed as the store fails: it fails too, or runs all the same. @defaultValue `'fail'` */
  readonly onStoreFailure?: 'fail' | 'run';
  /** Clock for the leases of what waits for the store. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/**
 * Lets one delivery of an event be handled at a time, and none after one was: claim, run, commit.
 *
 * The claim comes before the handler. The deliveries that come out commit it before they ack or term, and release it
 * before they nak. What was handled before becomes a `skipped` outcome; what is being handled goes back for `busyDelay`.
 * A store that fails to claim makes the delivery `failed` (or lets it run); one that fails to commit does not undo the
 * work: the ack is sent, and the outcome carries a `StoreFailedError` as `settleError`. Order is kept, also when the
 * store takes time. A term commits too: a dead letter's duplicate is a duplicate.
 *
 * With `{ key, window }` in place of a store, drops the repeated values of any stream.
 *
 * @example
 * ```ts
 * deliveries.pipe(dedupe(memoryDedupeStore({ ttl: 600_000 })), handle(charge), settle());
 * ticks.pipe(dedupe({ key: (tick) => tick.symbol, window: 1_000 }));
 * ```
 */
export function dedupe<T>(store: DedupeStore, options?: DedupeOptions<T>): OperatorFunction<Arrival<T>, Arrival<T>>;
export function dedupe<T>(options: DedupeByOptions<T>): MonoTypeOperatorFunction<T>;
export function dedupe<T>(
  storeOrOptions: DedupeStore | DedupeByOptions<T>,
  options: DedupeOptions<T> = {},
): OperatorFunction<Arrival<T>, Arrival<T>> | MonoTypeOperatorFunction<T> {
  if (typeof storeOrOptions !== 'object' || storeOrOptions === null) {
    throw new TypeError("dedupe needs a store with 'claim', or { key }");
  }
  if ('claim' in storeOrOptions) return dedupeDeliveries(storeOrOptions, options);
  if (typeof storeOrOptions.key === 'function') return dedupeValues(storeOrOptions);
  throw new TypeError("dedupe needs a store with 'claim', or { key }");
}

function dedupeDeliveries<T>(store: DedupeStore, options: DedupeOptions<T>): OperatorFunction<Arrival<T>, Arrival<T>> {
  const { key = deliveryKey, busyDelay = 1_000, onStoreFailure = 'fail', scheduler = asyncScheduler } = options;
  if (!(busyDelay > 0)) throw new RangeError(`'busyDelay' must be above 0 ms, not ${busyDelay}`);
  const claim = claiming(store, { busyDelay, onStoreFailure });

  function arrival(delivery: Delivery<T>, id: string, verdict: Verdict): Arrival<T> {
    if (verdict === 'run') return delivery;
    return isClaim(verdict) ? new ClaimedDelivery(delivery, verdict, id, claim) : { ...verdict, delivery };
  }

  return mapArrivals<T, T>(
    {
      map(delivery) {
        let id: string;
        try {
          id = key(delivery);
          if (typeof id !== 'string') throw new TypeError(`'key' of dedupe must return a text, not ${String(id)}`);
        } catch (error) {
          return { kind: 'failed', delivery, error };
        }
        const verdict = claim(delivery, id);
        if (!(verdict instanceof Observable)) return arrival(delivery, id, verdict);
        return verdict.pipe(map((answer) => arrival(delivery, id, answer)));
      },
      discard: handBack,
    },
    scheduler,
  );
}

function deliveryKey({ event, headers }: Delivery): string {
  const redriven = redriveCount(headers);
  return redriven === 0 ? eventKey(event) : `${eventKey(event)} redriven ${redriven}`;
}
