// A broker as the pipeline sees it, and how one sees that it has nothing left to do.
import type { Transport } from 'millrace';
import {
  distinctUntilChanged,
  exhaustMap,
  first,
  fromEvent,
  interval,
  lastValueFrom,
  map,
  type Observable,
  pairwise,
  takeUntil,
  throwError,
  timeout,
} from 'rxjs';
import type { Place, Streams } from './streams.ts';

/** Where the webhooks go through: in memory.ts it is part of this process, in nats.ts it is a server. */
export interface Broker extends Pick<Streams, 'work' | 'dead'> {
  /** The server, as it is reported; absent where there is none. */
  readonly server?: string;
  readonly transport: Transport<Place>;
  /** Looks once at what there is to do. */
  look(place: Place): Observable<Backlog>;
  /** Removes what the run has made. */
  close(): Promise<void>;
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

/** How often the broker is asked, and how long it may give the same answer before something is wrong; in ms. */
const INTERVAL = 10;
const PATIENCE = 15_000;

/** Asks until two answers in a row are the same: a server may still be busy with the last acks. */
export async function backlog(broker: Broker, place: Place): Promise<Backlog> {
  const settled = watch(broker, place).pipe(
    pairwise(),
    first(([before, after]) => same(before, after)),
    map(([, after]) => after),
  );
  return lastValueFrom(settled);
}

/**
 * Waits until the broker has nothing left to do for a consumer; rejects when `signal` is aborted.
 *
 * It asks the broker, and not the account: an event that was lost does not keep it waiting for ever.
 */
export async function whenIdle(broker: Broker, place: Place, signal: AbortSignal): Promise<void> {
  const idle = watch(broker, place).pipe(
    distinctUntilChanged(same),
    timeout({ each: PATIENCE, with: () => throwError(() => stuck(place)) }),
    first(({ pending, unsettled, redelivering }) => pending + unsettled + redelivering === 0),
    takeUntil(fromEvent(signal, 'abort')),
  );
  signal.throwIfAborted();
  await lastValueFrom(idle, { defaultValue: undefined });
  signal.throwIfAborted();
}

/** Asks again and again; a slow answer is waited for. */
function watch(broker: Broker, place: Place): Observable<Backlog> {
  return interval(INTERVAL).pipe(exhaustMap(() => broker.look(place)));
}

function same(one: Backlog, other: Backlog): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function stuck({ stream, consumer }: Place): Error {
  return new Error(`Consumer '${consumer}' of stream '${stream}' got nothing done for ${PATIENCE / 1_000} s`);
}
