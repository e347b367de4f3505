import { asyncScheduler, type Observable, type SchedulerLike } from 'rxjs';
import { type AddressingOptions, addressing } from '../../core/addressing.ts';
import type { Delivery } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Receipt, Transport } from '../../core/transport.ts';
import { transportLife } from '../../core/transport-life.ts';
import type { NatsConnectionLike } from './client.ts';
import { cloudEventsCodec } from './cloud-events-codec.ts';
import { followConnection } from './follow-connection.ts';
import { type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { jetstreamPublisher } from './jetstream-publisher.ts';
import { type JetStreamSubscribeOptions, jetstreamSubscription } from './jetstream-subscription.ts';
import type { NatsCodec } from './nats-codec.ts';
import type { JetStreamPublishOptions } from './publish-options.ts';
import { wireOf } from './wire.ts';

/** Options for {@link jetstreamTransport}. */
export interface JetStreamTransportOptions extends AddressingOptions, JetStreamApiOptions {
  /** Turns events into messages and back. @defaultValue CloudEvents in structured mode */
  readonly codec?: NatsCodec;
  /** How many publishes may wait for their receipts at a time. @defaultValue `512` */
  readonly inFlight?: number;
  /** Clock for timeouts, leases and heartbeats. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Events in JetStream. Disposing of it drains it. */
export interface JetStreamTransport extends Transport<JetStreamSubscribeOptions>, AsyncDisposable {
  publish(events: Event | readonly Event[], options?: JetStreamPublishOptions): Observable<Receipt>;
}

/**
 * Makes a transport on a connection's JetStream: publishes with receipts, and deliveries with leases.
 *
 * Streams and consumers are made by `ensureStream` and `ensureConsumer`, never by this. The connection stays open when
 * the transport is drained: it may serve others.
 *
 * @example
 * ```ts
 * const connection = await connectNats({ servers: 'nats://localhost:4222' });
 * const transport = jetstreamTransport(connection, { name: 'billing' });
 * transport.subscribe({ stream: 'SHOP', consumer: 'billing' }).pipe(consume(charge)).subscribe();
 * ```
 */
export function jetstreamTransport(
  connection: NatsConnectionLike,
  options: JetStreamTransportOptions = {},
): JetStreamTransport {
  const { codec = cloudEventsCodec(), scheduler = asyncScheduler } = options;
  const addresses = addressing(options);
  const wire = wireOf(connection, scheduler);
  const api = jetstreamApi(wire, options);
  const life = transportLife({ name: addresses.name, scheduler, flush: () => wire.flush() });
  const publisher = jetstreamPublisher(wire, addresses, life, { ...options, codec });
  followConnection(wire, life);

  const transport: JetStreamTransport = {
    name: addresses.name,
    capabilities: {
      durable: true,
      redelivery: true,
      delay: true,
      dedup: true,
      requestReply: false,
      sessions: false,
      queueGroups: false,
      wildcards: true,
      replay: true,
      expectations: true,
      confirm: true,
    },
    status$: life.status$,
    publish: publisher.publish,
    subscribe: <T>(given: JetStreamSubscribeOptions) =>
      jetstreamSubscription(api, life, codec, given) as Observable<Delivery<T>>,
    drain: life.drain,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve, reject) => transport.drain().subscribe({ complete: resolve, error: reject })),
  };
  return transport;
}
