// States in a bucket of JetStream, which outlive the process. A change that somebody else was quicker with is made anew.
import { type connectNats, kvStore, WrongRevisionError } from 'millrace/nats';
import { defer, map, mergeMap, type Observable, of, retry, switchMap, throwError, timer } from 'rxjs';
import type { States } from './states.ts';

type Connection = Awaited<ReturnType<typeof connectNats>>;

export function natsStates(connection: Connection, bucket: string): States {
  const store = kvStore<unknown>(connection, { bucket });

  function get<T>(key: string): Observable<T | undefined> {
    return store.get(key).pipe(map((entry) => entry?.value as T | undefined));
  }

  return {
    get,
    change<T>(key: string, change: (state: T | undefined) => T) {
      const attempt = defer(() => store.get(key)).pipe(
        switchMap((entry) => {
          const next = change(entry?.value as T | undefined);
          if (next === entry?.value) return of(next);
          return store.update(key, next, entry?.revision ?? 0).pipe(map(() => next));
        }),
      );
      return attempt.pipe(retry({ delay: again }));
    },
    all: <T>(kind: string) =>
      store.keys(`${kind}.*`).pipe(
        mergeMap((key) => get<T>(key), 32),
        map((state) => state as T),
      ),
  };
}

function again(error: unknown): Observable<unknown> {
  return error instanceof WrongRevisionError ? timer(Math.random() * 20) : throwError(() => error);
}
