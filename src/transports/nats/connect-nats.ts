import { connect, type NatsConnection } from 'nats';
import {
  asyncScheduler,
  catchError,
  concatMap,
  first,
  firstValueFrom,
  from,
  fromEvent,
  map,
  Observable,
  race,
  retry,
  type SchedulerLike,
  throwError,
  timer,
} from 'rxjs';
import { asksForCertificate } from './asks-for-certificate.ts';
import { type ClientPlan, clientPlan, DEFAULT_RECONNECT_WAIT } from './client-plan.ts';
import { connectionError, isTimeout } from './connection-errors.ts';
import type { ConnectNatsOptions } from './connection-options.ts';
import { natsOptionsFromEnvironment } from './environment.ts';
import { AuthenticationFailedError, ConnectionFailedError } from './errors.ts';

/**
 * Connects to NATS, and resolves to the connection of the `nats` package: it may be used for anything else, too.
 *
 * Without options, the environment says where and as whom; see {@link natsOptionsFromEnvironment}. A lost connection is
 * tried for again, for ever unless told otherwise; {@link connectionStatus} tells how it stands. Close it when done.
 *
 * Rejects with `ConnectionFailedError`, with `AuthenticationFailedError` when a server does not let this client in, and
 * with `TypeError` or `RangeError` for bad options. No credential is in an error, a status, or the connection's options.
 *
 * @example
 * ```ts
 * const connection = await connectNats({ servers: 'tls://nats.example.com', creds: '/etc/millrace/billing.creds' });
 * ```
 */
export async function connectNats(options: ConnectNatsOptions = natsOptionsFromEnvironment()): Promise<NatsConnection> {
  const { waitForFirst = false, onFailedTry, signal, scheduler = asyncScheduler } = options;
  const { wait = DEFAULT_RECONNECT_WAIT } = options.reconnect || {};
  const plan = clientPlan(options);
  signal?.throwIfAborted();

  const connection = tryOnce(plan, scheduler).pipe(
    retry({
      delay: (error: unknown) => {
        if (!waitForFirst || !(error instanceof ConnectionFailedError)) return throwError(() => error);
        onFailedTry?.(error);
        return timer(wait, scheduler);
      },
    }),
  );
  return firstValueFrom(signal === undefined ? connection : race(connection, aborted(signal)));
}

/** Connects when subscribed; a connection that comes after the unsubscribe is closed. */
function tryOnce({ urls, timeout, settings }: ClientPlan, scheduler: SchedulerLike): Observable<NatsConnection> {
  const connected = new Observable<NatsConnection>((subscriber) => {
    const arrived = async (connection: NatsConnection): Promise<void> => {
      if (subscriber.closed) return connection.close();
      subscriber.next(connection);
      subscriber.complete();
    };
    connect(settings)
      .then(arrived)
      .catch((error: unknown) => subscriber.error(error));
  });
  return connected.pipe(
    catchError((error: unknown) => {
      const failure = connectionError(error, urls);
      if (!isTimeout(error) || settings.tls === null) return throwError(() => failure);
      return from(urls).pipe(
        concatMap((url) => asksForCertificate(url, timeout, scheduler)),
        first((asks) => asks, false),
        map((asks) => {
          throw asks ? new AuthenticationFailedError('certificate', { cause: error }) : failure;
        }),
      );
    }),
  );
}

function aborted(signal: AbortSignal): Observable<never> {
  return fromEvent(signal, 'abort').pipe(
    map(() => {
      throw signal.reason;
    }),
  );
}
