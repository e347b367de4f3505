import { randomUUID } from 'node:crypto';
import { catchError, Observable, retry, type SchedulerLike, switchMap, throwError, timer } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import type { Delivery } from '../../core/delivery.ts';
import { ConsumerNotFoundError, RequestTimeoutError } from '../../core/errors.ts';
import { hot } from '../../core/hot.ts';
import type { Attachment, Puller } from '../../core/puller.ts';
import { checkSubscribeOptions, DEFAULT_PREFETCH, type StreamSubscribeOptions } from '../../core/subscribe-options.ts';
import type { StartPosition } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { type ConsumerFacts, lookUpConsumer } from './consumer-lookup.ts';
import { endWithConnection } from './end-with-connection.ts';
import { createEphemeral, deleteEphemeral, type EphemeralConsumer } from './ephemeral-consumer.ts';
import { JetStreamUnavailableError } from './errors.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import { jetstreamSource } from './jetstream-source.ts';
import type { NatsCodec } from './nats-codec.ts';
import { orderedSource } from './ordered-source.ts';
import type { PriorityOptions } from './pull-loop.ts';

/** Options for the JetStream transport's `subscribe`. */
export interface JetStreamSubscribeOptions extends StreamSubscribeOptions, PriorityOptions {
  /**
   * Without `consumer`: reads each message once, in the stream's order, without leases and acks, as a replay does.
   * Settling a delivery makes room for the next one, and nothing comes again. @defaultValue `false`
   */
  readonly ordered?: boolean;
  /** How long one request for messages lives on the server, in ms. @defaultValue `30_000` */
  readonly expires?: number;
  /**
   * How often the server says that it is there while there are no messages, in ms. After two that did not come the pull
   * is opened again. At most half of `expires`. @defaultValue `1_500`
   */
  readonly heartbeat?: number;
}

const DEFAULT_EXPIRES = 30_000;
const DEFAULT_HEARTBEAT = 1_500;
const MIN_HEARTBEAT = 100;

/** While JetStream does not answer at the start: how often to ask again, and how many ms apart. */
const OPEN_RETRIES = 20;
const OPEN_RETRY_DELAY = 500;

/** Makes a subscription's Observable: cold until subscribed, then shared until the last subscriber leaves. */
export function jetstreamSubscription(
  api: JetStreamApi,
  life: TransportLife,
  codec: NatsCodec,
  options: JetStreamSubscribeOptions,
): Observable<Delivery> {
  check(options);
  return new Observable<Delivery>((subscriber) => {
    life.run(subscriber, (settled) =>
      open(api, options, codec, life.name, {
        prefetch: options.prefetch ?? DEFAULT_PREFETCH,
        draining: life.draining,
        ledger: life.ledger,
        next: (delivery) => subscriber.next(delivery),
        error: (error) => subscriber.error(error),
        status: life.tell,
        settled,
      }),
    );
    endWithConnection(api.wire, subscriber);
  }).pipe(hot);
}

/** Looks the consumer up, or makes one, and then reads it. */
function open(
  api: JetStreamApi,
  options: JetStreamSubscribeOptions,
  codec: NatsCodec,
  name: string,
  puller: Puller,
): Attachment {
  const { stream, scheduler = api.wire.scheduler } = options;
  const own = options.consumer === undefined ? ephemeralOf(options, puller.prefetch) : undefined;
  if (own?.ordered === true) return openOrdered(api, options, own, codec, name, puller);
  const consumer = own?.name ?? (options.consumer as string);
  const found = lookUpConsumer(api, stream, consumer);
  let first: StartPosition = own?.from ?? 'all';
  let source: Attachment | undefined;
  let detached = false;

  function make(consumer: EphemeralConsumer): Observable<ConsumerFacts> {
    return createEphemeral(api, consumer).pipe(
      switchMap((from) => {
        first = from;
        return found;
      }),
    );
  }

  /** Looks, and makes again what is gone though it was to live as long as this subscription. */
  function look(resumeAt: number | undefined): Observable<ConsumerFacts> {
    if (own === undefined) return found;
    const from: StartPosition = resumeAt === undefined ? first : { sequence: resumeAt };
    return found.pipe(
      catchError((error: unknown) =>
        error instanceof ConsumerNotFoundError ? make({ ...own, from }) : throwError(() => error),
      ),
    );
  }

  const opening = (own === undefined ? found : make(own)).pipe(untilAnswered(scheduler)).subscribe({
    next(facts) {
      const { expires = DEFAULT_EXPIRES, heartbeat = DEFAULT_HEARTBEAT } = options;
      const shared = { stream, facts, codec, name, expires, heartbeat, look, scheduler };
      const opened = jetstreamSource(api, puller, { ...options, ...shared, ephemeral: own !== undefined });
      source = opened;
      if (detached) opened.detach();
      else options.opened?.(opened.info);
    },
    error: (error: unknown) => puller.error(error),
  });

  return {
    get unsettled() {
      return source?.unsettled ?? 0;
    },
    detach() {
      if (detached) return;
      detached = true;
      opening.unsubscribe();
      source?.detach();
      if (own !== undefined && !api.wire.closed)
        deleteEphemeral(api, stream, own.name).subscribe({ error: (error: unknown) => api.wire.report(error) });
    },
    abandon: (reason) => source?.abandon(reason) ?? 0,
  };
}

