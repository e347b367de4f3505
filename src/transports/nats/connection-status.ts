import { concat, defer, Observable, of, share } from 'rxjs';
import type { NatsConnectionLike } from './client.ts';
import { type PermissionContext, serverError } from './connection-errors.ts';

/** What happens to a connection. A discriminated union: switch on `kind`. */
export type ConnectionStatus =
  | { readonly kind: 'connected'; readonly server?: string }
  | { readonly kind: 'disconnected'; readonly server?: string }
  | { readonly kind: 'reconnecting' }
  /**
   * Messages come faster than they are read: a subscription of `@nats-io` 3 with the option `slow` has more than that
   * waiting, or the server says that it gives this client up. Servers of today do not say it: they cut the connection.
   */
  | { readonly kind: 'slowConsumer'; readonly address?: string; readonly pending?: number }
  /** The server is about to shut down: the client moves to another one. */
  | { readonly kind: 'lameDuck'; readonly server?: string }
  /** `PermissionDeniedError`, `AuthenticationFailedError`, or what else the server complains about. */
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'closed'; readonly error?: unknown };

/** One thing that a client says; `nats` 2 puts what it is about under `data`, `@nats-io` 3 under names. */
interface ClientStatus {
  readonly type: string;
  readonly data?: unknown;
  readonly server?: unknown;
  readonly error?: unknown;
  readonly sub?: { getSubject?(): string };
  readonly pending?: number;
  readonly permissionContext?: PermissionContext;
}

/** What both clients know and do not offer: how it stands now, and the words behind a code that `nats` 2 gives. */
interface Inside {
  readonly protocol?: { readonly connected?: boolean; readonly lastError?: unknown };
}

/**
 * Tells what happens to a connection, beginning with how it is now, while subscribed; completes when it is closed.
 *
 * Hot and shared: the client is listened to once, however many subscribe. No status holds a credential. When credentials
 * expire or are revoked, that is an `error`, and the connection is lost; what then, its reconnect policy says.
 *
 * @example
 * ```ts
 * connectionStatus(connection).subscribe(({ kind }) => log(kind));
 * ```
 */
export function connectionStatus(connection: NatsConnectionLike): Observable<ConnectionStatus> {
  let shared = statuses.get(connection);
  if (shared === undefined) {
    const changes = listen(connection).pipe(share());
    shared = defer(() => (connection.isClosed() ? changes : concat(of(currentOf(connection)), changes)));
    statuses.set(connection, shared);
  }
  return shared;
}

const statuses: WeakMap<NatsConnectionLike, Observable<ConnectionStatus>> = /* @__PURE__ */ new WeakMap();

function currentOf(connection: NatsConnectionLike & Inside): ConnectionStatus {
  return { kind: connection.protocol?.connected === false ? 'disconnected' : 'connected' };
}

/** Listens to the client until it is closed; the last one out stops listening. */
function listen(connection: NatsConnectionLike & Inside): Observable<ConnectionStatus> {
  return new Observable((subscriber) => {
    const statuses = connection.status();
    const iterator = statuses[Symbol.asyncIterator]();
    let lost = currentOf(connection).kind === 'disconnected';

    async function follow(): Promise<void> {
      while (!subscriber.closed) {
        const { done, value } = await iterator.next();
        if (done === true || subscriber.closed) return;
        const status = translate(value, connection);
        if (status === undefined || (lost && status.kind === 'disconnected')) continue;
        if (status.kind === 'disconnected' || status.kind === 'connected') lost = status.kind === 'disconnected';
        subscriber.next(status);
      }
    }

    const end = (error: unknown) => {
      const failed = error !== undefined && error !== null;
      subscriber.next(failed ? { kind: 'closed', error: serverError(error) } : { kind: 'closed' });
      subscriber.complete();
    };
    follow().catch((error: unknown) => subscriber.next({ kind: 'error', error }));
    connection.closed().then(end, end);
    return () => {
      // Its iterators end when they are stopped; `return` alone would wait until the client next speaks.
      (statuses as { stop?(): void }).stop?.();
      iterator.return?.()?.catch((error: unknown) => subscriber.next({ kind: 'error', error }));
    };
  });
}

function translate(status: ClientStatus, connection: Inside): ConnectionStatus | undefined {
  const server = textOf(status.server) ?? textOf(status.data);
  const where = server === undefined ? {} : { server };
  switch (status.type) {
    case 'reconnect':
      return { kind: 'connected', ...where };
    case 'disconnect':
      return { kind: 'disconnected', ...where };
    case 'staleConnection': // its end may take its time: the other side does not answer
      return { kind: 'disconnected' };
    case 'reconnecting':
      return { kind: 'reconnecting' };
    case 'ldm':
      return { kind: 'lameDuck', ...where };
    case 'slowConsumer':
      return slowConsumer(status.sub?.getSubject?.(), status.pending);
    case 'error':
      return errorStatus(status.error ?? saidBy(connection, status.data), status.permissionContext);
    default:
      return undefined; // pings, updates of the cluster, and what a later client may say
  }
}

function errorStatus(error: unknown, context: PermissionContext | undefined): ConnectionStatus {
  const said = error instanceof Error ? error.message : '';
  return /slow consumer/i.test(said) ? slowConsumer() : { kind: 'error', error: serverError(error, context) };
}

function slowConsumer(address?: string, pending?: number): ConnectionStatus {
  return {
    kind: 'slowConsumer',
    ...(address === undefined ? {} : { address }),
    ...(pending === undefined ? {} : { pending }),
  };
}

/** The error behind a code, if it is still the last one. */
function saidBy({ protocol }: Inside, code: unknown): unknown {
  const last = protocol?.lastError as { readonly code?: unknown } | undefined;
  return last?.code === code && last !== undefined ? last : Object.assign(new Error(String(code)), { code });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
