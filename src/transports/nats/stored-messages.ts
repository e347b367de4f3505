import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';
import { decodeBase64 } from '../../core/base64.ts';
import { wholeNumber } from '../../core/check-options.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { NatsConnectionLike } from './client.ts';
import { type JetStreamApi, type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { timeOf } from './nanos.ts';
import { codes, isRefusal, streamErrors } from './provisioning-errors.ts';
import { wireOf } from './wire.ts';

/** A message as a stream holds it; a codec reads what is in it. */
export interface StoredMessage {
  readonly sequence: number;
  readonly address: string;
  /** When it was stored, in ms since the epoch. */
  readonly time: number;
  /** Its header block, as it travelled. */
  readonly headers: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** Which messages {@link purgeStream} removes: those that meet every condition named. */
export interface PurgeOptions {
  /** Only messages whose address matches. */
  readonly filter?: string;
  /** Only messages before this sequence. */
  readonly before?: number;
  /** Keeps this many of the newest among those that would go; not together with `before`. */
  readonly keep?: number;
}

/** Options for {@link deleteMessage}. */
export interface DeleteMessageOptions {
  /** Whether what it held is overwritten, which takes longer. @defaultValue `false` */
  readonly erase?: boolean;
}

interface MessageAnswer {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly hdrs?: string;
    readonly data?: string;
  };
}

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/**
 * Reads one message of a stream when subscribed: the one of a sequence, or the last one at an address, which may have
 * wildcards. Emits undefined where there is none. Fails with `StreamNotFoundError`.
 *
 * @example
 * ```ts
 * getMessage(connection, 'SHOP', { sequence: 42 }).subscribe((message) => message && log(codec.decode(message)));
 * ```
 */
export function getMessage(
  connection: NatsConnectionLike,
  stream: string,
  which: { readonly sequence: number } | { readonly lastFor: string },
  options?: JetStreamApiOptions,
): Observable<StoredMessage | undefined> {
  return defer(() => {
    const api = apiFor(connection, stream, options);
    if ('sequence' in which) checkSequence('sequence', which.sequence);
    else validateAddress(which.lastFor, { wildcards: true });
    const body = 'sequence' in which ? { seq: which.sequence } : { last_by_subj: which.lastFor };
    return api.ask<MessageAnswer>(`STREAM.MSG.GET.${stream}`, body).pipe(
      map(storedIn),
      catchError((error: unknown) => {
        if (isRefusal(error, codes.messageNotFound)) return of(undefined);
        return throwError(() => error);
      }),
      streamErrors(stream),
    );
  });
}

/** Removes one message of a stream when subscribed; emits whether it was there. Fails with `StreamNotFoundError`. */
export function deleteMessage(
  connection: NatsConnectionLike,
  stream: string,
  sequence: number,
  { erase = false }: DeleteMessageOptions = {},
  options?: JetStreamApiOptions,
): Observable<boolean> {
  return defer(() => {
    const api = apiFor(connection, stream, options);
    checkSequence('sequence', sequence);
    const body = erase ? { seq: sequence } : { seq: sequence, no_erase: true };
    return api.ask(`STREAM.MSG.DELETE.${stream}`, body).pipe(
      map(() => true),
      catchError((error: unknown) => {
        if (isRefusal(error, codes.messageNotFound, codes.messageNotDeleted) && isGone(error.description))
          return of(false);
        return throwError(() => error);
      }),
      streamErrors(stream),
    );
  });
}

/**
 * Removes messages of a stream when subscribed: all, or those that meet every condition named. Emits how many. Fails with
 * `StreamNotFoundError`.
 */
export function purgeStream(
  connection: NatsConnectionLike,
  stream: string,
  { filter, before, keep }: PurgeOptions = {},
  options?: JetStreamApiOptions,
): Observable<number> {
  return defer(() => {
    const api = apiFor(connection, stream, options);
    if (before !== undefined && keep !== undefined) throw new TypeError("'before' and 'keep' exclude each other");
    if (filter !== undefined) validateAddress(filter, { wildcards: true });
    if (before !== undefined) checkSequence('before', before);
    if (keep !== undefined && !(Number.isInteger(keep) && keep >= 0))
      throw new RangeError(`'keep' must be a whole number of at least 0, not ${keep}`);
    return api.ask<{ readonly purged: number }>(`STREAM.PURGE.${stream}`, { filter, seq: before, keep }).pipe(
      map(({ purged }) => purged),
      streamErrors(stream),
    );
  });
}

function apiFor(
  connection: NatsConnectionLike,
  stream: string,
  options: JetStreamApiOptions | undefined,
): JetStreamApi {
  validateName('stream', stream);
  return jetstreamApi(wireOf(connection), options);
}

function checkSequence(field: string, value: number): void {
  wholeNumber(field, value);
  if (value === Number.POSITIVE_INFINITY) throw new RangeError(`'${field}' must be finite`);
}

function storedIn({ message: { subject, seq, time, hdrs, data } }: MessageAnswer): StoredMessage {
  return {
    sequence: seq,
    address: subject,
    time: timeOf(time) ?? 0,
    headers: hdrs === undefined || hdrs === '' ? undefined : decodeBase64(hdrs),
    data: data === undefined ? EMPTY : decodeBase64(data),
  };
}

/** The server has one number for all that can go wrong with a deletion; what it says of a sequence it has not depends on where that is. */
function isGone(description: string): boolean {
  return /no message found|not found|EOF/i.test(description);
}
