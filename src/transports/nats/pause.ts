import { concat, defer, ignoreElements, map, type Observable } from 'rxjs';
import { apiLevel } from './api-level.ts';
import type { NatsConnectionLike } from './client.ts';
import { type ConsumerAnswer, type ConsumerInfo, consumerInfoIn } from './consumer-info.ts';
import { apiFor } from './consumers.ts';
import type { JetStreamApiOptions } from './jetstream-api.ts';
import { checkTime, isoOf } from './nanos.ts';
import { consumerErrors } from './provisioning-errors.ts';
import { featureNamed } from './server-features.ts';

/**
 * Stops a consumer's deliveries until a time, when subscribed; what is out can still be settled.
 *
 * Fails with `StreamNotFoundError` or `ConsumerNotFoundError`, and with `UnsupportedByServerError` before nats-server 2.11.
 */
export function pauseConsumer(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  until: Date | string | number,
  options?: JetStreamApiOptions,
): Observable<ConsumerInfo> {
  return defer(() => {
    checkTime('until', until);
    return pause(connection, stream, name, { pause_until: isoOf(until) }, options);
  });
}

/** Lets a paused consumer go on, when subscribed. Fails as {@link pauseConsumer} does. */
export function resumeConsumer(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  options?: JetStreamApiOptions,
): Observable<ConsumerInfo> {
  return defer(() => pause(connection, stream, name, {}, options));
}

function pause(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  body: { readonly pause_until?: string },
  options: JetStreamApiOptions | undefined,
): Observable<ConsumerInfo> {
  const api = apiFor(connection, stream, name, options);
  return concat(
    // Older servers do not answer at all.
    apiLevel(api).require([featureNamed('pause', 'Pausing a consumer')]),
    api.ask(`CONSUMER.PAUSE.${stream}.${name}`, body).pipe(ignoreElements()),
    api.ask<ConsumerAnswer>(`CONSUMER.INFO.${stream}.${name}`).pipe(map(consumerInfoIn)),
  ).pipe(consumerErrors(stream, name, undefined));
}
