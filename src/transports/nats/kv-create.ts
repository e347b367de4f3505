import { catchError, type Observable, switchMap, throwError } from 'rxjs';
import { KeyExistsError, WrongRevisionError } from './errors.ts';
import type { KvApi } from './kv-api.ts';

/** How often somebody else may change the key while it is looked at. */
const MOST_TRIES = 5;

/**
 * Writes a key that has no value when subscribed, and emits its revision. A key that was deleted has none, though its
 * deletion has a revision, which must then be the one that was seen.
 *
 * Fails with `KeyExistsError` where it has a value.
 */
export function createEntry(kv: KvApi, key: string, data: Uint8Array): Observable<number> {
  function attempt(expected: number, tries: number): Observable<number> {
    return kv.write(key, { data, expected }).pipe(
      catchError((error: unknown) => {
        if (!(error instanceof WrongRevisionError) || tries >= MOST_TRIES) return throwError(() => error);
        return kv.look(key).pipe(
          switchMap((found) => {
            if (found?.kind !== 'put') return attempt(found?.revision ?? 0, tries + 1);
            return throwError(() => new KeyExistsError(kv.bucket, key, found.revision, { cause: error }));
          }),
        );
      }),
    );
  }

  return attempt(0, 1);
}
