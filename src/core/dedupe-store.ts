import type { ObservableInput } from 'rxjs';

/** The right to handle an event, held by one delivery until it is committed or released. */
export interface Claim {
  /** Remembers the event as handled. */
  commit(): ObservableInput<unknown> | void;
  /** Lets another delivery of the event claim it. */
  release(): ObservableInput<unknown> | void;
}

/** What a store says: the claim, or that the event was handled, or that another delivery holds the claim. */
export type ClaimResult = Claim | 'duplicate' | 'busy';

/**
 * Remembers which events were handled: claim, run, commit.
 *
 * Methods answer at once or through anything that RxJS turns into an Observable. An implementer owes: of several claims
 * of one key at a time, one at most succeeds, over all processes that share the store; a claim that is neither committed
 * nor released, as its process has died, ends after a time.
 */
export interface DedupeStore {
  claim(key: string): ClaimResult | ObservableInput<ClaimResult>;
}
