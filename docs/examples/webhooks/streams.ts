// The broker's side: which streams and consumers there are, and how one sees that nothing is left to do.
import { consumerInfo, ensureConsumer, ensureStream, type MemoryBroker, streamInfo } from 'millrace/memory';
import {
  combineLatest,
  concat,
  distinctUntilChanged,
  first,
  fromEvent,
  interval,
  lastValueFrom,
  map,
  switchMap,
  takeUntil,
  throwError,
  timeout,
} from 'rxjs';

/** The stream that keeps the webhooks until they are handled, and the consumer that hands them out. */
export const work = { stream: 'WEBHOOKS', consumer: 'worker' } as const;

/** The stream that keeps what could not be handled, and the consumer that sends it back. */
export const dead = { stream: 'DEAD', consumer: 'redrive' } as const;

/**
 * Makes both. A work queue lets go of a message when it is acked, so that memory stays flat however many there are.
 *
 * @param prefetch - How many messages the worker takes at a time.
 */
export async function provision(broker: MemoryBroker, { prefetch }: { readonly prefetch: number }): Promise<void> {
  await lastValueFrom(
    concat(
      ensureStream(broker, { name: work.stream, subjects: ['github.>'], retention: 'workqueue' }),
      ensureConsumer(broker, { stream: work.stream, name: work.consumer, maxAckPending: prefetch }),
      ensureStream(broker, { name: dead.stream, subjects: ['dead.>'], retention: 'workqueue' }),
      ensureConsumer(broker, { stream: dead.stream, name: dead.consumer }),
    ),
  );
}

/** What the broker still has to do for a consumer. */
export interface Backlog {
  /** Messages that the stream keeps. */
  readonly messages: number;
  /** Messages that the consumer was not given yet, that are out with it, and that wait to be given to it again. */
  readonly pending: number;
  readonly unsettled: number;
  readonly redelivering: number;
}

/** Asks the broker. */
export async function backlog(broker: MemoryBroker, { stream, consumer }: Place): Promise<Backlog> {
  return lastValueFrom(look(broker, { stream, consumer }));
}

/** How often the broker is asked, and how long it may give the same answer before something is wrong; in ms. */
const INTERVAL = 10;
const PATIENCE = 15_000;

/**
 * Waits until the broker has nothing left to do for a consumer; rejects when `signal` is aborted.
 *
 * It asks the broker, and not the account: an event that was lost does not keep it waiting for ever.
 */
export async function whenIdle(broker: MemoryBroker, place: Place, signal: AbortSignal): Promise<void> {
  const idle = interval(INTERVAL).pipe(
    switchMap(() => look(broker, place)),
    distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
    timeout({ each: PATIENCE, with: () => throwError(() => stuck(place)) }),
    first(({ pending, unsettled, redelivering }) => pending + unsettled + redelivering === 0),
    takeUntil(fromEvent(signal, 'abort')),
  );
  signal.throwIfAborted();
  await lastValueFrom(idle, { defaultValue: undefined });
  signal.throwIfAborted();
}

function stuck({ stream, consumer }: Place): Error {
  return new Error(`Consumer '${consumer}' of stream '${stream}' got nothing done for ${PATIENCE / 1_000} s`);
}

interface Place {
  readonly stream: string;
  readonly consumer: string;
}

function look(broker: MemoryBroker, { stream, consumer }: Place) {
  return combineLatest([streamInfo(broker, stream), consumerInfo(broker, stream, consumer)]).pipe(
    map(([{ messages }, { pending, unsettled, redelivering }]) => ({ messages, pending, unsettled, redelivering })),
  );
}
