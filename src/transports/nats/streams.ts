import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';
import { StreamConflictError } from '../../core/errors.ts';
import { validateName } from '../../core/names.ts';
import { checkFields, checkStream } from './check-config.ts';
import type { NatsConnectionLike } from './client.ts';
import { resolveStarts } from './copy-starts.ts';
import { ensure, Overtaken, type Resource } from './ensure.ts';
import { inTurn } from './in-turn.ts';
import { type JetStreamApi, type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { codes, isRefusal, streamErrors } from './provisioning-errors.ts';
import type { StreamConfig, StreamSettings } from './stream-config.ts';
import { streamFields } from './stream-fields.ts';
import { type StreamAnswer, type StreamInfo, streamInfoIn } from './stream-info.ts';
import { wireOf } from './wire.ts';
import { namedFields, readAll, type WireConfig, write } from './wire-field.ts';

const DUPLICATE_WINDOW = 120_000;

/**
 * Makes a stream when subscribed, or changes what `config` names of one that is there; what it does not name stays.
 *
 * Idempotent, and safe in parallel. What the server keeps is compared with what was asked, and a field that it is too old
 * for is an `UnsupportedByServerError`, with nothing changed. Fails with `StreamConflictError` where another stream stores
 * one of its addresses or where what cannot be changed would change; with `TypeError`, `RangeError`, `InvalidNameError`
 * or `InvalidAddressError` on a bad config; and with `JetStreamApiError` where the server refuses for another reason.
 *
 * @example
 * ```ts
 * await firstValueFrom(ensureStream(connection, { name: 'SHOP', subjects: ['shop.>'] }));
 * ```
 */
export function ensureStream(
  connection: NatsConnectionLike,
  config: StreamConfig,
  options?: JetStreamApiOptions,
): Observable<StreamInfo> {
  return defer(() => {
    const api = jetstreamApi(wireOf(connection), options);
    checkFields(namedFields(streamFields, config));
    validateName('stream', config.name);
    return inTurn(api.wire, `${api.prefix} ${config.name}`, ensure(api, streamResource(api, config))).pipe(
      map(streamInfoIn),
      streamErrors(config.name),
    );
  });
}

/** Looks a stream up when subscribed. Fails with `StreamNotFoundError`. */
export function streamInfo(
  connection: NatsConnectionLike,
  name: string,
  options?: JetStreamApiOptions,
): Observable<StreamInfo> {
  return defer(() => {
    validateName('stream', name);
    const api = jetstreamApi(wireOf(connection), options);
    return api.ask<StreamAnswer>(`STREAM.INFO.${name}`).pipe(map(streamInfoIn), streamErrors(name));
  });
}

/** Deletes a stream with its messages and consumers when subscribed; emits whether there was one. */
export function deleteStream(
  connection: NatsConnectionLike,
  name: string,
  options?: JetStreamApiOptions,
): Observable<boolean> {
  return defer(() => {
    validateName('stream', name);
    return removeStream(jetstreamApi(wireOf(connection), options), name).pipe(streamErrors(name));
  });
}

function removeStream(api: JetStreamApi, name: string): Observable<boolean> {
  return api.ask(`STREAM.DELETE.${name}`).pipe(
    map(() => true),
    catchError((error: unknown) => {
      if (isRefusal(error, codes.streamNotFound)) return of(false);
      return throwError(() => error);
    }),
  );
}

function streamResource(api: JetStreamApi, config: StreamConfig): Resource<StreamAnswer> {
  const { name } = config;
  const ask = (verb: string, body?: unknown) => api.ask<StreamAnswer>(`STREAM.${verb}.${name}`, body);
  const look = () =>
    ask('INFO').pipe(
      catchError((error: unknown) => {
        if (isRefusal(error, codes.streamNotFound)) return of(undefined);
        return throwError(() => error);
      }),
    );
  return {
    look,
    asked: (current) => asked(api, config, current),
    create: (wire) => ask('CREATE', wire).pipe(catchError((error: unknown) => notWithItself(error, look()))),
    update: (wire) => ask('UPDATE', wire),
    remove: () => removeStream(api, name),
    isFresh: ({ state }) => state.last_seq === 0 && state.consumer_count === 0,
    isOvertaken: (error) => isRefusal(error, codes.streamInUse, codes.streamNotFound),
    refused: (field) => new StreamConflictError(name, `does not keep '${field}' as asked, beside its other settings`),
  };
}

/** A server that makes one stream for two clients at the same time may tell the second one that it overlaps: with itself. */
function notWithItself(error: unknown, found: Observable<StreamAnswer | undefined>): Observable<never> {
  if (!isRefusal(error, codes.subjectsOverlap)) return throwError(() => error);
  return found.pipe(
    map((stream) => {
      throw stream === undefined ? error : new Overtaken('', { cause: error });
    }),
  );
}

function asked(api: JetStreamApi, config: StreamConfig, current: WireConfig | undefined) {
  const settings = current === undefined ? undefined : (readAll(streamFields, current) as StreamSettings);
  return resolveStarts(api, config, settings).pipe(
    map((resolved) => {
      const full = settings === undefined ? withDefaults(resolved) : withConsequences(resolved, settings);
      const named = namedFields(streamFields, full);
      const wire = { ...current, ...write(named, current ?? {}) };
      checkStream(readAll(streamFields, wire) as StreamSettings);
      return named;
    }),
  );
}

function withDefaults(config: StreamConfig): StreamConfig {
  const { mirror, sources = [], maxAge = Number.POSITIVE_INFINITY } = config;
  const own: Partial<StreamConfig> =
    mirror === undefined ? { duplicateWindow: Math.min(DUPLICATE_WINDOW, maxAge) } : {};
  const subjects: Partial<StreamConfig> =
    mirror === undefined && sources.length === 0 ? { subjects: [config.name] } : {};
  return { retention: 'limits', discard: 'old', storage: 'file', replicas: 1, ...own, ...subjects, ...named(config) };
}

/** A message id is not remembered longer than its message, and the sequence of a first message cannot be another one. */
function withConsequences(config: StreamConfig, current: StreamSettings): StreamConfig {
  const { maxAge, duplicateWindow, firstSequence } = config;
  if (firstSequence !== undefined && firstSequence !== (current.firstSequence ?? 1))
    throw new StreamConflictError(config.name, `begins with sequence ${current.firstSequence ?? 1}, for good`);
  if (maxAge === undefined || duplicateWindow !== undefined || current.duplicateWindow <= maxAge) return config;
  return { ...config, duplicateWindow: maxAge };
}

/** Drops what is undefined, so that it counts as not named. */
function named(config: StreamConfig): StreamConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as StreamConfig;
}
