import { catchError, defer, filter, map, type Observable, takeWhile, throwError } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import { DecodeError } from '../../core/errors.ts';
import { type ValueCodec, type ValueCodecName, valueCodecOf } from '../../core/value-codec.ts';
import type { NatsConnectionLike } from './client.ts';
import { KeyExistsError, WrongRevisionError } from './errors.ts';
import { type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { kvApi } from './kv-api.ts';
import { createEntry } from './kv-create.ts';
import type { RawEntry } from './kv-entry.ts';
import { checkBucket, checkFilter, checkKey } from './kv-names.ts';
import { checkWatch, type KvStart, watchEntries } from './kv-watch.ts';
import { wireOf } from './wire.ts';

/** Options for {@link kvStore}. */
export interface KvStoreOptions<T> {
  readonly bucket: string;
  /** How values travel: `'json'`, `'bytes'`, `'text'`, `'event'`, or a codec of your own. @defaultValue `'json'` */
  readonly codec?: ValueCodecName | ValueCodec<T>;
  /**
   * Who answers a `get`: the leader, or any server that has the bucket, which is faster and may not know the last value
   * yet, even one that this client wrote. @defaultValue `'leader'`
   */
  readonly readFrom?: 'leader' | 'any';
  readonly api?: JetStreamApiOptions;
}

/** Options for {@link KvStore.watch}. */
export interface WatchOptions {
  /**
   * Where it begins: with the `last` entry of each key, with `all` that are kept, with what is `new`, or at a revision.
   * @defaultValue `'last'`
   */
  readonly from?: KvStart;
  /** How often a silent server says that it is there, in ms; after three it is asked anew. @defaultValue `2_500` */
  readonly heartbeat?: number;
}

/** A value as it is stored. */
export interface KvValue<T> {
  readonly kind: 'put';
  readonly key: string;
  readonly value: T;
  /** Grows with each change of the bucket. */
  readonly revision: number;
  /** When it was stored, in ms since the epoch, by the server's clock. */
  readonly time: number;
}

/** What happened to a key. A discriminated union: switch on `kind`. */
export type KvChange<T> =
  | KvValue<T>
  /** Its value was deleted, and what it was before is kept. */
  | { readonly kind: 'deleted'; readonly key: string; readonly revision: number; readonly time: number }
  /** Its value was removed with all before it, by a client or by its age. */
  | { readonly kind: 'purged'; readonly key: string; readonly revision: number; readonly time: number }
  /** It got a value that the codec cannot read. */
  | {
      readonly kind: 'undecodable';
      readonly key: string;
      readonly revision: number;
      readonly time: number;
      readonly error: DecodeError;
    };

/** What a watch tells: changes, and once that those are `current` that there were when it began. */
export type KvWatchEvent<T> = KvChange<T> | { readonly kind: 'current' };

/**
 * The values of a bucket. Everything happens when subscribed, anew for each subscriber.
 *
 * What gets no answer in time fails with `RequestTimeoutError`, and a write may have happened all the same; without a
 * connection it waits that long for one, and then fails with `ConnectionLostError` and nothing written. All fail with
 * `BucketNotFoundError` where there is no bucket.
 */
export interface KvStore<T> {
  readonly bucket: string;
  /** Reads a value; emits undefined where there is none. Fails with `DecodeError` for one that cannot be read. */
  get(key: string): Observable<KvValue<T> | undefined>;
  /** Stores a value, and emits its revision. */
  put(key: string, value: T): Observable<number>;
  /** Stores the value of a key that has none. Fails with `KeyExistsError`. */
  create(key: string, value: T): Observable<number>;
  /** Stores a value in place of the one with that revision; 0 is none. Fails with `WrongRevisionError`. */
  update(key: string, value: T, revision: number): Observable<number>;
  /** Deletes a value, and keeps those before it; with a revision, that one only. Emits the deletion's revision. */
  delete(key: string, options?: { readonly revision?: number }): Observable<number>;
  /** Removes a value and all before it; with a revision, that one only. Emits the removal's revision. */
  purge(key: string, options?: { readonly revision?: number }): Observable<number>;
  /** Emits the keys that have a value, and completes. */
  keys(filter?: string): Observable<string>;
  /** Emits what is kept of a key, the oldest first, and completes. */
  history(key: string): Observable<KvChange<T>>;
  /**
   * Tells what happens to the keys that match, in order, without gaps and without repeating any, also over reconnects.
   *
   * Fails with `BucketNotFoundError` when the bucket is deleted, and completes when the connection is closed. Unsubscribing removes the server's consumer at once.
   */
  watch(filter?: string, options?: WatchOptions): Observable<KvWatchEvent<T>>;
}

const HEARTBEAT = 2_500;

/**
 * Makes a store of values on a bucket of JetStream. It creates no bucket: see {@link ensureBucket}.
 *
 * Keys are tokens between dots, of letters and digits of ASCII and `-/_=`; a filter may have wildcards as addresses have.
 * Other clients' key-value stores read and write the same.
 *
 * @throws TypeError or InvalidNameError for bad options.
 *
 * @example
 * ```ts
 * const sessions = kvStore<Session>(connection, { bucket: 'sessions' });
 * sessions.watch('eu.>').subscribe((change) => { if (change.kind === 'put') seen(change.key, change.value); });
 * ```
 */
export function kvStore(
  connection: NatsConnectionLike,
  options: KvStoreOptions<Uint8Array> & { readonly codec: 'bytes' },
): KvStore<Uint8Array>;
export function kvStore(
  connection: NatsConnectionLike,
  options: KvStoreOptions<string> & { readonly codec: 'text' },
): KvStore<string>;
export function kvStore<T = unknown>(connection: NatsConnectionLike, options: KvStoreOptions<T>): KvStore<T>;
export function kvStore<T>(connection: NatsConnectionLike, options: KvStoreOptions<T>): KvStore<T> {
  const { bucket, readFrom = 'leader', api } = options;
  checkBucket(bucket);
  if (readFrom !== 'leader' && readFrom !== 'any') throw new TypeError("'readFrom' must be 'leader' or 'any'");
  const codec = valueCodecOf(options.codec);
  const kv = kvApi(jetstreamApi(wireOf(connection), api), bucket);

  function changeOf(entry: RawEntry): KvChange<T> {
    const { kind, key, revision, time } = entry;
    if (kind !== 'put') return { kind, key, revision, time };
    try {
      return { kind, key, value: codec.decode(entry.data), revision, time };
    } catch (cause) {
      return { kind: 'undecodable', key, revision, time, error: undecodable(entry, cause) };
    }
  }

  function remove(key: string, headers: Readonly<Record<string, string>>, revision: number | undefined) {
    checkKey(key);
    if (revision === undefined) return kv.write(key, { headers });
    wholeNumber('revision', revision);
    return kv.write(key, { headers, expected: revision });
  }

  function initial(from: KvStart, matching: string, headersOnly: boolean): Observable<RawEntry> {
    const all = watchEntries(kv, { filter: matching, from, headersOnly, heartbeat: HEARTBEAT });
    return all.pipe(takeWhile((entry): entry is RawEntry => entry !== 'current'));
  }

  return {
    bucket,
    get(key) {
      checkKey(key);
      const found = readFrom === 'any' ? kv.lookAnywhere(key) : kv.look(key);
      return found.pipe(
        map((entry) => {
          const change = entry === undefined ? undefined : changeOf(entry);
          if (change?.kind === 'undecodable') throw change.error;
          return change?.kind === 'put' ? change : undefined;
        }),
      );
    },
    put(key, value) {
      checkKey(key);
      return defer(() => kv.write(key, { data: codec.encode(value) }));
    },
    create(key, value) {
      checkKey(key);
      return defer(() => createEntry(kv, key, codec.encode(value)));
    },
    update(key, value, revision) {
      checkKey(key);
      if (revision !== 0) wholeNumber('revision', revision);
      if (revision !== 0) return defer(() => kv.write(key, { data: codec.encode(value), expected: revision }));
      return defer(() => createEntry(kv, key, codec.encode(value))).pipe(
        catchError((cause: unknown) =>
          throwError(() =>
            cause instanceof KeyExistsError ? new WrongRevisionError(bucket, key, 0, { cause }) : cause,
          ),
        ),
      );
    },
    delete: (key, { revision } = {}) => remove(key, { 'KV-Operation': 'DEL' }, revision),
    purge: (key, { revision } = {}) => remove(key, { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' }, revision),
    keys(matching = '>') {
      checkFilter(matching);
      return initial('last', matching, true).pipe(
        filter(({ kind }) => kind === 'put'),
        map(({ key }) => key),
      );
    },
    history(key) {
      checkKey(key);
      return initial('all', key, false).pipe(map(changeOf));
    },
    watch(matching = '>', { from = 'last', heartbeat = HEARTBEAT } = {}) {
      checkFilter(matching);
      checkWatch(from, heartbeat);
      return watchEntries(kv, { filter: matching, from, headersOnly: false, heartbeat }).pipe(
        map((entry) => (entry === 'current' ? { kind: 'current' } : changeOf(entry))),
      );
    },
  };
}

function undecodable({ data }: RawEntry, cause: unknown): DecodeError {
  return new DecodeError('the value is not what the codec of the store reads', data, { cause });
}
