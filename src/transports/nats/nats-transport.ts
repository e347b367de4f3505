import { asyncScheduler, EMPTY, type Observable, type SchedulerLike, share, timeout } from 'rxjs';
import { type AddressingOptions, addressing } from '../../core/addressing.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Wired } from '../../core/raw-wire.ts';
import type { CoreSubscribeOptions } from '../../core/subscribe-options.ts';
import type {
  IncomingRequest,
  Receipt,
  Requester,
  RequestOptions,
  Responder,
  Transport,
} from '../../core/transport.ts';
import { transportLife } from '../../core/transport-life.ts';
import { askers } from './cancellation.ts';
import type { NatsConnectionLike } from './client.ts';
import { cloudEventsCodec } from './cloud-events-codec.ts';
import type { CoreContext } from './core-context.ts';
import { type CorePublishOptions, corePublisher } from './core-publisher.ts';
import { coreSubscription } from './core-subscription.ts';
import { followConnection } from './follow-connection.ts';
import { handOver } from './hand-over.ts';
import { encoderOf, type NatsCodec } from './nats-codec.ts';
import { rawWire } from './raw-wire.ts';
import { requester } from './requester.ts';
import { type RequestsOptions, responder } from './responder.ts';
import { wireOf } from './wire.ts';

/** Options for {@link natsTransport}. */
export interface NatsTransportOptions extends AddressingOptions {
  /** Turns events into messages and back. @defaultValue CloudEvents in structured mode */
  readonly codec?: NatsCodec;
  /** Clock for timeouts. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Events on core NATS. Disposing of it drains it. */
export interface NatsTransport extends Transport<CoreSubscribeOptions>, Requester, Responder, Wired, AsyncDisposable {
  publish(events: Event | readonly Event[], options?: CorePublishOptions): Observable<Receipt>;
}

/** How long, in ms, a drain waits for the server to say that it has got everything. */
const FLUSH_TIME = 5_000;

/**
 * Makes a transport on core NATS: fan-out, queue groups, requests and replies.
 *
 * Nothing is stored: each event is delivered at most once, to those who listen when it is published, and a delivery that
 * is not acked is gone. What must not be lost goes through `jetstreamTransport`.
 *
 * A drain does not close the connection, which may serve others. It waits for handlers, and for requests that have got no
 * answer yet; what still waited in a buffer is dropped, as nothing can be handed back, and told as such.
 *
 * @example
 * ```ts
 * const connection = await connectNats({ servers: 'nats://localhost:4222' });
 * const queries = natsTransport(connection, { name: 'catalogue' });
 * queries.requests({ address: 'prices.get', queue: 'prices' }).subscribe((request) => request.reply(priceOf(request)));
 * ```
 */
export function natsTransport(connection: NatsConnectionLike, options: NatsTransportOptions = {}): NatsTransport {
  const { codec = cloudEventsCodec(), scheduler = asyncScheduler } = options;
  const addresses = addressing(options);
  const wire = wireOf(connection, scheduler);
  const flush = () => (wire.closed ? EMPTY : wire.flush().pipe(timeout({ first: FLUSH_TIME, scheduler })));
  const life = transportLife({ name: addresses.name, scheduler, flush });
  const context: CoreContext = { wire, life, codec, encode: encoderOf(codec), addresses, send: handOver(wire) };
  const request = requester(context);
  const requests = responder(context, askers(wire, life));
  followConnection(wire, life);

  const transport: NatsTransport = {
    name: addresses.name,
    capabilities: {
      durable: false,
      redelivery: false,
      delay: false,
      dedup: false,
      requestReply: true,
      sessions: true,
      queueGroups: true,
      wildcards: true,
      replay: false,
      expectations: false,
      confirm: false,
    },
    status$: life.status$,
    wire: rawWire(wire, life, context.send),
    publish: corePublisher(context),
    subscribe: <T>(given: CoreSubscribeOptions) => coreSubscription(context, given) as Observable<Delivery<T>>,
    request: <T>(event: Event, given?: RequestOptions) => request(event, given) as Observable<Event<T>>,
    requests: <T>(given: RequestsOptions) => (requests(given) as Observable<IncomingRequest<T>>).pipe(share()),
    drain: life.drain,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve, reject) => transport.drain().subscribe({ complete: resolve, error: reject })),
  };
  return transport;
}
