import type { OperatorFunction, SchedulerLike } from 'rxjs';
import { type Backoff, exponential } from '../core/backoff.ts';
import type { DedupeStore } from '../core/dedupe-store.ts';
import { memoryDedupeStore } from '../core/memory-dedupe-store.ts';
import type { Arrival, Handler, Outcome } from '../core/outcome.ts';
import type { Publisher } from '../core/transport.ts';
import { type DeadLetterOptions, deadLetter } from './dead-letter.ts';
import { type DedupeOptions, dedupe } from './dedupe.ts';
import { handle } from './handle.ts';
import type { HandleOptions } from './handle-options.ts';
import { redeliver } from './redeliver.ts';
import { settle } from './settle.ts';

/** Where {@link consume} keeps what failed for good. */
export interface ConsumeDeadLetter<T = unknown> extends DeadLetterOptions<T> {
  readonly publisher: Publisher;
}

/** How {@link consume} recognises what was handled. */
export interface ConsumeDedupe<T = unknown> extends DedupeOptions<T> {
  /** Where handled events are remembered. @defaultValue a bounded store in this process */
  readonly store?: DedupeStore;
}

/** Options for {@link consume}. */
export interface ConsumeOptions<T = unknown> extends HandleOptions<T> {
  /** Where handled events are remembered, or that and what makes them the same; `false` for not at all. @defaultValue a bounded store in this process */
  readonly dedupe?: DedupeStore | ConsumeDedupe<T> | false;
  /** When a failed delivery is tried again. @defaultValue 6 attempts, 200 ms to 30 s apart, with jitter */
  readonly backoff?: Backoff;
  /** Where a delivery goes that failed for good. Without it, it goes back to the broker again and again. */
  readonly deadLetter?: ConsumeDeadLetter<T>;
  /** Whether an outcome waits until the broker says that it has the ack. @defaultValue `false` */
  readonly confirm?: boolean;
}

/**
 * The whole pipeline with safe defaults: dedupe, handle, redeliver, dead-letter, settle.
 *
 * Each delivery is settled by what became of it, and that outcome is emitted. See {@link handle} for what happens on
 * error, completion and unsubscribe.
 *
 * @example
 * ```ts
 * transport
 *   .subscribe({ stream: 'SHOP', consumer: 'billing' })
 *   .pipe(consume(charge, { concurrency: 32, deadLetter: { publisher: transport } }))
 *   .subscribe();
 * ```
 */
export function consume<T, R>(
  handler: Handler<T, R>,
  options: ConsumeOptions<T> = {},
): OperatorFunction<Arrival<T>, Outcome<T, R>> {
  const {
    dedupe: deduped = {},
    backoff = exponential({ initial: 200, max: 30_000, maxAttempts: 6 }),
    confirm = false,
  } = options;
  const clock = options.scheduler === undefined ? {} : { scheduler: options.scheduler };
  const handled = handle(handler, options);
  const retried = redeliver<T, R>(backoff, clock);
  const settled = settle<T, R>({ confirm, ...clock });
  const letter = options.deadLetter;
  const deadLettered = letter && deadLetter<T, R>(letter.publisher, { ...clock, ...letter });

  if (deduped !== false && (typeof deduped !== 'object' || deduped === null)) {
    throw new TypeError("'dedupe' must be a store with 'claim', options such as { store, key }, or false");
  }

  return (source) => {
    const claimed = deduped === false ? source : source.pipe(claims(deduped, clock));
    const decided = claimed.pipe(handled, retried);
    return (deadLettered === undefined ? decided : decided.pipe(deadLettered)).pipe(settled);
  };
}

/** Made anew for each pipeline, so that a store which nobody has given is one pipeline's own. */
function claims<T>(
  deduped: DedupeStore | ConsumeDedupe<T>,
  clock: { readonly scheduler?: SchedulerLike },
): OperatorFunction<Arrival<T>, Arrival<T>> {
  if ('claim' in deduped) return dedupe(deduped, clock);
  const { store = memoryDedupeStore(clock), ...options } = deduped;
  return dedupe(store, { ...clock, ...options });
}
