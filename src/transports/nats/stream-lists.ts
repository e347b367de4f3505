import { concat, concatMap, defer, from, type Observable } from 'rxjs';
import { validateAddress } from '../../core/names.ts';
import type { NatsConnectionLike } from './client.ts';
import { type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { type Page, paged } from './paged.ts';
import { type StreamAnswer, type StreamInfo, streamInfoIn } from './stream-info.ts';
import { streamInfo } from './streams.ts';
import { wireOf } from './wire.ts';

/** Which streams are listed. */
export interface StreamFilter {
  /** Only those that store an address which matches, with wildcards. @defaultValue all */
  readonly subject?: string;
}

interface NamesPage extends Page {
  readonly streams?: readonly string[] | null;
}

interface StreamsPage extends Page {
  readonly streams?: readonly StreamAnswer[] | null;
  /** Those whose servers did not answer. */
  readonly missing?: readonly string[] | null;
}

/** Emits the name of each stream; they are asked for when subscribed, page by page. */
export function streamNames(
  connection: NatsConnectionLike,
  filter: StreamFilter = {},
  options?: JetStreamApiOptions,
): Observable<string> {
  return defer(() => {
    const api = jetstreamApi(wireOf(connection), options);
    return paged<NamesPage>(api, 'STREAM.NAMES', requestFor(filter), ({ streams }) => streams?.length ?? 0).pipe(
      concatMap(({ streams }) => streams ?? []),
    );
  });
}

/**
 * Emits each stream; they are asked for when subscribed, page by page.
 *
 * A stream whose servers do not answer is asked for by itself, and is an error if they still do not.
 */
export function listStreams(
  connection: NatsConnectionLike,
  filter: StreamFilter = {},
  options?: JetStreamApiOptions,
): Observable<StreamInfo> {
  return defer(() => {
    const api = jetstreamApi(wireOf(connection), options);
    return paged<StreamsPage>(api, 'STREAM.LIST', requestFor(filter), ({ streams }) => streams?.length ?? 0).pipe(
      concatMap(({ streams, missing }) =>
        concat(
          from((streams ?? []).map(streamInfoIn)),
          ...(missing ?? []).map((name) => streamInfo(connection, name, options)),
        ),
      ),
    );
  });
}

function requestFor({ subject }: StreamFilter): Readonly<Record<string, unknown>> {
  if (subject === undefined) return {};
  validateAddress(subject, { wildcards: true });
  return { subject };
}
