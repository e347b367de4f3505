import {
  AsyncSubject,
  asyncScheduler,
  catchError,
  concat,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  type MonoTypeOperatorFunction,
  map,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  of,
  type SchedulerLike,
  throwError,
} from 'rxjs';
import { redriveCount } from '../core/dead-letter-headers.ts';
import { DecoratedDelivery, isLastAttempt } from '../core/decorated-delivery.ts';
import type { Claim, ClaimResult, DedupeStore } from '../core/dedupe-store.ts';
import type { Delivery } from '../core/delivery.ts';
import { AlreadyRunningError, StoreFailedError } from '../core/errors.ts';
import { eventKey } from '../core/event.ts';
import { memoryDedupeStore } from '../core/memory-dedupe-store.ts';
import type { Arrival, Decision } from '../core/outcome.ts';
import { isInput, whenDone } from '../core/when-done.ts';
import { handBack, mapArrivals } from './map-arrivals.ts';

/** Options for {@link dedupe} on deliveries. */
export interface DedupeOptions<T = unknown> {
  /**
   * What makes two deliveries the same event. @defaultValue the event's source and id, and how often it was sent back
   * from a dead-letter stream
   */
  readonly key?: (delivery: Delivery<T>) => string;
  /** How long a delivery goes back for, in ms, while another one of its event is being handled. @defaultValue `1_000` */
  readonly busyDelay?: number;
  /** What becomes of a delivery that cannot be claimed as the store fails: it fails too, or runs all the same. @defaultValue `'fail'` */
  readonly onStoreFailure?: 'fail' | 'run';
  /** Clock for the leases of what waits for the store. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Options for {@link dedupe} on any stream. */
export interface DedupeByOptions<T> {
  /** What makes two values the same. */
  readonly key: (value: T) => string;
  /** How long a value is remembered, in ms. @defaultValue `3_600_000` */
  readonly window?: number;
  /** How many values are remembered at most; about half of them are forgotten at once. @defaultValue `100_000` */
  readonly max?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/**
 * Lets one delivery of an event be handled at a time, and none after one was: claim, run, commit.
 *
 * The claim comes before the handler. The deliveries that come out commit it before they ack or term, and release it
 * before they nak. What was handled before becomes a `skipped` outcome; what is being handled goes back for `busyDelay`.
 * A store that fails to claim makes the delivery `failed` (or lets it run); one that fails to commit does not undo the
 * work: the ack is sent, and the outcome carries a `StoreFailedError` as `settleError`. Order is kept, also when the
 * store takes time. A term commits too: a dead letter's duplicate is a duplicate.
 *
 * With `{ key, window }` in place of a store, drops the repeated values of any stream.
 *
 * @example
 * ```ts
 * deliveries.pipe(dedupe(memoryDedupeStore({ ttl: 600_000 })), handle(charge), settle());
 * ticks.pipe(dedupe({ key: (tick) => tick.symbol, window: 1_000 }));
 * ```
 */
export function dedupe<T>(store: DedupeStore, options?: DedupeOptions<T>): OperatorFunction<Arrival<T>, Arrival<T>>;
export function dedupe<T>(options: DedupeByOptions<T>): MonoTypeOperatorFunction<T>;
export function dedupe<T>(
  storeOrOptions: DedupeStore | DedupeByOptions<T>,
  options: DedupeOptions<T> = {},
): OperatorFunction<Arrival<T>, Arrival<T>> | MonoTypeOperatorFunction<T> {
  if (typeof storeOrOptions !== 'object' || storeOrOptions === null) {
    throw new TypeError("dedupe needs a store with 'claim', or { key }");
  }
  if ('claim' in storeOrOptions) return dedupeDeliveries(storeOrOptions, options);
  if (typeof storeOrOptions.key === 'function') return dedupeValues(storeOrOptions);
  throw new TypeError("dedupe needs a store with 'claim', or { key }");
}

function dedupeValues<T>({ key, window, max, scheduler }: DedupeByOptions<T>): MonoTypeOperatorFunction<T> {
  if (window !== undefined && !(window > 0)) throw new RangeError(`'window' must be above 0 ms, not ${window}`);
  const storeOptions = {
    ...(window === undefined ? {} : { ttl: window }),
    ...(max === undefined ? {} : { max }),
    ...(scheduler === undefined ? {} : { scheduler }),
  };
  memoryDedupeStore(storeOptions); // bad options are an error here, and not when somebody subscribes
  return (source) =>
    new Observable((subscriber) => {
      const store = memoryDedupeStore(storeOptions);
      const isNew = (value: T): boolean => {
        const claim = store.claim(key(value)) as ClaimResult;
        if (typeof claim === 'string') return false;
        void claim.commit();
        return true;
      };
      return source.pipe(filter(isNew)).subscribe(subscriber);
    });
}

function dedupeDeliveries<T>(store: DedupeStore, options: DedupeOptions<T>): OperatorFunction<Arrival<T>, Arrival<T>> {
  const { key = deliveryKey, busyDelay = 1_000, onStoreFailure = 'fail', scheduler = asyncScheduler } = options;
  if (!(busyDelay > 0)) throw new RangeError(`'busyDelay' must be above 0 ms, not ${busyDelay}`);

  function decide(delivery: Delivery<T>, id: string, result: ClaimResult): Verdict {
    if (result === 'duplicate') return { kind: 'skipped', reason: 'duplicate' };
    if (result === 'busy') return wait(delivery, new AlreadyRunningError(id));
    if (isClaim(result)) return result;
    return refuse(id, new TypeError("The store must answer with a claim, 'duplicate' or 'busy'"));
  }

  /** On its last attempt it fails instead: nothing would come again, and the run that has the claim may have lost its lease. */
  function wait(delivery: Delivery<T>, error: AlreadyRunningError): Decision {
    const isLast = delivery.position !== undefined && isLastAttempt(delivery);
    return isLast ? { kind: 'failed', error } : { kind: 'retry', error, delay: busyDelay };
  }

  function refuse(id: string, cause: unknown): Verdict {
    return onStoreFailure === 'run' ? 'run' : { kind: 'failed', error: new StoreFailedError('claim', id, { cause }) };
  }

  function claim(delivery: Delivery<T>, id: string): Verdict | Observable<Verdict> {
    try {
      const answer = store.claim(id);
      if (isClaim(answer)) return answer; // as a rule, and at once
      return isInput<ClaimResult>(answer) ? claimInTime(delivery, id, answer) : decide(delivery, id, answer);
    } catch (error) {
      return refuse(id, error);
    }
  }

  function claimInTime(delivery: Delivery<T>, id: string, answer: ObservableInput<ClaimResult>): Observable<Verdict> {
    return new Observable((subscriber) => {
      const answered = (verdict: Verdict) => {
        if (subscriber.closed && isClaim(verdict)) void verdict.release(); // it came too late for anybody to use it
        subscriber.next(verdict);
        subscriber.complete();
      };
      const work = whenDone<ClaimResult>(
        answer,
        (result = 'busy') => answered(decide(delivery, id, result)),
        (error) => answered(refuse(id, error)),
      );
      return () => work?.unsubscribe();
    });
  }

  function arrival(delivery: Delivery<T>, id: string, verdict: Verdict): Arrival<T> {
    if (verdict === 'run') return delivery;
    return isClaim(verdict) ? new ClaimedDelivery(delivery, verdict, id, claim) : { ...verdict, delivery };
  }

  return mapArrivals<T, T>(
    {
      map(delivery) {
        let id: string;
        try {
          id = key(delivery);
          if (typeof id !== 'string') throw new TypeError(`'key' of dedupe must return a text, not ${String(id)}`);
        } catch (error) {
          return { kind: 'failed', delivery, error };
        }
        const verdict = claim(delivery, id);
        if (!(verdict instanceof Observable)) return arrival(delivery, id, verdict);
        return verdict.pipe(map((answer) => arrival(delivery, id, answer)));
      },
      discard: handBack,
    },
    scheduler,
  );
}

/** What the store makes of a delivery: a claim, or leave to run without one, or what is to become of it instead. */
type Verdict = Claim | 'run' | Decision;

function isClaim(answer: unknown): answer is Claim {
  return typeof answer === 'object' && typeof (answer as Claim | null)?.commit === 'function';
}

function deliveryKey({ event, headers }: Delivery): string {
  const redriven = redriveCount(headers);
  return redriven === 0 ? eventKey(event) : `${eventKey(event)} redriven ${redriven}`;
}

/** A delivery that holds the claim on its event, and gives it up with its settlement, or while it waits for others. */
class ClaimedDelivery<T> extends DecoratedDelivery<T> {
  readonly #key: string;
  readonly #reclaim: (delivery: Delivery<T>, id: string) => Verdict | Observable<Verdict>;
  /** Absent while it waits for others. */
  #claim: Claim | undefined;
  /** While the store takes its time to release what was given up. */
  #releasing: Observable<never> | undefined;
  /** Whether the claim was committed or released for good. */
  #ended = false;
  /** Whether the store takes its time to do so. */
  #pending = false;
  #settling: Observable<void> | undefined;

