import {
  catchError,
  concat,
  defer,
  filter,
  ignoreElements,
  map,
  type Observable,
  of,
  retry,
  switchMap,
  take,
  throwError,
  timeout as timeoutWhen,
  timer,
} from 'rxjs';
import type { MessageHeaders } from '../../core/delivery.ts';
import { NoRespondersError, PublishError } from '../../core/errors.ts';
import { headerBlockOf } from './client.ts';
import {
  BucketNotFoundError,
  ConnectionLostError,
  JetStreamApiError,
  JetStreamUnavailableError,
  WrongRevisionError,
} from './errors.ts';
import { decodeHeaders, encodeHeaders, statusOf } from './headers.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import { directEntry, type RawEntry, type StoredMessage, storedEntry } from './kv-entry.ts';
import { streamOf, subjectOf } from './kv-names.ts';
import { codes, isRefusal } from './provisioning-errors.ts';
import { pubAckReader } from './pub-ack.ts';
import { isPassing, publishRefusal } from './publish-refusal.ts';
import { requestRaw } from './request-raw.ts';

/** How one entry is written. */
export interface KvWrite {
  readonly data?: Uint8Array;
  readonly headers?: MessageHeaders;
  /** The revision that the key must be at; 0 when it must have none, not even a deletion. */
  readonly expected?: number;
}

/** The entries of one bucket, as bytes. */
export interface KvApi {
  readonly bucket: string;
  readonly stream: string;
  readonly api: JetStreamApi;
  /** Writes when subscribed, and emits the new revision. */
  write(key: string, write: KvWrite): Observable<number>;
  /** Reads the last entry of a key when subscribed, from the leader; emits undefined where there is none. */
  look(key: string): Observable<RawEntry | undefined>;
  /** The same from any server that has the bucket. */
  lookAnywhere(key: string): Observable<RawEntry | undefined>;
}

/** How long to wait before writing again where nobody answered, in ms, and how often (NATS ADR-22). */
const UNANSWERED_DELAY = 250;
const UNANSWERED_RETRIES = 4;

const WRONG_SEQUENCES: readonly number[] = [10071, 10164];
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/** Makes the raw access to a bucket. */
export function kvApi(api: JetStreamApi, bucket: string): KvApi {
  const stream = streamOf(bucket);
  const { wire, prefix, timeout } = api;
  const readAck = pubAckReader();
  let isDirect: boolean | undefined;
  const writePrefix = prefix === '$JS.API' ? '' : `${prefix}.`;

  function send(key: string, { data = NOTHING, headers, expected }: KvWrite): Observable<number> {
    const address = writePrefix + subjectOf(bucket, key);
    const all = expected === undefined ? headers : { ...headers, [EXPECTED]: String(expected) };
    const options = all === undefined ? { timeout } : { timeout, headers: encodeHeaders(all) };
    const written = requestRaw(wire, address, data, options, (message) => {
      const ack = readAck(message.data);
      if (ack === undefined) throw new PublishError('unknown', address, 'What answered is no bucket');
      if (ack.error === undefined) return ack.sequence;
      if (expected !== undefined && WRONG_SEQUENCES.includes(ack.error.errorCode))
        throw new WrongRevisionError(bucket, key, expected, { cause: ack.error });
      throw isPassing(ack.error) ? ack.error : publishRefusal({ address, expect: undefined }, stream, ack.error);
    });
    return wire.connected || wire.closed ? written : concat(untilConnected(), written);
  }

  /**
   * Completes when there is a connection. What waits for one must not be kept and sent later: who wanted it written has
   * given up by then.
   */
  function untilConnected(): Observable<never> {
    return wire.changes$.pipe(
      filter(({ kind }) => kind === 'connected' || kind === 'closed'),
      take(1),
      timeoutWhen({
        first: timeout,
        scheduler: wire.scheduler,
        with: () => throwError(() => new ConnectionLostError('and did not come back in time; nothing was written')),
      }),
      ignoreElements(),
    );
  }

  /** Fails if there is no such bucket; else there is no leader at the moment, and it is worth to ask again. */
  function again(error: unknown, retries: number): Observable<unknown> {
    const isUnanswered = error instanceof NoRespondersError;
    if (!isUnanswered && !(error instanceof JetStreamApiError)) return throwError(() => error);
    if (retries > UNANSWERED_RETRIES) {
      return throwError(() => (isUnanswered ? new JetStreamUnavailableError({ cause: error }) : error));
    }
    return api.ask(`STREAM.INFO.${stream}`).pipe(
      kvErrors(bucket),
      switchMap(() => timer(UNANSWERED_DELAY, wire.scheduler)),
    );
  }

  function look(key: string): Observable<RawEntry | undefined> {
    return api.ask<StoredMessage>(`STREAM.MSG.GET.${stream}`, { last_by_subj: subjectOf(bucket, key) }).pipe(
      map(storedEntry),
      catchError((error: unknown) => {
        if (isRefusal(error, codes.messageNotFound)) return of(undefined);
        return throwError(() => error);
      }),
      kvErrors(bucket),
    );
  }

  /** Where it is not allowed, some servers do not answer at all. */
  function anyAnswers(): Observable<boolean> {
    if (isDirect !== undefined) return of(isDirect);
    return api.ask<{ config: { allow_direct?: boolean } }>(`STREAM.INFO.${stream}`).pipe(
      kvErrors(bucket),
      map(({ config }) => {
        isDirect = config.allow_direct === true;
        return isDirect;
      }),
    );
  }

  function lookDirectly(key: string): Observable<RawEntry | undefined> {
    const address = `${prefix}.DIRECT.GET.${stream}.${subjectOf(bucket, key)}`;
    return requestRaw(wire, address, NOTHING, { timeout }, (message) => {
      const block = headerBlockOf(message);
      if (block === undefined || statusOf(block) !== undefined) return undefined; // 404
      return directEntry(message, decodeHeaders(block));
    });
  }

  return {
    bucket,
    stream,
    api,
    look,
    write: (key, write) => defer(() => send(key, write)).pipe(retry({ delay: again })),
    lookAnywhere: (key) =>
      anyAnswers().pipe(
        switchMap((isAllowed) => (isAllowed ? lookDirectly(key) : look(key))),
        catchError((error: unknown) => {
          if (!(error instanceof NoRespondersError)) return throwError(() => error);
          isDirect = undefined; // it has changed, or there is no such bucket any more: its leader knows
          return look(key);
        }),
      ),
  };
}

const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';

/** Gives JetStream's word that there is no such stream the error that it has here. */
export function kvErrors<T>(bucket: string): (source: Observable<T>) => Observable<T> {
  return catchError((error: unknown) =>
    throwError(() =>
      isRefusal(error, codes.streamNotFound) ? new BucketNotFoundError(bucket, { cause: error }) : error,
    ),
  );
}
