import { catchError, defer, map, type Observable, of, switchMap, throwError } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import { StreamNotFoundError } from '../../core/errors.ts';
import type { NatsConnectionLike } from './client.ts';
import { BucketNotFoundError } from './errors.ts';
import type { JetStreamApiOptions } from './jetstream-api.ts';
import { checkBucket, streamOf, subjectOf } from './kv-names.ts';
import type { StreamConfig } from './stream-config.ts';
import type { StreamInfo } from './stream-info.ts';
import { deleteStream, ensureStream, streamInfo } from './streams.ts';

/** What a bucket is to be. Durations are in ms, sizes in bytes, and `Infinity` is no limit. */
export interface BucketConfig {
  readonly bucket: string;
  readonly description?: string;
  /** How many values of each key are kept, 64 at most. @defaultValue `1` */
  readonly history?: number;
  /** Values older than this are removed. @defaultValue `Infinity` */
  readonly ttl?: number;
  /** When a bucket is full it refuses what is new. @defaultValue `Infinity` */
  readonly maxBytes?: number;
  /** Size of one value, with its headers. @defaultValue `Infinity` */
  readonly maxValueSize?: number;
  /** Fixed. @defaultValue `'file'` */
  readonly storage?: 'file' | 'memory';
  /** On how many servers of a cluster it is kept. @defaultValue `1` */
  readonly replicas?: number;
  readonly placement?: { readonly cluster?: string; readonly tags?: readonly string[] };
  /** @defaultValue `'none'` */
  readonly compression?: 'none' | 's2';
  /** How long a mark stays where a value went by its age, so that watches are told of it. @defaultValue none */
  readonly markerTtl?: number;
  /** Whether any server that keeps it may answer for a value. @defaultValue `true` */
  readonly allowDirect?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A bucket, as its server has it. */
export interface BucketInfo {
  readonly bucket: string;
  readonly history: number;
  readonly ttl: number;
  /** How many keys it has, deleted ones too as long as their deletion is kept. */
  readonly keys: number;
  /** How many entries it keeps. */
  readonly entries: number;
  readonly bytes: number;
  readonly lastRevision: number;
  /** The stream that it is. */
  readonly stream: StreamInfo;
}

const MAX_HISTORY = 64;
const DUPLICATE_WINDOW = 120_000;

/**
 * Makes a bucket when subscribed, or changes what `config` names of one that is there; what it does not name stays.
 *
 * Idempotent, and safe in parallel. Fails as `ensureStream` does, as a bucket is a stream: with `StreamConflictError`
 * where something fixed would change, with `UnsupportedByServerError` where the server is too old.
 *
 * @throws TypeError, RangeError or InvalidNameError for a bad config.
 *
 * @example
 * ```ts
 * await firstValueFrom(ensureBucket(connection, { bucket: 'sessions', ttl: 3_600_000 }));
 * ```
 */
export function ensureBucket(
  connection: NatsConnectionLike,
  config: BucketConfig,
  options?: JetStreamApiOptions,
): Observable<BucketInfo> {
  const { bucket, history } = config;
  checkBucket(bucket);
  if (history !== undefined) wholeNumber('history', history);
  if (history !== undefined && history > MAX_HISTORY) throw new RangeError(`'history' must be ${MAX_HISTORY} at most`);

  return streamInfo(connection, streamOf(bucket), options).pipe(
    map(() => true),
    catchError((error: unknown) => (error instanceof StreamNotFoundError ? of(false) : throwError(() => error))),
    switchMap((isThere) =>
      ensureStream(connection, isThere ? named(config) : { ...defaults(config), ...named(config) }, options),
    ),
    map((info) => infoOf(bucket, info)),
  );
}

/** Looks a bucket up when subscribed. Fails with `BucketNotFoundError`. */
export function bucketInfo(
  connection: NatsConnectionLike,
  bucket: string,
  options?: JetStreamApiOptions,
): Observable<BucketInfo> {
  checkBucket(bucket);
  return streamInfo(connection, streamOf(bucket), options).pipe(
    map((info) => infoOf(bucket, info)),
    catchError((cause: unknown) =>
      throwError(() => (cause instanceof StreamNotFoundError ? new BucketNotFoundError(bucket, { cause }) : cause)),
    ),
  );
}

/** Deletes a bucket with all its values when subscribed; emits whether there was one. */
export function deleteBucket(
  connection: NatsConnectionLike,
  bucket: string,
  options?: JetStreamApiOptions,
): Observable<boolean> {
  checkBucket(bucket);
  return defer(() => deleteStream(connection, streamOf(bucket), options));
}

/** What makes a stream a bucket, and what is named of it. */
function named(config: BucketConfig): StreamConfig {
  const { bucket, history, ttl, maxValueSize, markerTtl, ...rest } = config;
  const fields = {
    ...rest,
    maxMessagesPerSubject: history,
    maxAge: ttl,
    maxMessageSize: maxValueSize,
    subjectDeleteMarkerTtl: markerTtl,
    allowMessageTtl: markerTtl === undefined ? undefined : true,
  };
  return {
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
    name: streamOf(bucket),
    subjects: [subjectOf(bucket, '>')],
    discard: 'new',
    allowRollup: true,
  };
}

/** What else a new bucket is, unless it is named. */
function defaults({ ttl = Number.POSITIVE_INFINITY }: BucketConfig): Partial<StreamConfig> {
  return {
    maxMessagesPerSubject: 1,
    duplicateWindow: Math.min(DUPLICATE_WINDOW, ttl),
    denyDelete: true,
    allowDirect: true,
  };
}

function infoOf(bucket: string, stream: StreamInfo): BucketInfo {
  const { config, subjects, messages, bytes, lastSequence } = stream;
  return {
    bucket,
    history: config.maxMessagesPerSubject,
    ttl: config.maxAge,
    keys: subjects,
    entries: messages,
    bytes,
    lastRevision: lastSequence,
    stream,
  };
}
