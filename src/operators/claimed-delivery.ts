import {
  AsyncSubject,
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  map,
  Observable,
  type ObservableInput,
  of,
  throwError,
} from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Claim } from '../core/dedupe-store.ts';
import type { Delivery } from '../core/delivery.ts';
import { StoreFailedError } from '../core/errors.ts';
import type { Decision } from '../core/outcome.ts';
import { isInput, whenDone } from '../core/when-done.ts';
import { isClaim, type Verdict } from './claim-verdict.ts';
import type { Claiming } from './claiming.ts';

/** A delivery that holds the claim on its event, and gives it up with its settlement, or while it waits for others. */
export class ClaimedDelivery<T> extends DecoratedDelivery<T> {
  readonly #key: string;
  readonly #reclaim: Claiming;
  /** Absent while it waits for others. */
  #claim: Claim | undefined;
  /** While the store takes its time to release what was given up. */
  #releasing: Observable<never> | undefined;
  /** Whether the claim was committed or released for good. */
  #ended = false;
  /** Whether the store takes its time to do so. */
  #pending = false;
  #settling: Observable<void> | undefined;

  constructor(inner: Delivery<T>, claim: Claim, key: string, reclaim: Claiming) {
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
