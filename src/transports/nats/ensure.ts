import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  map,
  type Observable,
  of,
  switchMap,
  throwError,
  timer,
} from 'rxjs';
import { type Backoff, exponential, jitter, maxAttempts, STOP } from '../../core/backoff.ts';
import { apiLevel } from './api-level.ts';
import { UnsupportedByServerError } from './errors.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import { differing, featuresOf, type NamedField, type WireConfig, write } from './wire-field.ts';

/** What JetStream answers for a stream or a consumer. */
export interface Described {
  readonly config: WireConfig;
}

/** A stream or a consumer, as {@link ensure} brings it about. */
export interface Resource<A extends Described> {
  /** Emits undefined where there is none. */
  look(): Observable<A | undefined>;
  /** What is asked, with the defaults of a new one or what follows from the present one; refuses what cannot be. */
  asked(current: WireConfig | undefined): Observable<readonly NamedField[]>;
  create(config: WireConfig): Observable<A>;
  update(config: WireConfig): Observable<A>;
  remove(): Observable<unknown>;
  /** Whether nobody can have used it. */
  isFresh(answer: A): boolean;
  /** Whether an error says that somebody else made or removed it in between. */
  isOvertaken(error: unknown): boolean;
  /** The error for a field that the server keeps otherwise than it was asked to. */
  refused(field: string): Error;
}

/** When it is begun again where somebody else was quicker: by chance, so that two do not get in each other's way for ever. */
const again: Backoff = /* @__PURE__ */ maxAttempts(
  /* @__PURE__ */ jitter(/* @__PURE__ */ exponential({ initial: 5, max: 100 }), { factor: 1 }),
  8,
);

/** Somebody else made or changed it in between, so that it is begun again; the cause is what it fails with at last. */
export class Overtaken extends Error {}

/**
 * Makes what is not there, and changes what is asked of what is there: all else stays as it is.
 *
 * Servers leave out what they do not know, and say nothing of it. So what they know is asked first, where that can be
 * asked; what they answer is compared with what was asked; and where a field is missing, what was done is undone.
 */
export function ensure<A extends Described>(api: JetStreamApi, resource: Resource<A>, attempt = 1): Observable<A> {
  return resource.look().pipe(
    switchMap((found) =>
      resource
        .asked(found?.config)
        .pipe(
          switchMap((asked) =>
            found === undefined ? make(api, resource, asked) : change(api, resource, asked, found),
          ),
        ),
    ),
    catchError((error: unknown) => {
      const delay = error instanceof Overtaken || resource.isOvertaken(error) ? again(attempt, 0) : STOP;
      if (delay === STOP) return throwError(() => (error instanceof Overtaken ? error.cause : error));
      return timer(delay, api.wire.scheduler).pipe(switchMap(() => ensure(api, resource, attempt + 1)));
    }),
  );
}

function make<A extends Described>(
  api: JetStreamApi,
  resource: Resource<A>,
  asked: readonly NamedField[],
): Observable<A> {
  const config = write(asked, {});
  const create = defer(() => resource.create(config)).pipe(
    concatMap((made) => {
      const error = discrepancy(api, resource, asked, config, made);
      if (error === undefined) return of(made);
      return resource.isFresh(made) ? failing(resource.remove(), error) : throwError(() => error);
    }),
  );
  return concat(required(api, asked), create);
}

function change<A extends Described>(
  api: JetStreamApi,
  resource: Resource<A>,
  asked: readonly NamedField[],
  found: A,
): Observable<A> {
  const config = { ...found.config, ...write(asked, found.config) };
  const changes = differing(asked, config, found.config);
  if (changes.length === 0) return of(found);
  const update = defer(() => resource.update(config)).pipe(
    concatMap((made) => {
      const error = discrepancy(api, resource, asked, config, made);
      if (error === undefined) return of(made);
      return failing(resource.update(found.config), error);
    }),
  );
  return concat(required(api, changes), update);
}

function required(api: JetStreamApi, asked: readonly NamedField[]): Observable<never> {
  const features = featuresOf(asked).filter(({ level }) => level > 0);
  return features.length === 0 ? EMPTY : apiLevel(api).require(features);
}

function discrepancy<A extends Described>(
  api: JetStreamApi,
  resource: Resource<A>,
  asked: readonly NamedField[],
  config: WireConfig,
  made: A,
): Error | undefined {
  const [first] = differing(asked, config, made.config);
  if (first === undefined) return undefined;
  // A server keeps a field as it was asked to, or leaves it out: another value was asked for by somebody else, after this.
  if (differing([first], made.config, {}).length > 0) throw new Overtaken('', { cause: resource.refused(first.name) });
  const [feature] = featuresOf([first]);
  if (feature === undefined) return resource.refused(first.name);
  return new UnsupportedByServerError(feature.name, feature.version, api.wire.client.info?.version ?? 'an older one');
}

/** Undoes, and then fails; where undoing fails too, that is the cause. */
function failing(undo: Observable<unknown>, error: Error): Observable<never> {
  return undo.pipe(
    catchError((cause: unknown) => {
      error.cause = cause;
      return of(undefined);
    }),
    map(() => {
      throw error;
    }),
  );
}
