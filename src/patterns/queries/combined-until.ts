import { combineLatest, map, merge, take } from 'rxjs';
import type { Until } from './until.ts';

/**
 * Ends with the first of several terminators that says so, and with its reason. A list of them is the same.
 *
 * @throws TypeError when there is none.
 */
export function anyOf<T = unknown>(...terminators: readonly Until<T>[]): Until<T> {
  return {
    patience: longest(terminators),
    watch: (answers, scheduler) => merge(...terminators.map((until) => until.watch(answers, scheduler))).pipe(take(1)),
  };
}

/**
 * Ends when each of several terminators has said so, whatever comes afterwards: the reason holds theirs, in their order.
 *
 * @throws TypeError when there is none.
 */
export function allOf<T = unknown>(...terminators: readonly Until<T>[]): Until<T> {
  return {
    patience: longest(terminators),
    watch: (answers, scheduler) =>
      combineLatest(terminators.map((until) => until.watch(answers, scheduler).pipe(take(1)))).pipe(
        map((reasons) => ({ kind: 'allOf', reasons })),
      ),
  };
}

function longest(terminators: readonly { readonly patience: number }[]): number {
  if (terminators.length === 0) throw new TypeError('There must be at least one terminator, such as count(3)');
  return Math.max(...terminators.map(({ patience }) => patience));
}
