import { defer, ignoreElements, map, type Observable, of, tap } from 'rxjs';
import { UnsupportedByServerError } from './errors.ts';
import type { JetStreamApi } from './jetstream-api.ts';

/** Something that not every server can do. */
export interface Feature {
  readonly name: string;
  /** The level of JetStream's API that has it (NATS ADR-44). */
  readonly level: number;
  /** The first server version of that level. */
  readonly version: string;
}

/** Asks what a server can do. */
export interface ApiLevel {
  /** Completes when the server can do all of it, and fails with `UnsupportedByServerError` where it cannot. */
  require(features: readonly Feature[]): Observable<never>;
}

interface AccountAnswer {
  readonly api?: { readonly level?: number };
}

/**
 * Makes what asks JetStream for the level of its API, once for each connection to a server.
 *
 * Older servers do not refuse what they do not know: they store a message that is to be published later, or to be dropped,
 * like any other, and say that they have it.
 */
export function apiLevel(api: JetStreamApi): ApiLevel {
  const { client } = api.wire;
  let known: { readonly level: number; readonly info: unknown } | undefined;

  function current(): Observable<number> {
    const { info } = client; // another object after each connect
    if (known !== undefined && known.info === info) return of(known.level);
    return api.ask<AccountAnswer>('INFO').pipe(
      map((answer) => answer.api?.level ?? 0),
      tap((level) => {
        known = { level, info };
      }),
    );
  }

  return {
    require: (features) =>
      defer(current).pipe(
        tap((level) => {
          const missing = features.find((feature) => feature.level > level);
          if (missing === undefined) return;
          throw new UnsupportedByServerError(missing.name, missing.version, client.info?.version ?? 'an older one');
        }),
        ignoreElements(),
      ),
  };
}