  constructor(
    inner: Delivery<T>,
    claim: Claim,
    key: string,
    reclaim: (delivery: Delivery<T>, id: string) => Verdict | Observable<Verdict>,
  ) {
    super(inner);
    this.#claim = claim;
    this.#key = key;
    this.#reclaim = reclaim;
  }

  override park(): void {
    if (this.#claim === undefined || this.#ended) return;
    const answer = this.#tell('release');
    this.#claim = undefined;
    if (!isInput(answer)) return;
    const released = new AsyncSubject<never>();
    this.#releasing = released;
    const failed = (cause: unknown) => {
      const failure = this.#failure('release', cause);
      this.#settling = throwError(() => failure);
      released.complete();
    };
    whenDone(answer, () => released.complete(), failed);
  }

  override resume(): Decision | undefined | Observable<Decision | undefined> {
    if (this.#claim !== undefined || this.#ended) return undefined;
    const releasing = this.#releasing;
    if (releasing !== undefined)
      return concat(
        releasing,
        defer(() => inputOf(this.#claimAgain())),
      );
    return this.#claimAgain();
  }

  #claimAgain(): Decision | undefined | Observable<Decision | undefined> {
    const take = (verdict: Verdict): Decision | undefined => {
      if (verdict === 'run') return undefined;
      if (!isClaim(verdict)) return verdict;
      if (this.#ended) void verdict.release();
      else this.#claim = verdict;
      return undefined;
    };
    const verdict = this.#reclaim(this.inner, this.#key);
    return verdict instanceof Observable ? verdict.pipe(map(take)) : take(verdict);
  }

  override get settled(): boolean {
    return this.#pending || this.inner.settled;
  }

  override get settling(): Observable<void> | undefined {
    return this.#settling ?? this.inner.settling;
  }

  override ack(): boolean {
    return this.#settle('commit', () => this.inner.ack());
  }

  override nak(delay?: number): boolean {
    return this.#settle('release', () => this.inner.nak(delay));
  }

  override term(reason?: string): boolean {
    return this.#settle('commit', () => this.inner.term(reason));
  }

  override confirm(): Observable<void> {
    return defer(() => {
      const claim = this.#claim;
      if (this.#ended || claim === undefined) return this.inner.confirm();
      this.#ended = true;
      this.#pending = true;
      let failure: StoreFailedError | undefined;
      const committed = defer(() => inputOf(claim.commit())).pipe(
        catchError((cause: unknown) => {
          failure = this.#failure('commit', cause);
          return EMPTY;
        }),
        ignoreElements(),
      );
      return concat(
        committed,
        this.inner.confirm(),
        defer(() => (failure === undefined ? EMPTY : throwError(() => failure))),
      );
    });
  }

  /**
   * The claim first, so that whoever gets the event next finds it as it is; then the settlement, whatever the store says.
   * The claim ends even if the delivery was settled elsewhere, by a drain or another run's late ack: nobody else ends it.
   */
  #settle(operation: 'commit' | 'release', settle: () => boolean): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    const answer = this.#tell(operation);
    if (!isInput(answer)) return settle();
    if (this.inner.settled) return false;
    const settling = new AsyncSubject<void>();
    this.#pending = true;
    this.#settling = settling;
    whenDone(
      answer,
      () => {
        settle();
        settling.complete();
      },
      (cause) => {
        settle();
        settling.error(this.#failure(operation, cause));
      },
    );
    return true;
  }

  #tell(operation: 'commit' | 'release'): ReturnType<Claim['commit']> {
    try {
      return this.#claim?.[operation]();
    } catch (cause) {
      const failure = this.#failure(operation, cause);
      this.#settling = throwError(() => failure);
      return undefined;
    }
  }

  #failure(operation: 'commit' | 'release', cause: unknown): StoreFailedError {
    return new StoreFailedError(operation, this.#key, { cause });
  }
}

function inputOf<A>(answer: A | undefined | void | ObservableInput<A>): ObservableInput<A | undefined> {
  return isInput<A>(answer as A) ? (answer as ObservableInput<A>) : of(answer as A);
}
