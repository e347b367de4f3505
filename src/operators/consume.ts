import type { OperatorFunction } from 'rxjs';
import { type Backoff, exponential } from '../core/backoff.ts';
import type { DedupeStore } from '../core/dedupe-store.ts';
import { memoryDedupeStore } from '../core/memory-dedupe-store.ts';
import type { Arrival, Handler, Outcome } from '../core/outcome.ts';
import type { Publisher } from '../core/transport.ts';
import { type DeadLetterOptions, deadLetter } from './dead-letter.ts';
import { dedupe } from './dedupe.ts';
import { type HandleOptions, handle } from './handle.ts';
import { redeliver } from './redeliver.ts';
import { settle } from './settle.ts';

/** Where {@link consume} keeps what failed for good. */
export interface ConsumeDeadLetter<T = unknown> extends DeadLetterOptions<T> {
  readonly publisher: Publisher;
}

/** Options for {@link consume}. */
export interface ConsumeOptions<T = unknown> extends HandleOptions<T> {
  /** Where handled events are remembered; `false` for nowhere. @defaultValue a bounded store in this process */
  readonly dedupe?: DedupeStore | false;
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
    dedupe: store,
    backoff = exponential({ initial: 200, max: 30_000, maxAttempts: 6 }),
    confirm = false,
  } = options;
  const clock = options.scheduler === undefined ? {} : { scheduler: options.scheduler };
  const handled = handle(handler, options);
  const retried = redeliver<T, R>(backoff, clock);
  const settled = settle<T, R>({ confirm, ...clock });
  const letter = options.deadLetter;
  const deadLettered = letter && deadLetter<T, R>(letter.publisher, { ...clock, ...letter });

  return (source) => {
    const claimed = store === false ? source : source.pipe(dedupe<T>(store ?? memoryDedupeStore(clock), clock));
    const decided = claimed.pipe(handled, retried);
    return (deadLettered === undefined ? decided : decided.pipe(deadLettered)).pipe(settled);
  };
}
