import { Subject } from 'rxjs';
import type { Claim, ClaimResult, DedupeStore } from '../../src/core/dedupe-store.ts';

/** What was done to a {@link recordingStore}, in order: `claim a`, `commit a`, `release a`. */
export type StoreLog = string[];

/** A store that grants every claim at once, and writes down what is done to it. */
export function recordingStore(overrides: Partial<Claim> = {}): DedupeStore & { readonly log: StoreLog } {
  const log: StoreLog = [];
  return {
    log,
    claim(key) {
      log.push(`claim ${key}`);
      return {
        commit() {
          log.push(`commit ${key}`);
          return overrides.commit?.();
        },
        release() {
          log.push(`release ${key}`);
          return overrides.release?.();
        },
      };
    },
  };
}

/** A store that answers when it is told to. */
export interface SlowStore extends DedupeStore {
  readonly log: StoreLog;
  /** The claims that were asked for and not answered, oldest first. */
  readonly asked: readonly string[];
  /** Answers the oldest question about a key, by a claim if nothing else is said. */
  answer(key: string, result?: ClaimResult | Error): void;
}

/** Makes a store whose claims are promises or, if `observable`, Observables. */
export function slowStore(observable = false): SlowStore {
  const inner = recordingStore();
  const asked: { key: string; settle(result: ClaimResult | Error): void }[] = [];

  return {
    log: inner.log,
    get asked() {
      return asked.map(({ key }) => key);
    },
    claim(key) {
      if (observable) {
        const answer = new Subject<ClaimResult>();
        const settle = (result: ClaimResult | Error): void => {
          if (result instanceof Error) answer.error(result);
          else answer.next(result);
          answer.complete();
        };
        asked.push({ key, settle });
        return answer;
      }
      return new Promise<ClaimResult>((resolve, reject) => {
        const settle = (result: ClaimResult | Error) => (result instanceof Error ? reject(result) : resolve(result));
        asked.push({ key, settle });
      });
    },
    answer(key, result) {
      const index = asked.findIndex((question) => question.key === key);
      const [question] = asked.splice(index, 1);
      question?.settle(result ?? (inner.claim(key) as Claim));
    },
  };
}

/** Lets every promise settle that can. */
export function promises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
