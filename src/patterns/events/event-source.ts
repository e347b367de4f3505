import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import { alarm } from '../../core/alarm.ts';
import { atLeast0, wholeNumber } from '../../core/check-options.ts';
import { deadlines } from '../../core/deadlines.ts';
import type { Event } from '../../core/event.ts';
import type { Publisher } from '../../core/transport.ts';
import { addressMapping, narrowest, type TypeAddressing } from './addresses-of.ts';
import { InvalidListenerError, SourceClosedError } from './errors.ts';
import type { Feed, FeedTarget, FeedTransport } from './feed.ts';
import { listeners } from './listeners.ts';
import { liveFeed } from './live-feed.ts';
import { streamFeed } from './stream-feed.ts';
import { Wait } from './wait.ts';

/** Options for {@link eventSource}. */
export interface EventSourceOptions extends TypeAddressing {
  /** The stream that has the events. @defaultValue none: what is published to core listeners */
  readonly stream?: string;
  /** Types to receive from the first listener on, whoever asks for them. @defaultValue those that listeners have asked for */
  readonly types?: readonly string[];
  /** How long, in ms, the subscription outlives the last listener with a timeout: requests in turn share one. @defaultValue `1_000` */
  readonly linger?: number;
  /** How many events may be on their way here at a time. @defaultValue the transport's */
  readonly prefetch?: number;
  /** Clock for timeouts. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** What to listen to, and for how long: give `types`, `transactionId`, or both. */
export interface EventSourceListenOptions {
  /** Events of these types. @defaultValue all */
  readonly types?: readonly string[] | undefined;
  /** Events of this transaction. @defaultValue all */
  readonly transactionId?: string | undefined;
  /** Whether to complete after the first event. @defaultValue `false` */
  readonly once?: boolean;
  /** Time, in ms, until it fails with `ResponseTimeoutError` unless it has ended by then. @defaultValue `Infinity` */
  readonly timeout?: number;
  /** Called when what is published from then on comes. */
  readonly opened?: () => void;
}

/** Listeners to events that come and go, over one subscription. Disposing of it closes it. */
export interface EventSource extends Publisher, AsyncDisposable {
  /**
   * Emits the events of some types, of a transaction, or both, from when it is subscribed to. The first listener opens
   * the subscription, the last one out closes it.
   *
   * Fails with `InvalidListenerError` where neither is given, with the subscription's own error, and when its `timeout` is
   * over. Completes when the transport is drained or the source closed; one with a timeout fails with `SourceClosedError`.
   */
  listen<T = unknown>(options: EventSourceListenOptions): Observable<Event<T>>;
  /** How many listen. */
  readonly size: number;
  /** How many events came that nobody listened to: late responses, those to requests of others, what is no event. */
  readonly dropped: number;
  /** Ends all listeners, and the subscription. No new ones can come. */
  close(): void;
}

const DEFAULT_LINGER = 1_000;

/**
 * Makes a source of events for listeners that come and go, and for {@link requestEvent} and {@link waitForResponse}.
 *
 * All share one subscription, which is filtered by the types that were asked for: of a stream, through a consumer that
 * lives as long as the subscription and is only read; without `stream`, at the addresses of the types, where an event is
 * missed while the connection is lost. Publishing through it is publishing through its transport, and with `stream` an
 * event must be stored.
 *
 * @example
 * ```ts
 * const source = eventSource(transport, { stream: 'SHOP' });
 * source.listen({ types: ['order.paid', 'order.refused'] }).subscribe(({ type }) => count(type));
 * ```
 */
export function eventSource(transport: Publisher & FeedTransport, options: EventSourceOptions = {}): EventSource {
  const { stream, types: always = [], linger = DEFAULT_LINGER, prefetch, scheduler = asyncScheduler } = options;
  const addressOf = addressMapping(options);
  const everything = [options.prefix === undefined ? '>' : `${options.prefix}.>`];
  const from = always.map(addressOf);
  atLeast0('linger', linger);
  if (prefetch !== undefined) wholeNumber('prefetch', prefetch);
  const defaults = {
    ...(prefetch === undefined ? {} : { prefetch }),
    ...(options.scheduler === undefined ? {} : { scheduler: options.scheduler }),
  };
  const waits = listeners<Wait>();
  const due = deadlines<Wait>(scheduler, (wait) => wait.expire());
  const idle = alarm(scheduler, closeIfIdle);
  let idleUntil = 0;
  let feed: Feed | undefined;
  let dropped = 0;
  let closed = false;

  const target: FeedTarget = {
    receive({ event, failure }) {
      if (failure !== undefined || waits.dispatch(event) === 0) dropped += 1;
    },
    ended: (error) => {
      closeFeed();
      for (const wait of [...waits]) wait.end(error);
    },
  };

  function enter(wait: Wait, opened: (() => void) | undefined): void {
    const addresses = wait.types === undefined ? everything : wait.types.map(addressOf);
    waits.add(wait);
    if (wait.timed) due.start(wait, wait.timeout);
    feed ??=
      stream === undefined ? liveFeed(transport, defaults, target) : streamFeed(transport, stream, defaults, target);
    feed.cover(from.length === 0 ? addresses : narrowest([...from, ...addresses]), () => {
      if (wait.subscriber.closed) return;
      wait.opened = true;
      opened?.();
    });
  }

  function leave(wait: Wait): void {
    if (!waits.remove(wait)) return;
    due.end(wait);
    if (waits.size > 0) return;
    if (feed === undefined || !wait.timed || linger === 0) return closeFeed();
    idleUntil = scheduler.now() + linger;
    idle.set(idleUntil); // unless it goes off sooner: requests in turn are not to set a timer each
  }

  function closeIfIdle(): void {
    if (waits.size > 0) return;
    if (scheduler.now() < idleUntil) idle.set(idleUntil);
    else closeFeed();
  }

  function closeFeed(): void {
    const closing = feed;
    feed = undefined;
    idle.clear();
    if (waits.size === 0) due.stop();
    closing?.close();
  }

  function close(): void {
    closed = true;
    target.ended(undefined);
  }

  return {
    get size() {
      return waits.size;
    },
    get dropped() {
      return dropped;
    },
    publish: (events, given) => transport.publish(events, { stored: stream !== undefined, ...given }),
    listen<T>(given: EventSourceListenOptions) {
      const { types, transactionId, once = false, timeout = Number.POSITIVE_INFINITY, opened } = given;
      if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
      const wanted = { types, transactionId, once, timeout };
      return new Observable<Event>((subscriber) => {
        checkSelection(given);
        if (closed) throw new SourceClosedError();
        const wait = new Wait(wanted, subscriber, leave);
        subscriber.add(wait);
        enter(wait, opened);
      }) as Observable<Event<T>>;
    },
    close,
    [Symbol.asyncDispose]: async () => close(),
  };
}

function checkSelection({ types, transactionId }: EventSourceListenOptions): void {
  if (types === undefined && transactionId === undefined)
    throw new InvalidListenerError('types', "give 'types', 'transactionId', or both");
  if (types !== undefined && types.length === 0) throw new InvalidListenerError('types', 'there must be at least one');
  if (types?.some((type) => typeof type !== 'string' || type === ''))
    throw new InvalidListenerError('types', 'each must be a non-empty string');
  if (transactionId !== undefined && (typeof transactionId !== 'string' || transactionId === ''))
    throw new InvalidListenerError('transactionId', 'it must be a non-empty string');
}
