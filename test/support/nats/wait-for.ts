import { setTimeout } from 'node:timers/promises';

/** Options for {@link until}. */
export interface UntilOptions {
  /** How long to go on asking. @defaultValue 10,000 */
  readonly deadline?: number;
  /** The time between two questions. @defaultValue 20 */
  readonly interval?: number;
  /** What is waited for, for the error; a function is called when the time is up, and can say how things stand. */
  readonly describe?: string | (() => string);
}

/**
 * Asks until the answer is truthy, and resolves to it.
 *
 * A condition that throws or rejects has not answered yet; what it last failed with is the cause of the error that comes
 * when the time is up. A question that is never answered counts against the deadline too.
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
  const { deadline = 10_000, interval = 20, describe = () => condition.toString() } = options;
  const timer = new AbortController();
  const late = setTimeout(deadline, 'late', { signal: timer.signal }).catch(() => 'late' as const);
  const end = performance.now() + deadline;
  let cause: unknown;
  try {
    do {
      try {
        const answer = await Promise.race([Promise.resolve(condition()).then((value) => ({ value })), late]);
        if (answer === 'late') break;
        if (typeof answer === 'object' && answer.value) return answer.value;
        cause = undefined;
      } catch (error) {
        cause = error;
      }
      await setTimeout(interval);
    } while (performance.now() < end);
  } finally {
    timer.abort();
  }
  const what = typeof describe === 'string' ? describe : describe();
  throw new Error(`Waited ${deadline} ms in vain for: ${what}`, { cause });
}
