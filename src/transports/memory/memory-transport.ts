import { setMaxListeners } from 'node:events';
import { AsyncSubject, concat, defer, Observable, of, Subject, type Subscription, share } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { InvalidNameError, PublishError, TransportClosedError, UnboundAddressError } from '../../core/errors.ts';
import { AUTO_POPULATE, type Event, eventKey } from '../../core/event.ts';
import { isUriReference } from '../../core/is-uri-reference.ts';
import { LONGEST_DELAY } from '../../core/longest-delay.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { Status } from '../../core/status.ts';
import type {
  DrainReport,
  IncomingRequest,
  PublishOptions,
  Receipt,
  Requester,
  RequestOptions,
  Responder,
  Transport,
} from '../../core/transport.ts';
import { validateEvent } from '../../core/validate-event.ts';
import { ledger } from './ledger.ts';
import type { MemoryBroker, MemoryMessage } from './memory-broker.ts';
import type { Attachment } from './puller.ts';
import { request, requests } from './requests.ts';
import { type MemorySubscribeOptions, subscription } from './subscriptions.ts';

/** Options for {@link memoryTransport}. */
export interface MemoryTransportOptions {
  /** The client name; fills the `source` of events that leave it out. @defaultValue `'millrace'` */
  readonly name?: string;
  /** What an event's address begins with, before `.` and its type. @defaultValue none */
  readonly prefix?: string;
  /** Maps an event to its address, in place of `prefix` and type. */
  readonly address?: (event: Event) => string;
}

/** The embedded transport. Disposing of it drains it. */
export interface MemoryTransport extends Transport<MemorySubscribeOptions>, Requester, Responder, AsyncDisposable {}

const DEFAULT_GRACE = 30_000;
const DEFAULT_TIMEOUT = 5_000;
const MAX_TIMEOUT = 600_000;
const NO_HEADERS = Object.freeze({});

/**
 * Makes a transport on a broker in this process.
 *
 * A publish is stored by the stream that is bound to its address, and handed to core listeners; where there is neither
 * it is refused with `UnboundAddressError`. A stream's deliveries have leases, redelivery and positions; core
 * deliveries are delivered at most once, so that a failing one is dead-lettered at once.
 *
 * @example
 * ```ts
 * const transport = memoryTransport(memoryBroker());
 * transport.subscribe({ stream: 'SHOP', consumer: 'billing' }).pipe(consume(charge)).subscribe();
 * ```
 */
