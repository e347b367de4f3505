import { defer, filter, map, type Observable, scan, skip, switchMap, take, timer } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import { BufferOverflowError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { agreementKey } from './agreement-key.ts';
import { type Answer, type AnswerCounts, counted, type EndReason, NO_ANSWERS } from './answer.ts';
import type { Until } from './until.ts';

/** The longest time that somebody waits for an answer, in ms. */
export const LONGEST_WAIT = 600_000;

/** How many replies `quorum` keeps to compare. */
const COMPARED = 10_000;

/**
 * Ends with the `n`th reply.
 *
 * @throws RangeError unless `n` is a whole number of at least 1.
 */
export function count<T = unknown>(n: number): Until<T> {
  wholeNumber('n', n);
  return whenCounted((answers) => answers.pipe(filter(isReply), skip(n - 1)), { kind: 'count', count: n });
}

/**
 * Ends when nothing has come for `silence` ms after an answer. It does not wait for the first one: where that does not
 * come, the request times out.
 *
 * @throws RangeError unless `silence` is above 0 and below 600 000.
 */
export function stall<T = unknown>(silence: number): Until<T> {
  checkTime('silence', silence);
  return {
    patience: silence,
    watch: (answers, scheduler) =>
      answers.pipe(
        switchMap(() => timer(silence, scheduler)),
        map(() => ({ kind: 'stall', silence })),
      ),
  };
}

/**
 * Ends `time` ms after the request was sent, whatever has come until then, if anything.
 *
 * @throws RangeError unless `time` is above 0 and below 600 000.
 */
export function deadline<T = unknown>(time: number): Until<T> {
  checkTime('time', time);
  return {
    patience: time,
    watch: (_, scheduler) => timer(time, scheduler).pipe(map(() => ({ kind: 'deadline', time }))),
  };
}

/**
 * Ends when that many responders have said that they have sent all, or have failed. One that dies before says neither, and
 * a raw client may not, so another terminator beside it is wise where several are asked.
 *
 * @throws RangeError unless `responders` is a whole number of at least 1.
 */
export function sentinel<T = unknown>(responders = 1): Until<T> {
  wholeNumber('responders', responders);
  return whenCounted((answers) => answers.pipe(filter(isEnd), skip(responders - 1)), { kind: 'sentinel', responders });
}

/**
 * Ends with the reply that makes `n` of them agree, and says which those are.
 *
 * Replies agree whose data are equal by value, or that for which `by` returns what is equal by value: a version,
 * a checksum. Each reply counts, so ask those who send one each. Where they may fail to agree, another terminator must
 * end it; after 10 000 replies without a quorum the request fails with a `BufferOverflowError`.
 *
 * @throws RangeError unless `n` is a whole number of at least 1.
 */
export function quorum<T = unknown>(n: number, by: (event: Event<T>) => unknown = ({ data }) => data): Until<T> {
  wholeNumber('n', n);
  return {
    patience: 0,
    watch: (answers) =>
      defer(() => {
        const groups = new Map<string, Event<T>[]>();
        let compared = 0;
        return answers.pipe(
          filter(isReply),
          map(({ event }) => {
            if (compared >= COMPARED) throw new BufferOverflowError('What a quorum compares', COMPARED);
            compared += 1;
            const key = agreementKey(by(event));
            const group = groups.get(key) ?? [];
            groups.set(key, group);
            group.push(event);
            return group;
          }),
          filter(({ length }) => length >= n),
          take(1),
          map((agreed): EndReason<T> => ({ kind: 'quorum', agreed })),
        );
      }),
  };
}

/**
 * Ends with the first answer for which `enough` returns true; it is given all answers, and the counts with them. What it
 * throws fails the request.
 */
export function predicate<T = unknown>(enough: (answer: Answer<T>, counts: AnswerCounts) => boolean): Until<T> {
  const isEnough = (answers: Observable<Answer<T>>) =>
    answers.pipe(
      scan(([, counts], answer) => [answer, counted(counts, answer)] as const, [
        undefined as Answer<T> | undefined,
        NO_ANSWERS,
      ] as const),
      filter(([answer, counts]) => answer !== undefined && enough(answer, counts)),
    );
  return whenCounted(isEnough, { kind: 'predicate' });
}

function whenCounted<T>(
  enough: (answers: Observable<Answer<T>>) => Observable<unknown>,
  reason: EndReason<T>,
): Until<T> {
  return {
    patience: 0,
    watch: (answers) =>
      enough(answers).pipe(
        take(1),
        map(() => reason),
      ),
  };
}

function isReply<T>(answer: Answer<T>): answer is Extract<Answer<T>, { kind: 'reply' }> {
  return answer.kind === 'reply';
}

function isEnd({ kind }: Answer): boolean {
  return kind === 'ended' || kind === 'failed';
}

function checkTime(field: string, time: number): void {
  if (!(time > 0 && time < LONGEST_WAIT)) {
    throw new RangeError(`'${field}' must be above 0 and below ${LONGEST_WAIT} ms, not ${time}`);
  }
}
