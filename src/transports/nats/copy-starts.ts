import { catchError, forkJoin, map, type Observable, of, throwError } from 'rxjs';
import { type JetStreamApi, jetstreamApi } from './jetstream-api.ts';
import { codes, isRefusal } from './provisioning-errors.ts';
import type { StreamConfig, StreamSettings, StreamSource } from './stream-config.ts';
import type { StreamAnswer } from './stream-info.ts';

/**
 * Gives the mirror and the sources that a configuration names the sequence that `'new'` stands for.
 *
 * A sequence, and not the time of day: clocks differ. One that copies already stays where it started.
 */
export function resolveStarts(
  api: JetStreamApi,
  config: StreamConfig,
  current: StreamSettings | undefined,
): Observable<StreamConfig> {
  const { mirror, sources } = config;
  const known = [...(current?.sources ?? []), ...(current?.mirror === undefined ? [] : [current.mirror])];
  const all = [...(mirror === undefined ? [] : [mirror]), ...(sources ?? [])];
  if (all.length === 0) return of(config);
  return forkJoin(all.map((source) => resolve(api, source, known))).pipe(
    map((resolved) => ({
      ...config,
      ...(mirror === undefined ? {} : { mirror: resolved[0] as StreamSource }),
      ...(sources === undefined ? {} : { sources: resolved.slice(mirror === undefined ? 0 : 1) }),
    })),
  );
}

function resolve(api: JetStreamApi, source: StreamSource, known: readonly StreamSource[]): Observable<StreamSource> {
  const { from } = source;
  if (from !== undefined && from !== 'new') return of(source);
  const same = known.find(({ stream, filter }) => stream === source.stream && filter === source.filter);
  if (same?.from !== undefined) return of({ ...source, from: same.from });
  if (from === undefined) return of(source);
  return originOf(api, source)
    .ask<StreamAnswer>(`STREAM.INFO.${source.stream}`)
    .pipe(
      map(({ state }) => ({ ...source, from: { sequence: state.last_seq + 1 } })),
      catchError((error: unknown) => {
        // All that a stream gets that is yet to be made is new.
        if (isRefusal(error, codes.streamNotFound)) return of<StreamSource>({ ...source, from: 'all' });
        return throwError(() => error);
      }),
    );
}

/** The API of the JetStream that has a source. */
function originOf(api: JetStreamApi, { domain, external }: StreamSource): JetStreamApi {
  const { wire, timeout } = api;
  if (external !== undefined) return jetstreamApi(wire, { apiPrefix: external.apiPrefix, timeout });
  return domain === undefined ? api : jetstreamApi(wire, { domain, timeout });
}
