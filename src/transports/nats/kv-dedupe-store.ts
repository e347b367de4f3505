import { createHash, randomUUID } from 'node:crypto';
import {
  asyncScheduler,
  catchError,
  defer,
  map,
  type Observable,
  of,
  type SchedulerLike,
  switchMap,
  throwError,
} from 'rxjs';
import type { Claim, ClaimResult, DedupeStore } from '../../core/dedupe-store.ts';
import { RequestTimeoutError } from '../../core/errors.ts';
import { valueCodecOf } from '../../core/value-codec.ts';
import type { NatsConnectionLike } from './client.ts';
import { WrongRevisionError } from './errors.ts';
import { type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { kvApi } from './kv-api.ts';
import type { RawEntry } from './kv-entry.ts';
import { checkBucket } from './kv-names.ts';
import { wireOf } from './wire.ts';

/** Options for {@link kvDedupeStore}. */
export interface KvDedupeStoreOptions {
  /** Its `ttl` is how long a handled event is remembered; with none, for ever. Make it with `ensureBucket`. */
  readonly bucket: string;
  /**
   * After how long a claim that nobody commits or releases may be claimed again, in ms; longer than any handler takes,
   * and by more than the clocks of the processes differ. @defaultValue `600_000`
   */
  readonly claimTtl?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
  readonly api?: JetStreamApiOptions;
}

/** What is stored under an event's key. */
type ClaimRecord =
  | { readonly state: 'claimed'; readonly claim: string; readonly until: number }
  | { readonly state: 'done' };

const codec = /* @__PURE__ */ valueCodecOf<ClaimRecord>('json');

/** How often others may change the key while it is looked at. */
const MOST_TRIES = 8;

/** How many claims that may have been written are remembered; the others end by their time. */
const MOST_ORPHANS = 10_000;

/**
 * Makes a dedup store on a bucket of JetStream, which all processes share that use the bucket.
 *
 * A claim is written where there is no entry, which one of any number succeeds in. The claim of a process that has died
 * ends after `claimTtl`, and is then taken over. A commit or release of a claim that was taken over in the meantime
 * changes nothing; the commit fails with `WrongRevisionError`, as the event may be handled twice. What the server does
 * not answer fails with `RequestTimeoutError`, and a claim that it has all the same is taken over here at once, and by
 * other processes in its time.
 *
 * Keys are any text: stored is the SHA-256 of a key, as base64url. That two share one does not happen.
 *
 * @example
 * ```ts
 * await firstValueFrom(ensureBucket(connection, { bucket: 'handled', ttl: 86_400_000 }));
 * deliveries.pipe(dedupe(kvDedupeStore(connection, { bucket: 'handled' })), handle(charge), settle());
 * ```
 */
export function kvDedupeStore(connection: NatsConnectionLike, options: KvDedupeStoreOptions): DedupeStore {
  const { bucket, claimTtl = 600_000, scheduler = asyncScheduler, api } = options;
  checkBucket(bucket);
  if (!(claimTtl > 0)) throw new RangeError(`'claimTtl' must be above 0 ms, not ${claimTtl}`);
  const kv = kvApi(jetstreamApi(wireOf(connection), api), bucket);

  /** Claims of this store that nobody here holds, and that the server may have all the same: it did not answer. */
  const orphans = new Set<string>();

  function orphan(claim: string): void {
    orphans.add(claim);
    for (const oldest of orphans) if (orphans.size > MOST_ORPHANS) orphans.delete(oldest);
  }

  function claimed(key: string, claim: string, revision: number): Claim {
    return {
      commit: () => kv.write(key, { data: codec.encode({ state: 'done' }), expected: revision }),
      release: () =>
        kv.write(key, { headers: { 'KV-Operation': 'DEL' }, expected: revision }).pipe(
          catchError((error: unknown) => {
            if (error instanceof WrongRevisionError) return of(0); // taken over: there is nothing left to release
            orphan(claim);
            return throwError(() => error);
          }),
        ),
    };
  }

  function write(key: string, claim: string, expected: number, tries: number): Observable<ClaimResult> {
    const data = codec.encode({ state: 'claimed', claim, until: scheduler.now() + claimTtl });
    return kv.write(key, { data, expected }).pipe(
      map((revision) => {
        orphans.delete(claim); // an earlier try of this one may have left it there
        return claimed(key, claim, revision);
      }),
      catchError((error: unknown) => {
        // Without an answer it may have been written, and would then keep the event from everybody, this process too.
        const isUnknown = error instanceof RequestTimeoutError;
        if (isUnknown) orphan(claim);
        if (!(isUnknown || error instanceof WrongRevisionError) || tries >= MOST_TRIES) return throwError(() => error);
        return kv.look(key).pipe(switchMap((found) => decide(key, claim, found, tries)));
      }),
    );
  }

  function decide(key: string, claim: string, found: RawEntry | undefined, tries: number): Observable<ClaimResult> {
    if (found?.kind !== 'put') return write(key, claim, found?.revision ?? 0, tries + 1);
    const record = codec.decode(found.data);
    if (record.state === 'done') return of('duplicate');
    if (scheduler.now() < record.until && !orphans.delete(record.claim)) return of('busy');
    return write(key, claim, found.revision, tries + 1); // its owner has died, or gave up
  }

  return {
    claim: (key) => defer(() => write(createHash('sha256').update(key).digest('base64url'), randomUUID(), 0, 1)),
  };
}
