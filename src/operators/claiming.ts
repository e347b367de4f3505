import { Observable, type ObservableInput } from 'rxjs';
import { isLastAttempt } from '../core/decorated-delivery.ts';
import type { ClaimResult, DedupeStore } from '../core/dedupe-store.ts';
import type { Delivery } from '../core/delivery.ts';
import { AlreadyRunningError, StoreFailedError } from '../core/errors.ts';
import type { Decision } from '../core/outcome.ts';
import { isInput, whenDone } from '../core/when-done.ts';
import { isClaim, type Verdict } from './claim-verdict.ts';

/** Claims the event of a delivery, at once or in time. A failure, too, is a verdict: it never throws, nor fails. */
export type Claiming = (delivery: Delivery, id: string) => Verdict | Observable<Verdict>;

/** What follows from the answers of a store that are no claim. */
export interface ClaimingOptions {
  readonly busyDelay: number;
  readonly onStoreFailure: 'fail' | 'run';
}

/** Makes the function that asks a store. */
export function claiming(store: DedupeStore, { busyDelay, onStoreFailure }: ClaimingOptions): Claiming {
  function decide(delivery: Delivery, id: string, result: ClaimResult): Verdict {
    if (result === 'duplicate') return { kind: 'skipped', reason: 'duplicate' };
    if (result === 'busy') return wait(delivery, new AlreadyRunningError(id));
    if (isClaim(result)) return result;
    return refuse(id, new TypeError("The store must answer with a claim, 'duplicate' or 'busy'"));
  }

  /** On its last attempt it fails instead: nothing would come again, and the run that has the claim may have lost its lease. */
  function wait(delivery: Delivery, error: AlreadyRunningError): Decision {
    const isLast = delivery.position !== undefined && isLastAttempt(delivery);
    return isLast ? { kind: 'failed', error } : { kind: 'retry', error, delay: busyDelay };
  }

  function refuse(id: string, cause: unknown): Verdict {
    return onStoreFailure === 'run' ? 'run' : { kind: 'failed', error: new StoreFailedError('claim', id, { cause }) };
  }

  function claim(delivery: Delivery, id: string): Verdict | Observable<Verdict> {
    try {
      const answer = store.claim(id);
      if (isClaim(answer)) return answer; // as a rule, and at once
      return isInput<ClaimResult>(answer) ? claimInTime(delivery, id, answer) : decide(delivery, id, answer);
    } catch (error) {
      return refuse(id, error);
    }
  }

  function claimInTime(delivery: Delivery, id: string, answer: ObservableInput<ClaimResult>): Observable<Verdict> {
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

  return claim;
}
