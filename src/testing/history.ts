import {
  asyncScheduler,
  defer,
  from,
  type MonoTypeOperatorFunction,
  map,
  type Observable,
  type SchedulerLike,
  tap,
} from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { MillraceError, PublishError } from '../core/errors.ts';
import { AUTO_POPULATE, type Event } from '../core/event.ts';
import type { Handler, Outcome } from '../core/outcome.ts';
import type { Publisher, PublishOptions, Receipt } from '../core/transport.ts';
import { isInput, isPromiseLike } from '../core/when-done.ts';
import { type CheckOptions, checkHistory, type HistoryReport } from './check-history.ts';
import type { HistoryEntry, PublishedEntry } from './history-entry.ts';
import { RecordedDelivery } from './recorded-delivery.ts';

/** Options for {@link history}. */
export interface HistoryOptions {
  /** Clock for the times of the entries. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** A record of everything that happened to the events of one consumer; see {@link history}. */
export interface History {
  readonly entries: readonly HistoryEntry[];
  /** Wraps what publishes the events. */
  publisher(publisher: Publisher): Publisher;
  /** Wraps what stores the dead letters. */
  deadLetters(publisher: Publisher): Publisher;
  /** Makes the operator that records deliveries and their settlements: the nearer to the transport, the closer to the truth. */
  deliveries<T>(): MonoTypeOperatorFunction<Delivery<T>>;
  /** Wraps the handler: outside of whatever makes it fail. */
  handler<T, R>(handler: Handler<T, R>): Handler<T, R>;
  /** Makes the operator that records outcomes. */
  outcomes<T, R>(): MonoTypeOperatorFunction<Outcome<T, R>>;
  /** Looks for what must not happen. */
  check(options?: CheckOptions): HistoryReport;
}

/**
 * Makes a recorder for what happens between a publisher and a handler, and a checker for what must not: lost events,
 * events handled twice, deliveries settled twice, too late or never, and order that was not kept.
 *
 * One history is for one consumer: where several handle each event, each has its own, and the publisher is wrapped by all.
 *
 * @example
 * ```ts
 * const record = history({ scheduler: time });
 *
 * transport.subscribe({ stream: 'SHOP', consumer: 'billing' }).pipe(
 *   record.deliveries(),
 *   handle(record.handler(charge)),
 *   redeliver(constant(100)),
 *   deadLetter(record.deadLetters(transport)),
 *   settle(),
 *   record.outcomes(),
 * ).subscribe();
 * record.publisher(transport).publish(events).subscribe();
 * await time.advanceBy(60_000);
 *
 * const report = record.check({ orderBy: ({ event }) => event.subject });
 * assert(report.ok, formatHistory(report));
 * ```
 */
export function history(options: HistoryOptions = {}): History {
  const { scheduler = asyncScheduler } = options;
  const entries: HistoryEntry[] = [];
  const now = () => scheduler.now();

  function recordDelivery<T>(delivery: Delivery<T>): Delivery<T> {
    const { event } = delivery;
    const recorded = new RecordedDelivery(delivery, (settlement) => {
      entries.push({ kind: 'settled', at: now(), event, delivery: recorded, ...settlement });
    });
    entries.push({ kind: 'received', at: now(), event, delivery: recorded });
    return recorded;
  }

  function recordRun<T, R>(handler: Handler<T, R>, delivery: Delivery<T>): ReturnType<Handler<T, R>> {
    const { event } = delivery;
    const end = (result: 'succeeded' | 'failed' | 'cancelled') => {
      entries.push({ kind: 'ended', at: now(), event, delivery, result });
    };
    const fail = (error: unknown): never => {
      end('failed');
      throw error;
    };

    entries.push({ kind: 'started', at: now(), event, delivery });
    try {
      const result = handler(delivery);
      if (!isInput(result as R)) {
        end('succeeded');
        return result;
      }
      if (isPromiseLike<R>(result)) {
        return result.then((value) => {
          end('succeeded');
          return value;
        }, fail);
      }
      return from(result as Observable<R>).pipe(
        tap({ complete: () => end('succeeded'), error: () => end('failed'), unsubscribe: () => end('cancelled') }),
      );
    } catch (error) {
      return fail(error);
    }
  }

  function recordPublish(
    publisher: Publisher,
    events: Event | readonly Event[],
    publishOptions: PublishOptions | undefined,
  ): Observable<Receipt> {
    return defer(() => {
      const waiting = listOf(events).map((event) => populated(event, publisher));
      const record = (result: PublishedEntry['result'], receipt?: Receipt) => {
        const event = waiting.shift();
        if (event === undefined) return;
        entries.push({ kind: 'published', at: now(), event, result, ...(receipt === undefined ? {} : { receipt }) });
      };
      const giveUp = (first: 'refused' | 'unknown') => {
        record(first);
        while (waiting.length > 0) record('unknown'); // may have been on their way
      };
      return publisher.publish(events, publishOptions).pipe(
        tap({
          next: (receipt) => record('receipt', receipt),
          error: (error) => giveUp(isRefusal(error) ? 'refused' : 'unknown'),
          unsubscribe: () => giveUp('unknown'),
        }),
      );
    });
  }

  return {
    entries,

    publisher: (publisher) => ({
      publish: (events, publishOptions) => recordPublish(publisher, events, publishOptions),
    }),

    deadLetters: (publisher) => ({
      publish: (events, publishOptions) =>
        defer(() => {
          const letters = listOf(events);
          const record = (receipt: Receipt) =>
            entries.push({ kind: 'deadLetter', at: now(), event: letters.shift() as Event, receipt });
          return publisher.publish(events, publishOptions).pipe(tap(record));
        }),
    }),

    deliveries: () => map(recordDelivery),
    handler: (handler) => (delivery) => recordRun(handler, delivery),
    outcomes: () =>
      tap((outcome) => {
        entries.push({ kind: 'outcome', at: now(), event: outcome.delivery.event, outcome });
      }),
    check: (checkOptions) => checkHistory(entries, checkOptions),
  };
}

function listOf(events: Event | readonly Event[]): Event[] {
  return Array.isArray(events) ? [...(events as readonly Event[])] : [events as Event];
}

/** The event as the publishing transport sends it: with its own name where the source was left to it. */
function populated(event: Event, publisher: Publisher & { readonly name?: string }): Event {
  return event.source === AUTO_POPULATE && publisher.name !== undefined ? { ...event, source: publisher.name } : event;
}

/** Whether an error says that nothing was stored. */
function isRefusal(error: unknown): boolean {
  return error instanceof PublishError ? error.outcome === 'refused' : error instanceof MillraceError;
}