export function memoryTransport(broker: MemoryBroker, options: MemoryTransportOptions = {}): MemoryTransport {
  const { name = 'millrace', prefix, address: mapping } = options;
  if (prefix !== undefined && mapping !== undefined) throw new TypeError("'prefix' and 'address' exclude each other");
  if (prefix !== undefined) validateAddress(prefix);
  if (!isUriReference(name) || name === '')
    throw new InvalidNameError('client', 'it fills the source of events, so it must be a URI-reference');
  const addressOf = mapping ?? ((event: Event) => (prefix === undefined ? event.type : `${prefix}.${event.type}`));
  const { scheduler } = broker;
  const account = ledger();
  const draining = new AbortController();
  setMaxListeners(0, draining.signal);
  const attachments = new Set<Attachment>();
  const sources = new Set<() => void>();
  const asking = new Set<(error: unknown) => void>();
  const settlements = new Subject<void>();
  const statuses = new Subject<Status>();
  let current: Status = { kind: 'connected' };
  let closed = false;
  let drained: AsyncSubject<DrainReport> | undefined;

  const state = {
    name,
    ledger: account,
    draining: draining.signal,
    attachments,
    sources,
    asking,
    status: (status: Status) => statuses.next(status),
    settled() {
      if (settlements.observed) settlements.next();
    },
  };

  function enter(status: Status): void {
    current = status;
    statuses.next(status);
  }

  function prepare(event: Event, options: PublishOptions): MemoryMessage {
    const { address = addressOf, headers = NO_HEADERS, messageId = eventKey, expect } = options;
    const populated = complete(event);
    const to = typeof address === 'function' ? address(populated) : address;
    validateAddress(to);
    const id = typeof messageId === 'function' ? messageId(populated) : messageId;
    return { address: to, event: populated, headers, messageId: id === false || id === '' ? undefined : id, expect };
  }

  /** An event as it may travel: with a source, and valid. */
  function complete(event: Event): Event {
    const source: unknown = event?.source;
    const isOpen = source === undefined || source === '' || source === AUTO_POPULATE;
    const populated = isOpen ? { ...event, source: name } : event;
    validateEvent(populated);
    return populated;
  }

  function store(message: MemoryMessage, mustBeStored: boolean): Receipt {
    const { address } = message;
    if (mustBeStored && !broker.stores(address)) throw new UnboundAddressError(address);
    try {
      const receipt = broker.publish(message);
      if (receipt !== undefined) return receipt;
    } catch (cause) {
      if (cause instanceof PublishError) throw cause;
      throw new PublishError('refused', address, 'The event could not be published', { cause });
    }
    throw new UnboundAddressError(address);
  }

  function startDrain(grace: number, result: AsyncSubject<DrainReport>): void {
    const startedAt = scheduler.now();
    let deadline: Subscription | undefined;

    const finish = () => {
      if (closed) return;
      closed = true;
      deadline?.unsubscribe();
      waiting.unsubscribe();
      const reason = new TransportClosedError(name);
      for (const attachment of attachments) attachment.abandon(reason);
      for (const fail of asking) fail(reason);
      enter({ kind: 'closed' });
      statuses.complete();
      result.next({ ...account, elapsedMs: scheduler.now() - startedAt });
      result.complete();
    };
    const finishWhenSettled = () => {
      for (const { unsettled } of attachments) if (unsettled > 0) return;
      finish();
    };

    enter({ kind: 'draining' });
    for (const attachment of attachments) attachment.detach();
    draining.abort();
    for (const complete of sources) complete();
    const waiting = settlements.subscribe(finishWhenSettled);
    deadline = scheduler.schedule(finish, Math.min(grace, LONGEST_DELAY));
    finishWhenSettled();
  }

  const transport: MemoryTransport = {
    name,
    capabilities: {
      durable: true,
      redelivery: true,
      delay: true,
      dedup: true,
      requestReply: true,
      queueGroups: true,
      wildcards: true,
      replay: true,
      expectations: true,
      confirm: true,
    },
    status$: defer(() => (closed ? of(current) : concat(of(current), statuses))),

    publish: (events, options = {}) =>
      new Observable((subscriber) => {
        if (closed) throw new TransportClosedError(name);
        const given = Array.isArray(events) ? (events as readonly Event[]) : [events as Event];
        for (const message of given.map((event) => prepare(event, options))) {
          if (subscriber.closed) return;
          subscriber.next(store(message, options.stored ?? false));
        }
        subscriber.complete();
      }),

    subscribe: <T>(options: MemorySubscribeOptions) => subscription(broker, state, options) as Observable<Delivery<T>>,

    request<T>(event: Event, options: RequestOptions = {}) {
      const { address, headers = NO_HEADERS, many = false, timeout = DEFAULT_TIMEOUT } = options;
      if (!(timeout > 0 && timeout <= MAX_TIMEOUT)) {
        throw new RangeError(`'timeout' must be above 0 and at most ${MAX_TIMEOUT} ms, not ${timeout}`);
      }
      return defer(() => {
        if (closed) throw new TransportClosedError(name);
        const message = prepare(event, address === undefined ? {} : { address });
        return request(broker, state, { ...message, headers, timeout, many });
      }) as Observable<Event<T>>;
    },

    requests<T>({ address, queue }: { readonly address: string; readonly queue?: string }) {
      validateAddress(address, { wildcards: true });
      if (queue !== undefined) validateName('queue', queue);
      return (requests(broker, state, address, queue, complete) as Observable<IncomingRequest<T>>).pipe(share());
    },

    drain: ({ grace = DEFAULT_GRACE } = {}) =>
      defer(() => {
        if (drained === undefined) {
          drained = new AsyncSubject();
          startDrain(grace, drained);
        }
        return drained;
      }),

    [Symbol.asyncDispose]: () =>
      new Promise((resolve, reject) => transport.drain().subscribe({ complete: resolve, error: reject })),
  };
  return transport;
}
