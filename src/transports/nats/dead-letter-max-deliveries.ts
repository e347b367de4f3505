import {
  asyncScheduler,
  catchError,
  defer,
  finalize,
  last,
  map,
  mergeMap,
  type Observable,
  of,
  retry,
  type SchedulerLike,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import { deadLetterId, describeDeadLetter, type GivenUp } from '../../core/dead-letter-headers.ts';
import type { Delivery } from '../../core/delivery.ts';
import { MaxDeliveriesError, UnboundAddressError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { validateName } from '../../core/names.ts';
import type { Publisher, Receipt } from '../../core/transport.ts';
import { undecodable } from '../../core/undecodable.ts';
import { advisoryAddress, consumerAdvisory } from './advisories.ts';
import { type AdvisoryData, advisoryCodec } from './advisory-codec.ts';
import type { NatsConnectionLike } from './client.ts';
import { cloudEventsCodec } from './cloud-events-codec.ts';
import type { JetStreamApiOptions } from './jetstream-api.ts';
import { headersBeside, originalHeaders } from './jetstream-headers.ts';
import { jetstreamTransport } from './jetstream-transport.ts';
import type { NatsCodec } from './nats-codec.ts';
import { natsTransport } from './nats-transport.ts';
import { deleteMessage, getMessage, type StoredMessage } from './stored-messages.ts';

/** Options for {@link deadLetterMaxDeliveries}. */
export interface DeadLetterMaxDeliveriesOptions extends JetStreamApiOptions {
  /** Whose messages. */
  readonly stream: string;
  /** @defaultValue all consumers of the stream */
  readonly consumer?: string;
  /** Stores the dead letters: most often a `jetstreamTransport`. */
  readonly publisher: Publisher;
  /** Where dead letters go. @defaultValue the message's address and `.dlq` */
  readonly to?: string | ((message: GivenUp) => string);
  /**
   * A stream that keeps advisories, and a consumer of it: then none is missed while no process listens. @defaultValue
   * heard live, by one of all processes that listen
   */
  readonly from?: { readonly stream: string; readonly consumer: string };
  /**
   * Whether the message is removed from its stream when its dead letter is stored: in a work queue it would stay there
   * for ever. @defaultValue `false`
   */
  readonly remove?: boolean;
  /** Reads the messages. @defaultValue CloudEvents */
  readonly codec?: NatsCodec;
  /** How long to wait before a dead letter that was refused is tried again, in ms. @defaultValue `5_000` */
  readonly retryDelay?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** What became of a message that the server gave up on. */
export type Rescue =
  | { readonly kind: 'deadLettered'; readonly stream: string; readonly sequence: number; readonly receipt: Receipt }
  /** It is in the stream no more. */
  | { readonly kind: 'gone'; readonly stream: string; readonly sequence: number }
  /** The dead letter could not be stored; it is tried again where advisories are kept. */
  | { readonly kind: 'failed'; readonly stream: string; readonly sequence: number; readonly error: unknown };

/** So many dead letters are being stored at a time. */
const CONCURRENCY = 16;

/** How often a refused dead letter is tried again where the advisory is kept by nobody else. */
const LIVE_RETRIES = 60;

const MAX_DELIVERIES = 'io.nats.jetstream.advisory.v1.max_deliver';

/**
 * Stores a dead letter for each message that a consumer gave up after its last attempt, while subscribed: also where the
 * process that had it was killed, and could not.
 *
 * Several processes may do so: one of them takes each advisory, and as a dead letter's id is the one that `deadLetter`
 * gives it, storing it twice within the stream's duplicate window stores it once. A server advises of a message when it
 * would deliver it once more, so while somebody reads the consumer. Fails as a subscription does, and never because of a
 * message: what becomes of each is emitted.
 *
 * @example
 * ```ts
 * deadLetterMaxDeliveries(connection, { stream: 'SHOP', publisher: transport }).subscribe(({ kind }) => count(kind));
 * ```
 */
export function deadLetterMaxDeliveries(
  connection: NatsConnectionLike,
  options: DeadLetterMaxDeliveriesOptions,
): Observable<Rescue> {
  const { stream, consumer, publisher, from, remove = false, retryDelay = 5_000 } = options;
  const { to = ({ address }: GivenUp) => `${address}.dlq`, codec = cloudEventsCodec() } = options;
  const { scheduler = asyncScheduler } = options;
  validateName('stream', stream);
  if (consumer !== undefined) validateName('consumer', consumer);
  if (typeof publisher?.publish !== 'function') throw new TypeError("'publisher' must be one with 'publish'");
  if (!(retryDelay > 0)) throw new RangeError(`'retryDelay' must be above 0 ms, not ${retryDelay}`);

  function rescue(delivery: Delivery<AdvisoryData>): Observable<Rescue> {
    const advisory = consumerAdvisory('maxDeliveries', delivery);
    const { sequence = 0, attempts = 0 } = advisory;
    return getMessage(connection, stream, { sequence }, options).pipe(
      switchMap((message): Observable<Rescue> => {
        if (message === undefined) return of({ kind: 'gone', stream, sequence });
        const givenUp = describe(message, advisory.consumer, attempts);
        return store(givenUp).pipe(
          switchMap((receipt) => {
            const stored: Rescue = { kind: 'deadLettered', stream, sequence, receipt };
            if (!remove) return of(stored);
            return deleteMessage(connection, stream, sequence, {}, options).pipe(map(() => stored));
          }),
        );
      }),
      catchError((error: unknown) => of<Rescue>({ kind: 'failed', stream, sequence, error })),
      tap(({ kind }) => (kind === 'failed' ? delivery.nak(retryDelay) : delivery.ack())),
    );
  }

  function describe(message: StoredMessage, by: string, attempt: number): GivenUp {
    const { address, sequence, time } = message;
    const position = { stream, sequence, consumerSequence: 0, time, pending: 0 };
    const known = { address, attempt, position, subscription: { consumer: by } };
    try {
      return { ...known, event: codec.decode(message), headers: headersBeside(codec, message) };
    } catch (error) {
      const event: Event = undecodable(message, error, { id: `${stream}-${sequence}`, source: '/nats/jetstream' });
      return { ...known, event, headers: originalHeaders(message) };
    }
  }

  function store(givenUp: GivenUp): Observable<Receipt> {
    return defer(() => {
      const address = typeof to === 'function' ? to(givenUp) : to;
      const { attempt } = givenUp;
      const headers = describeDeadLetter(givenUp, new MaxDeliveriesError(attempt), scheduler.now());
      return publisher
        .publish(givenUp.event, { address, headers, messageId: deadLetterId(givenUp), stored: true })
        .pipe(
          last(),
          map((receipt) => {
            if (!receipt.stored) throw new UnboundAddressError(address);
            return receipt;
          }),
        );
    }).pipe(retry({ count: from === undefined ? LIVE_RETRIES : 0, delay: () => timer(retryDelay, scheduler) }));
  }

  /** Whether it is about what is asked for: a stream that keeps advisories may keep others. */
  function isWanted(delivery: Delivery<AdvisoryData>): boolean {
    const { event, failure } = delivery;
    const isMine =
      failure === undefined &&
      event.type === MAX_DELIVERIES &&
      event.data?.stream === stream &&
      (consumer === undefined || event.data.consumer === consumer);
    if (!isMine) delivery.ack();
    return isMine;
  }

  return defer(() => {
    const heard = { codec: advisoryCodec(), scheduler };
    const transport = from === undefined ? undefined : jetstreamTransport(connection, { ...options, ...heard });
    const live = natsTransport(connection, heard);
    const source =
      transport === undefined || from === undefined
        ? live.subscribe<AdvisoryData>({
            address: advisoryAddress('maxDeliveries', stream, consumer),
            queue: 'millrace-dead-letter',
            prefetch: CONCURRENCY,
            overflow: 'drop-oldest',
          })
        : transport.subscribe<AdvisoryData>({ ...from, prefetch: CONCURRENCY });
    return source.pipe(
      mergeMap((delivery) => (isWanted(delivery) ? rescue(delivery) : [])), // the prefetch bounds it
      finalize(() => {
        transport?.drain({ grace: 0 }).subscribe();
        live.drain({ grace: 0 }).subscribe();
      }),
    );
  });
}
