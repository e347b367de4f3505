import type { Claim } from '../core/dedupe-store.ts';
import type { Decision } from '../core/outcome.ts';

/** What the store makes of a delivery: a claim, or leave to run without one, or what is to become of it instead. */
export type Verdict = Claim | 'run' | Decision;

/** Tells a claim from everything else that a store, or what asked it, may say. */
export function isClaim(answer: unknown): answer is Claim {
  return typeof answer === 'object' && typeof (answer as Claim | null)?.commit === 'function';
}
