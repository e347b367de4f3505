import { type Backoff, STOP } from '../core/backoff.ts';

/**
 * Asks a policy, and holds it to its word: what is neither a delay that can end nor STOP is an error, since nothing that
 * waited for it would ever come back.
 */
export function askBackoff(backoff: Backoff, attempt: number, elapsed: number): number | typeof STOP {
  const delay = backoff(attempt, elapsed);
  if (delay === STOP || Number.isFinite(delay)) return delay;
  throw new RangeError(`A backoff policy must return a delay in ms or STOP, not ${String(delay)}`);
}
