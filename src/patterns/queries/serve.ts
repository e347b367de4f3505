import { EMPTY, merge, Observable, type SchedulerLike, share, tap } from 'rxjs';
import { atLeast0, wholeNumber } from '../../core/check-options.ts';
import { RemoteError } from '../../core/errors.ts';
import type { IncomingRequest, Responder } from '../../core/transport.ts';
import { boundedConcurrency } from '../../operators/bounded-concurrency.ts';
import { addressMapping, narrowest, type TypeAddressing } from '../events/addresses-of.ts';
import {
  answerRequest,
  type DescribeError,
  describeError,
  type RequestHandler,
  type Served,
} from './answer-request.ts';

/** A handler for each type of request. */
export type RequestHandlers = Readonly<Record<string, RequestHandler>>;

/** Options for {@link serve}. */
export interface ServeOptions extends TypeAddressing {
  /** Shares the requests with all who serve under this name. @defaultValue none: each who serves answers each request */
  readonly queue?: string;
  /** Where to listen: addresses, or patterns with wildcards. @defaultValue those of the types that have a handler */
  readonly addresses?: readonly string[];
  /** How many requests are handled at a time. @defaultValue `32` */
  readonly concurrency?: number;
  /** How many requests may wait for that; one more is refused with the code `BUSY`. @defaultValue `1_024` */
  readonly buffer?: number;
  /**
   * Says what the asker is told of a failure: keep from it what is not its business.
   *
   * @defaultValue the code and the message of the error, a `RemoteError`'s own ones, and `HANDLER_FAILED` where there is no
   * code
   */
  readonly describe?: DescribeError;
  /** Clock for the time of replies. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

const DEFAULT_CONCURRENCY = 32;
const DEFAULT_BUFFER = 1_024;

/**
 * Answers requests by type while subscribed, and emits what became of each.
 *
 * A handler returns an Observable, a promise, an iterable or a value of replies. Each is sent when it comes, in the
 * request's transaction unless it has its own, and completion ends the replies. Where a handler throws, rejects or errors,
 * the asker fails with a `RemoteError` that has a code and a message, and no stack; the others go on. When the asker goes,
 * the handler's Observable is unsubscribed, and the request's `signal` aborted; a promise keeps its place until it settles.
 *
 * A type without a handler is answered with the code `UNHANDLED_TYPE`, and what finds no room with `BUSY`. Unsubscribing
 * answers what is not done with `UNAVAILABLE`; a drain of the transport waits for it, and completes this. Fails when the
 * source cannot go on. Subscribers share one subscription.
 *
 * @example
 * ```ts
 * serve(transport, { 'prices.get': ({ event }) => from(pricesOf(event.data)) }, { queue: 'prices' }).subscribe();
 * ```
 *
 * @throws TypeError for a handler that is no function, or nothing to listen to; RangeError for a bad number.
 */
export function serve(transport: Responder, handlers: RequestHandlers, options: ServeOptions = {}): Observable<Served> {
  const { queue, concurrency = DEFAULT_CONCURRENCY, buffer = DEFAULT_BUFFER } = options;
  const { describe = describeError, scheduler } = options;
  const table = new Map(Object.entries(handlers));
  check(table);
  wholeNumber('concurrency', concurrency);
  atLeast0('buffer', buffer);
  const addresses = narrowest(options.addresses ?? [...table.keys()].map(addressMapping(options)));
  if (addresses.length === 0) throw new TypeError("'addresses' must have at least one");
  const shared = queue === undefined ? {} : { queue };
  const requests$ = merge(...addresses.map((address) => transport.requests({ address, ...shared })));

  return new Observable<Served>((subscriber) => {
    const waiting = new Set<IncomingRequest>();
    subscriber.add(() => {
      for (const request of waiting) request.fail('UNAVAILABLE', 'The responder stopped before it had answered');
    });

    function refuse(request: IncomingRequest, code: string, message: string): void {
      waiting.delete(request);
      request.fail(code, message);
      subscriber.next({ kind: 'refused', request, replies: 0, error: new RemoteError(code, message) });
    }

    function run(request: IncomingRequest): Observable<Served> {
      waiting.delete(request);
      const { type } = request.event;
      const handler = table.get(type);
      if (handler !== undefined) return answerRequest(request, handler, { describe, scheduler });
      refuse(request, 'UNHANDLED_TYPE', `Nobody here answers requests of type '${type}'`);
      return EMPTY;
    }

    const onDrop = (request: IncomingRequest) => refuse(request, 'BUSY', `${buffer} requests wait already`);
    requests$
      .pipe(
        tap((request) => waiting.add(request)),
        boundedConcurrency(run, { concurrency, buffer, overflow: 'drop-newest', onDrop }),
      )
      .subscribe(subscriber);
  }).pipe(share());
}

function check(table: ReadonlyMap<string, unknown>): void {
  if (table.size === 0) throw new TypeError("'handlers' must have a handler for at least one type");
  for (const [type, handler] of table) {
    if (typeof handler !== 'function') throw new TypeError(`The handler of '${type}' must be a function`);
  }
}
