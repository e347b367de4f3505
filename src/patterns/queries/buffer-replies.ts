import { type MonoTypeOperatorFunction, Observable } from 'rxjs';
import { atLeast0 } from '../../core/check-options.ts';
import { BufferOverflowError } from '../../core/errors.ts';
import { observe } from '../../operators/observe.ts';

/** Options for {@link bufferReplies}. */
export interface BufferRepliesOptions {
  /** How many replies may wait for the end; one more is a `BufferOverflowError`. @defaultValue `10_000` */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 10_000;

/**
 * Keeps what a handler emits until it completes: then all of it is sent, or, where the handler fails, the error alone.
 *
 * Fails at once with `BufferOverflowError` when there are more than `limit`. Unsubscribing forgets what waits.
 *
 * @example
 * ```ts
 * serve(transport, { 'report.get': ({ event }) => rowsOf(event.data).pipe(bufferReplies()) });
 * ```
 */
export function bufferReplies<T>(options: BufferRepliesOptions = {}): MonoTypeOperatorFunction<T> {
  const { limit = DEFAULT_LIMIT } = options;
  atLeast0('limit', limit);
  return (source) =>
    new Observable((subscriber) => {
      const replies: T[] = [];
      observe(source, subscriber, {
        next(reply) {
          if (replies.length >= limit) subscriber.error(new BufferOverflowError('The buffer of bufferReplies', limit));
          else replies.push(reply);
        },
        error: (error) => subscriber.error(error),
        complete() {
          for (const reply of replies) subscriber.next(reply);
          subscriber.complete();
        },
      });
    });
}