/** Makes a consumer that is only read, and reads it. */
function openOrdered(
  api: JetStreamApi,
  options: JetStreamSubscribeOptions,
  consumer: EphemeralConsumer,
  codec: NatsCodec,
  name: string,
  puller: Puller,
): Attachment {
  const { scheduler = api.wire.scheduler, expires = DEFAULT_EXPIRES, heartbeat = DEFAULT_HEARTBEAT } = options;
  let source: Attachment | undefined;
  let detached = false;

  const opening = createEphemeral(api, consumer)
    .pipe(untilAnswered(scheduler))
    .subscribe({
      next(from) {
        const opened = orderedSource(api, puller, { consumer: { ...consumer, from }, codec, name, expires, heartbeat });
        source = opened;
        if (detached) opened.detach();
        else options.opened?.(opened.info);
      },
      error: (error: unknown) => puller.error(error),
    });

  return {
    get unsettled() {
      return source?.unsettled ?? 0;
    },
    detach() {
      if (detached) return;
      detached = true;
      opening.unsubscribe();
      source?.detach();
      if (api.wire.closed) return;
      deleteEphemeral(api, consumer.stream, consumer.name).subscribe({
        error: (error: unknown) => api.wire.report(error),
      });
    },
    abandon: (reason) => source?.abandon(reason) ?? 0,
  };
}

function ephemeralOf(
  { stream, filter = [], from = 'all', ordered = false }: JetStreamSubscribeOptions,
  prefetch: number,
): EphemeralConsumer {
  const patterns = typeof filter === 'string' ? [filter] : filter;
  return {
    stream,
    name: `${ordered ? 'ordered' : 'ephemeral'}-${randomUUID()}`,
    filter: patterns,
    from,
    prefetch,
    ordered,
  };
}

/** A cluster that elects a leader, or a server that has just started, does not answer for a while. */
function untilAnswered<T>(scheduler: SchedulerLike): (source: Observable<T>) => Observable<T> {
  return retry<T>({
    count: OPEN_RETRIES,
    delay: (error) =>
      error instanceof JetStreamUnavailableError || error instanceof RequestTimeoutError
        ? timer(OPEN_RETRY_DELAY, scheduler)
        : throwError(() => error),
  });
}

function check(options: JetStreamSubscribeOptions): void {
  checkSubscribeOptions(options, 'stream');
  const { expires = DEFAULT_EXPIRES, heartbeat = DEFAULT_HEARTBEAT } = options;
  const { group, minPending, minAckPending, priority, ordered, consumer } = options;
  if (ordered === true && (consumer ?? group) !== undefined)
    throw new TypeError(`'ordered' and '${consumer === undefined ? 'group' : 'consumer'}' exclude each other`);
  wholeNumber('expires', expires);
  wholeNumber('heartbeat', heartbeat);
  if (heartbeat < MIN_HEARTBEAT) throw new RangeError(`'heartbeat' must be at least ${MIN_HEARTBEAT} ms`);
  if (heartbeat * 2 > expires) throw new RangeError("'heartbeat' must be at most half of 'expires'");
  if (minPending !== undefined) wholeNumber('minPending', minPending);
  if (minAckPending !== undefined) wholeNumber('minAckPending', minAckPending);
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9))
    throw new RangeError(`'priority' must be a whole number from 0 to 9, not ${priority}`);
  if (group === undefined && (minPending ?? minAckPending ?? priority) !== undefined)
    throw new TypeError("'minPending', 'minAckPending' and 'priority' need 'group'");
}
