import { defer, map, type Observable } from 'rxjs';
import type { Feature } from './api-level.ts';
import type { NatsConnectionLike } from './client.ts';
import { type JetStreamApi, type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { wireOf } from './wire.ts';

/** What JetStream can do beyond what every server can. */
export type JetStreamFeature = keyof typeof features;

/** What the servers behind a connection can do. */
export interface JetStreamFeatures {
  /** The level of JetStream's API; `0` for servers before 2.11. */
  readonly level: number;
  /** The version of the server that is connected to; the one that leads a stream may be another. */
  readonly version?: string;
  readonly domain?: string;
  has(feature: JetStreamFeature): boolean;
}

/** Each with its level (NATS ADR-44) and the first version of that level. */
const features = {
  pause: { level: 1, version: '2.11' },
  messageTtl: { level: 1, version: '2.11' },
  deleteMarkers: { level: 1, version: '2.11' },
  priorityGroups: { level: 1, version: '2.11' },
  prioritized: { level: 2, version: '2.12' },
  counters: { level: 2, version: '2.12' },
  atomicPublish: { level: 2, version: '2.12' },
  schedules: { level: 2, version: '2.12' },
  asyncPersistence: { level: 2, version: '2.12' },
  batchPublish: { level: 4, version: '2.14' },
  cronSchedules: { level: 4, version: '2.14' },
  consumerReset: { level: 4, version: '2.14' },
} as const;

interface AccountAnswer {
  readonly domain?: string;
  readonly api?: { readonly level?: number };
}

/**
 * Asks when subscribed what JetStream can do on the servers behind a connection.
 *
 * It is read from the level of JetStream's API, and never from a version: a server that names no level is at 0.
 *
 * @example
 * ```ts
 * const { level } = await firstValueFrom(jetstreamFeatures(connection));
 * ```
 */
export function jetstreamFeatures(
  connection: NatsConnectionLike,
  options?: JetStreamApiOptions,
): Observable<JetStreamFeatures> {
  return defer(() => askFeatures(jetstreamApi(wireOf(connection), options)));
}

/** Describes a feature of the list, for those who need it. */
export function featureNamed(feature: JetStreamFeature, name: string): Feature {
  return { name, ...features[feature] };
}

function askFeatures(api: JetStreamApi): Observable<JetStreamFeatures> {
  return api.ask<AccountAnswer>('INFO').pipe(
    map((answer) => {
      const level = answer.api?.level ?? 0;
      const version = api.wire.client.info?.version;
      return {
        level,
        ...(version === undefined ? {} : { version }),
        ...(answer.domain === undefined || answer.domain === '' ? {} : { domain: answer.domain }),
        has: (feature: JetStreamFeature) => features[feature].level <= level,
      };
    }),
  );
}
