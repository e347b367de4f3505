import { concat, defer, Observable, of, share } from 'rxjs';
import type { NatsConnectionLike } from './client.ts';

/** What happens to a connection. A discriminated union: switch on `kind`. */
export type ConnectionStatus =
  | { readonly kind: 'connected'; readonly server?: string }
  | { readonly kind: 'disconnected'; readonly server?: string }
  | { readonly kind: 'reconnecting' }
  /** The server has dropped this client's messages, as it did not read them fast enough. */
  | { readonly kind: 'slowConsumer'; readonly error: unknown }
  /** The server is about to shut down: the client moves to another one. */
  | { readonly kind: 'lameDuck'; readonly server?: string }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'closed'; readonly error?: unknown };

/** One thing that a client says; `nats` 2 puts what it is about under `data`, `@nats-io` 3 under names. */
interface ClientStatus {
  readonly type: string;
  readonly data?: unknown;
  readonly server?: unknown;
  readonly error?: unknown;
  /** The error behind a code that `nats` 2 gives as `data`. */
  readonly permissionContext?: unknown;
}

/**
 * Tells what happens to a connection, beginning with how it is now, while subscribed; completes when it is closed.
 *
 * Hot and shared: the client is listened to once, however many subscribe. No status holds a credential.
 *
 * @example
 * ```ts
 * connectionStatus(connection).subscribe(({ kind }) => log(kind));
 * ```
 */
export function connectionStatus(connection: NatsConnectionLike): Observable<ConnectionStatus> {
  let shared = statuses.get(connection);
  if (shared === undefined) {
    shared = open(connection);
    statuses.set(connection, shared);
  }
  return shared;
}

const statuses: WeakMap<NatsConnectionLike, Observable<ConnectionStatus>> = /* @__PURE__ */ new WeakMap();

function open(connection: NatsConnectionLike): Observable<ConnectionStatus> {
  let current: ConnectionStatus = { kind: 'connected' };
  const changes = listen(connection, (status) => {
    if (status.kind === 'connected' || status.kind === 'disconnected' || status.kind === 'reconnecting') {
      current = status;
    }
  }).pipe(share());
  return defer(() => (connection.isClosed() ? of<ConnectionStatus>({ kind: 'closed' }) : concat(of(current), changes)));
}

/** Listens to the client until it is closed; the last one out stops listening. */
function listen(
  connection: NatsConnectionLike,
  seen: (status: ConnectionStatus) => void,
): Observable<ConnectionStatus> {
  return new Observable((subscriber) => {
    const iterator = connection.status()[Symbol.asyncIterator]();

    async function follow(): Promise<void> {
      while (!subscriber.closed) {
        const { done, value } = await iterator.next();
        if (done === true || subscriber.closed) return;
        const status = translate(value);
        if (status === undefined) continue;
        seen(status);
        subscriber.next(status);
      }
    }

    const end = (error: unknown) => {
      subscriber.next(error === undefined || error === null ? { kind: 'closed' } : { kind: 'closed', error });
      subscriber.complete();
    };
    follow().catch((error: unknown) => subscriber.next({ kind: 'error', error }));
    connection.closed().then(end, end);
    return () => {
      // It answers when the client next speaks: there is nothing to wait for, and nothing that it could say.
      iterator.return?.()?.catch((error: unknown) => subscriber.next({ kind: 'error', error }));
    };
  });
}

function translate(status: ClientStatus): ConnectionStatus | undefined {
  const { type, data } = status;
  const server = textOf(status.server) ?? textOf(data);
  const where = server === undefined ? {} : { server };
  switch (type) {
    case 'reconnect':
      return { kind: 'connected', ...where };
    case 'disconnect':
      return { kind: 'disconnected', ...where };
    case 'reconnecting':
    case 'forceReconnect':
      return { kind: 'reconnecting' };
    case 'staleConnection':
      return { kind: 'disconnected' };
    case 'ldm':
      return { kind: 'lameDuck', ...where };
    case 'error':
      return errorStatus(status.error ?? data);
    default:
      return undefined; // pings, updates of the cluster, and what a later client may say
  }
}

function errorStatus(error: unknown): ConnectionStatus {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: /slow.?consumer/i.test(message) ? 'slowConsumer' : 'error', error };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
