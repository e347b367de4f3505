import { randomUUID } from 'node:crypto';
import { asyncScheduler, defer, from, type Observable, type SchedulerLike, Subject } from 'rxjs';
import { BufferOverflowError, TransportClosedError } from '../../core/errors.ts';
import type { ClientMessage, NatsConnectionLike } from './client.ts';
import { type ConnectionStatus, connectionStatus } from './connection-status.ts';
import { PermissionDeniedError } from './errors.ts';
import { type Inbox, inbox } from './inbox.ts';
import { lineWriter } from './line-writer.ts';

/** A connection as all transports on it share it. */
export interface Wire {
  readonly client: NatsConnectionLike;
  readonly connected: boolean;
  readonly closed: boolean;
  readonly scheduler: SchedulerLike;
  /** What happens to the connection from now on; completes when it is closed. */
  readonly changes$: Observable<ConnectionStatus>;
  /** Where replies to this connection arrive. */
  readonly inbox: Inbox;
  /**
   * Sends a message, together with the others of this turn; text is UTF-8. It is on its way before anything that is
   * flushed. What is sent while there is no connection is kept until there is one: a client would drop it when
   * it next tries to connect.
   *
   * @throws BufferOverflowError when too much is kept, TransportClosedError when the connection is closed.
   */
  publish(address: string, data: string | Uint8Array, headers?: string | Uint8Array, reply?: string): void;
  /**
   * Listens at an address, until the returned function is called; a client listens again after a reconnect. Where the
   * server does not let it, `refused` is called with a `PermissionDeniedError`, and nothing is received.
   */
  listen(
    address: string,
    queue: string | undefined,
    receive: (message: ClientMessage) => void,
    refused?: (error: unknown) => void,
  ): () => void;
  /** Tells those who watch the connection of an error that nobody waits for. */
  report(error: unknown): void;
  /** Completes when the server has got everything that was sent before. */
  flush(): Observable<void>;
}

/** How many messages are kept while there is no connection. */
const MAX_KEPT = 65_536;

const wires: WeakMap<NatsConnectionLike, Map<SchedulerLike, Wire>> = /* @__PURE__ */ new WeakMap();

/** Returns a connection's wire; there is one for all that use the connection. */
export function wireOf(connection: NatsConnectionLike, scheduler: SchedulerLike = asyncScheduler): Wire {
  const known = wires.get(connection) ?? new Map<SchedulerLike, Wire>();
  wires.set(connection, known);
  let wire = known.get(scheduler);
  if (wire === undefined) {
    wire = openWire(connection, scheduler);
    known.set(scheduler, wire);
  }
  return wire;
}

interface Kept {
  readonly address: string;
  readonly data: string | Uint8Array;
  readonly headers: string | Uint8Array | undefined;
  readonly reply: string | undefined;
}

function openWire(client: NatsConnectionLike, scheduler: SchedulerLike): Wire {
  const changes = new Subject<ConnectionStatus>();
  const kept: Kept[] = [];
  const lines = lineWriter(client);
  let connected = !client.isClosed();
  let closed = client.isClosed();

  function listen(
    address: string,
    queue: string | undefined,
    receive: (message: ClientMessage) => void,
    refused: (error: unknown) => void = (error) => changes.next({ kind: 'error', error }),
  ): () => void {
    if (closed) throw new TransportClosedError('nats');
    const callback = (cause: unknown, message: ClientMessage) => {
      if (cause === null || cause === undefined) receive(message);
      else refused(new PermissionDeniedError('subscribe', address, { cause }));
    };
    const subscription = client.subscribe(address, queue === undefined ? { callback } : { queue, callback });
    let listening = true;
    return () => {
      if (listening && !client.isClosed()) subscription.unsubscribe();
      listening = false;
    };
  }

  const replies = inbox(
    `${prefixOf(client)}.${randomUUID().replaceAll('-', '')}.`,
    (address, receive) => listen(address, undefined, receive),
    scheduler,
  );

  function sendKept(): void {
    for (const { address, data, headers, reply } of kept.splice(0)) {
      try {
        lines.publish(address, data, headers, reply);
      } catch (error) {
        changes.next({ kind: 'error', error }); // this server takes less than the one before; the rest is to go on
      }
    }
  }

  function change(status: ConnectionStatus): void {
    const was = connected;
    if (status.kind === 'connected') connected = true;
    else if (status.kind !== 'error' && status.kind !== 'lameDuck' && status.kind !== 'slowConsumer') connected = false;
    closed = status.kind === 'closed';
    if (connected && kept.length > 0) sendKept();
    changes.next(status);
    if (was && !connected) replies.disconnected();
  }

  connectionStatus(client).subscribe({
    next: change,
    error: (error: unknown) => changes.next({ kind: 'error', error }),
    complete: () => changes.complete(),
  });

  return {
    client,
    scheduler,
    get connected() {
      return connected && !client.isClosed();
    },
    get closed() {
      return closed || client.isClosed();
    },
    changes$: changes.asObservable(),
    inbox: replies,
    listen,
    publish(address, data, headers, reply) {
      if (connected) return lines.publish(address, data, headers, reply);
      if (closed || client.isClosed()) throw new TransportClosedError('nats');
      if (kept.length >= MAX_KEPT) throw new BufferOverflowError('What waits for a connection', MAX_KEPT);
      kept.push({ address, data, headers, reply });
    },
    report: (error) => changes.next({ kind: 'error', error }),
    flush: () =>
      defer(() => {
        lines.flush();
        return from(client.flush());
      }),
  };
}

/** What this client's inboxes begin with: its permissions may name it. */
function prefixOf(client: NatsConnectionLike): string {
  const { options } = client as { readonly options?: { readonly inboxPrefix?: string } };
  return options?.inboxPrefix ?? '_INBOX';
}
