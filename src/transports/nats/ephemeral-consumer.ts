import { catchError, map, type Observable, switchMap, throwError } from 'rxjs';
import { StreamNotFoundError } from '../../core/errors.ts';
import type { StartPosition } from '../../core/transport.ts';
import { missing } from './consumer-lookup.ts';
import { UnsupportedByServerError } from './errors.ts';
import type { JetStreamApi } from './jetstream-api.ts';

/** What a consumer that lives as long as its subscription reads. */
export interface EphemeralConsumer {
  readonly stream: string;
  readonly name: string;
  readonly filter: readonly string[];
  readonly from: StartPosition;
  readonly prefetch: number;
  /** Whether it is only read: nothing is acked, and nothing comes again. */
  readonly ordered: boolean;
}

/** After this time without a reader the server forgets it, if nobody could delete it, in ns. */
const INACTIVE_THRESHOLD = 300_000 * 1_000_000;

interface CreateAnswer {
  readonly config: { readonly filter_subjects?: readonly string[] };
  readonly delivered: { readonly stream_seq: number };
}

/**
 * Makes the consumer when subscribed, and emits where one has to start that takes its place before anything has come: what
 * was new then is not to be missed. Fails with `StreamNotFoundError`, and as JetStream refuses.
 */
export function createEphemeral(api: JetStreamApi, consumer: EphemeralConsumer): Observable<StartPosition> {
  const { stream, name, filter, from } = consumer;
  const body = { stream_name: stream, config: configOf(consumer) };
  return api.ask<CreateAnswer>(`CONSUMER.CREATE.${stream}.${name}`, body).pipe(
    switchMap((answer) => {
      if (filter.length < 2 || answer.config.filter_subjects?.length === filter.length)
        return [from === 'new' ? { sequence: answer.delivered.stream_seq + 1 } : from];
      const version = api.wire.client.info?.version ?? 'an older one';
      const refusal = new UnsupportedByServerError('Several filters on one consumer', '2.10', version);
      return deleteEphemeral(api, stream, name).pipe(switchMap(() => throwError(() => refusal)));
    }),
    catchError((error: unknown) => throwError(() => missing(error, stream, name))),
  );
}

/** Deletes the consumer when subscribed. */
export function deleteEphemeral(api: JetStreamApi, stream: string, name: string): Observable<void> {
  return api.ask(`CONSUMER.DELETE.${stream}.${name}`).pipe(
    map(() => undefined),
    catchError((error: unknown) => {
      const reason = missing(error, stream, name);
      if (reason === error || reason instanceof StreamNotFoundError) throw reason;
      return [undefined]; // it is gone already
    }),
  );
}

function configOf({ name, filter, from, prefetch, ordered }: EphemeralConsumer): Readonly<Record<string, unknown>> {
  return {
    name,
    inactive_threshold: INACTIVE_THRESHOLD,
    ...(ordered
      ? { ack_policy: 'none', max_deliver: 1, mem_storage: true, num_replicas: 1 }
      : { ack_policy: 'explicit', max_ack_pending: Math.max(1_000, prefetch) }),
    ...startOf(from),
    ...(filter.length === 1 ? { filter_subject: filter[0] } : {}),
    ...(filter.length > 1 ? { filter_subjects: filter } : {}),
  };
}

function startOf(from: StartPosition): Readonly<Record<string, unknown>> {
  if (typeof from === 'string') return { deliver_policy: from };
  if ('sequence' in from) return { deliver_policy: 'by_start_sequence', opt_start_seq: from.sequence };
  return { deliver_policy: 'by_start_time', opt_start_time: new Date(from.time).toISOString() };
}
