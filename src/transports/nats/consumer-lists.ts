import { concat, concatMap, defer, from, type Observable } from 'rxjs';
import { validateName } from '../../core/names.ts';
import type { NatsConnectionLike } from './client.ts';
import { type ConsumerAnswer, type ConsumerInfo, consumerInfoIn } from './consumer-info.ts';
import { consumerInfo } from './consumers.ts';
import { type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { type Page, paged } from './paged.ts';
import { streamErrors } from './provisioning-errors.ts';
import { wireOf } from './wire.ts';

interface NamesPage extends Page {
  readonly consumers?: readonly string[] | null;
}

interface ConsumersPage extends Page {
  readonly consumers?: readonly ConsumerAnswer[] | null;
  /** Those whose servers did not answer. */
  readonly missing?: readonly string[] | null;
}

/** Emits the name of each consumer of a stream; they are asked for when subscribed. Fails with `StreamNotFoundError`. */
export function consumerNames(
  connection: NatsConnectionLike,
  stream: string,
  options?: JetStreamApiOptions,
): Observable<string> {
  return defer(() => {
    validateName('stream', stream);
    const api = jetstreamApi(wireOf(connection), options);
    return paged<NamesPage>(api, `CONSUMER.NAMES.${stream}`, {}, ({ consumers }) => consumers?.length ?? 0).pipe(
      concatMap(({ consumers }) => consumers ?? []),
      streamErrors(stream),
    );
  });
}

/**
 * Emits each consumer of a stream; they are asked for when subscribed, page by page. Fails with `StreamNotFoundError`.
 *
 * A consumer whose servers do not answer is asked for by itself, and is an error if they still do not.
 */
export function listConsumers(
  connection: NatsConnectionLike,
  stream: string,
  options?: JetStreamApiOptions,
): Observable<ConsumerInfo> {
  return defer(() => {
    validateName('stream', stream);
    const api = jetstreamApi(wireOf(connection), options);
    return paged<ConsumersPage>(api, `CONSUMER.LIST.${stream}`, {}, ({ consumers }) => consumers?.length ?? 0).pipe(
      concatMap(({ consumers, missing }) =>
        concat(
          from((consumers ?? []).map(consumerInfoIn)),
          ...(missing ?? []).map((name) => consumerInfo(connection, stream, name, options)),
        ),
      ),
      streamErrors(stream),
    );
  });
}
