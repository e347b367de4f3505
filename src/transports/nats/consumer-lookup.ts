import { catchError, map, type Observable, of, switchMap, throwError } from 'rxjs';
import { ConsumerConflictError, ConsumerNotFoundError, StreamNotFoundError } from '../../core/errors.ts';
import { addressMatcher } from '../../core/names.ts';
import { JetStreamApiError } from './errors.ts';
import type { JetStreamApi } from './jetstream-api.ts';

/** What a subscription has to know of its consumer. */
export interface ConsumerFacts {
  readonly consumer: string;
  /** The lease of each attempt in turn, in ms; the last one repeats. */
  readonly leases: readonly number[];
  /** Absent where the consumer never gives up. */
  readonly maxDeliver: number | undefined;
  /** The largest number of messages that may be asked for at once. */
  readonly maxBatch: number;
  /** The longest time that a request for messages may live, in ms. */
  readonly maxExpires: number;
  /** The API level of the server that leads the consumer; `0` before nats-server 2.11. */
  readonly apiLevel: number;
  /** What it had delivered when it was looked up: the last of its deliveries, and the last sequence of the stream. */
  readonly delivered: { readonly consumerSequence: number; readonly sequence: number };
  /** How many requests for messages waited then. */
  readonly waiting: number;
  /** Whether a message published at an address would come to this consumer; absent where that is not known. */
  readonly takes: ((address: string) => boolean) | undefined;
}

interface ConsumerAnswer {
  readonly config: {
    readonly ack_policy?: string;
    readonly deliver_subject?: string;
    readonly ack_wait?: number;
    readonly backoff?: readonly number[];
    readonly max_deliver?: number;
    readonly max_batch?: number;
    readonly max_expires?: number;
    readonly filter_subject?: string;
    readonly filter_subjects?: readonly string[];
    /** A server that has levels says its own here. */
    readonly metadata?: { readonly '_nats.level'?: string };
  };
  readonly delivered?: { readonly consumer_seq?: number; readonly stream_seq?: number };
  readonly num_waiting?: number;
}

interface StreamAnswer {
  readonly config: { readonly subjects?: readonly string[] };
}

const NANOS = 1_000_000;
const DEFAULT_ACK_WAIT = 30_000;

/** The server's numbers for what is not there. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND: ReadonlySet<number> = new Set([10014, 10149]);

/**
 * Looks a consumer up when subscribed.
 *
 * Fails with `StreamNotFoundError` or `ConsumerNotFoundError`, and with `ConsumerConflictError` for a consumer that cannot
 * be pulled from with one ack for each message.
 */
export function lookUpConsumer(api: JetStreamApi, stream: string, consumer: string): Observable<ConsumerFacts> {
  return api.ask<ConsumerAnswer>(`CONSUMER.INFO.${stream}.${consumer}`).pipe(
    catchError((error: unknown) => throwError(() => missing(error, stream, consumer))),
    switchMap((answer) => {
      const { config } = answer;
      const conflict = conflictIn(config);
      if (conflict !== undefined) throw new ConsumerConflictError(stream, consumer, conflict);
      return takenBy(api, stream, config).pipe(map((takes) => factsOf(consumer, answer, takes)));
    }),
  );
}

/** Names what JetStream says is not there; other errors pass. */
export function missing(error: unknown, stream: string, consumer: string): unknown {
  if (!(error instanceof JetStreamApiError)) return error;
  if (error.errorCode === STREAM_NOT_FOUND) return new StreamNotFoundError(stream);
  return CONSUMER_NOT_FOUND.has(error.errorCode) ? new ConsumerNotFoundError(stream, consumer) : error;
}

function conflictIn({ deliver_subject, ack_policy }: ConsumerAnswer['config']): string | undefined {
  if (deliver_subject !== undefined && deliver_subject !== '') return 'is a push consumer: make it one that is pulled';
  if (ack_policy !== 'explicit') return `has the ack policy '${ack_policy}': settling each delivery needs 'explicit'`;
  return undefined;
}

function factsOf(consumer: string, answer: ConsumerAnswer, takes: ConsumerFacts['takes']): ConsumerFacts {
  const { config, delivered: { consumer_seq = 0, stream_seq = 0 } = {}, num_waiting = 0 } = answer;
  const {
    ack_wait = DEFAULT_ACK_WAIT * NANOS,
    backoff = [],
    max_deliver = -1,
    max_batch = 0,
    max_expires = 0,
  } = config;
  return {
    consumer,
    leases: (backoff.length === 0 ? [ack_wait] : backoff).map((nanos) => nanos / NANOS),
    maxDeliver: max_deliver > 0 ? max_deliver : undefined,
    maxBatch: max_batch > 0 ? max_batch : Number.POSITIVE_INFINITY,
    maxExpires: max_expires > 0 ? max_expires / NANOS : Number.POSITIVE_INFINITY,
    apiLevel: Number(config.metadata?.['_nats.level'] ?? 0),
    delivered: { consumerSequence: consumer_seq, sequence: stream_seq },
    waiting: num_waiting,
    takes,
  };
}

/** The consumer's filters tell, and where it has none, what its stream stores. */
function takenBy(
  api: JetStreamApi,
  stream: string,
  { filter_subject, filter_subjects = [] }: ConsumerAnswer['config'],
): Observable<ConsumerFacts['takes']> {
  const filters = filter_subject === undefined || filter_subject === '' ? filter_subjects : [filter_subject];
  if (filters.length > 0) return of(anyOf(filters));
  return api.ask<StreamAnswer>(`STREAM.INFO.${stream}`).pipe(
    map(({ config }) => anyOf(config.subjects ?? [])),
    catchError((error: unknown) => {
      // A client that may not look at the stream can still read it.
      if (error instanceof JetStreamApiError && error.errorCode === STREAM_NOT_FOUND)
        throw new StreamNotFoundError(stream);
      return of(undefined);
    }),
  );
}

function anyOf(patterns: readonly string[]): (address: string) => boolean {
  const matchers = patterns.map(addressMatcher);
  return (address) => matchers.some((matches) => matches(address));
}
