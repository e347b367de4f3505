import { defer, Observable, share } from 'rxjs';
import { type AddressingOptions, addressing, NO_HEADERS, type Outgoing } from '../../core/addressing.ts';
import type { Delivery } from '../../core/delivery.ts';
import { PublishError, TransportClosedError, UnboundAddressError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { Wired } from '../../core/raw-wire.ts';
import type {
  IncomingRequest,
  Receipt,
  Requester,
  RequestOptions,
  Responder,
  Transport,
} from '../../core/transport.ts';
import { transportLife } from '../../core/transport-life.ts';
import type { MemoryBroker } from './memory-broker.ts';
import { request, requests } from './requests.ts';
import { type MemorySubscribeOptions, subscription } from './subscriptions.ts';

/** Options for {@link memoryTransport}. */
export interface MemoryTransportOptions extends AddressingOptions {}

/** The embedded transport. Disposing of it drains it. */
export interface MemoryTransport
  extends Transport<MemorySubscribeOptions>,
    Requester,
    Responder,
    Wired,
    AsyncDisposable {}

const DEFAULT_TIMEOUT = 5_000;
const MAX_TIMEOUT = 600_000;

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
  const { name, prepare, complete } = addressing(options);
  const life = transportLife({ name, scheduler: broker.scheduler });

  function store(message: Outgoing, mustBeStored: boolean): Receipt {
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

  const transport: MemoryTransport = {
    name,
    capabilities: {
      durable: true,
      redelivery: true,
      delay: true,
      dedup: true,
      requestReply: true,
      sessions: true,
      queueGroups: true,
      wildcards: true,
      replay: true,
      expectations: true,
      confirm: true,
    },
    status$: life.status$,
    wire: broker.raw(life),

    publish: (events, options = {}) =>
      new Observable((subscriber) => {
        if (life.closed) throw new TransportClosedError(name);
        const given = Array.isArray(events) ? (events as readonly Event[]) : [events as Event];
        for (const message of given.map((event) => prepare(event, options))) {
          if (subscriber.closed) return;
          subscriber.next(store(message, options.stored ?? false));
        }
        subscriber.complete();
      }),

    subscribe: <T>(options: MemorySubscribeOptions) => subscription(broker, life, options) as Observable<Delivery<T>>,

    request<T>(event: Event, options: RequestOptions = {}) {
      const { address, headers = NO_HEADERS, many = false, notice, timeout = DEFAULT_TIMEOUT } = options;
      if (!(timeout > 0 && timeout <= MAX_TIMEOUT)) {
        throw new RangeError(`'timeout' must be above 0 and at most ${MAX_TIMEOUT} ms, not ${timeout}`);
      }
      return defer(() => {
        if (life.closed) throw new TransportClosedError(name);
        const message = prepare(event, address === undefined ? {} : { address });
        return request(broker, life, { ...message, headers, timeout, many, notice });
      }) as Observable<Event<T>>;
    },

    requests<T>({ address, queue }: { readonly address: string; readonly queue?: string }) {
      validateAddress(address, { wildcards: true });
      if (queue !== undefined) validateName('queue', queue);
      return (requests(broker, life, address, queue, complete) as Observable<IncomingRequest<T>>).pipe(share());
    },

    drain: life.drain,

    [Symbol.asyncDispose]: () =>
      new Promise((resolve, reject) => transport.drain().subscribe({ complete: resolve, error: reject })),
  };
  return transport;
}
