import { asyncScheduler, Observable, type SchedulerLike, Subject } from 'rxjs';
import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Requester, RequestOptions } from '../../core/transport.ts';
import { observe } from '../../operators/observe.ts';
import { type Answer, type AnswersEnd, counted, type EndReason, NO_ANSWERS } from './answer.ts';
import { anyOf } from './combined-until.ts';
import { LONGEST_WAIT } from './terminators.ts';
import type { Until } from './until.ts';

/** Options for {@link requestMany}. */
export interface RequestManyOptions<T = unknown> {
  /** When enough has come; of several, the first that says so. */
  readonly until: Until<T> | readonly Until<T>[];
  /** Where the request travels. @defaultValue the transport's mapping: prefix, `.`, type */
  readonly address?: string;
  readonly headers?: MessageHeaders;
  /**
   * Time to wait, in ms, for the first answer and then between answers; at most 600 000.
   *
   * @defaultValue `5_000`, or 1 s more than `stall` and `deadline` in `until` may have to wait
   */
  readonly timeout?: number;
  /** Clock for `until`. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

const DEFAULT_TIMEOUT = 5_000;

/** How much longer than a terminator the request waits, in ms, so that the terminator is the first to say that it is over. */
const MARGIN = 1_000;

/**
 * Asks all who listen at an address when subscribed, and emits what each answers as it comes, until enough has come; the
 * last value, `end`, says why that is and how much it was.
 *
 * A responder that fails is a value, and ends none of the others. Nothing is kept: a reply is emitted, counted and
 * forgotten, but for what `quorum` compares. What comes after the end is a drop, which the transport counts and tells.
 *
 * Fails with `NoRespondersError` at once where nobody listens, with `RequestTimeoutError` when nothing has come for
 * `timeout` and `until` has not said that it is enough, with whatever else the request fails with, and with what a terminator throws.
 * Unsubscribing tells the responders, as the end does.
 *
 * @example
 * ```ts
 * requestMany(transport, createEvent({ type: 'prices.get' }), { until: [quorum(3), deadline(2_000)] }).subscribe((answer) => {
 *   if (answer.kind === 'reply') console.log(answer.event.data);
 *   if (answer.kind === 'end') console.log(answer.reason, `after ${answer.replies} replies`);
 * });
 * ```
 *
 * @throws RangeError for a bad `timeout`, TypeError when `until` is empty.
 */
export function requestMany<T = unknown>(
  requester: Requester,
  event: Event,
  options: RequestManyOptions<T>,
): Observable<Answer<T> | AnswersEnd<T>> {
  const { until, address, headers, scheduler = asyncScheduler } = options;
  const enough = isList(until) ? anyOf(...until) : until;
  const { timeout = Math.max(DEFAULT_TIMEOUT, Math.min(enough.patience + MARGIN, LONGEST_WAIT)) } = options;
  if (!(timeout > 0 && timeout <= LONGEST_WAIT)) {
    throw new RangeError(`'timeout' must be above 0 and at most ${LONGEST_WAIT} ms, not ${timeout}`);
  }
  const asking: RequestOptions = {
    timeout,
    ...(address === undefined ? {} : { address }),
    ...(headers === undefined ? {} : { headers }),
  };

  return new Observable((subscriber) => {
    const answers = new Subject<Answer<T>>();
    let counts = NO_ANSWERS;

    function take(answer: Answer<T>): void {
      if (subscriber.closed) return;
      counts = counted(counts, answer);
      subscriber.next(answer);
      answers.next(answer);
    }

    function end(reason: EndReason<T>): void {
      subscriber.next({ kind: 'end', reason, ...counts });
      subscriber.complete();
    }

    const fail = (error: unknown) => subscriber.error(error);
    subscriber.add(enough.watch(answers, scheduler).subscribe({ next: end, error: fail }));
    if (subscriber.closed) return;
    observe(requester.request<T>(event, { ...asking, many: true, notice: take }), subscriber, {
      next: (reply) => take({ kind: 'reply', event: reply }),
      error: fail,
      complete: () => end({ kind: 'completed' }),
    });
  });
}

function isList<T>(until: Until<T> | readonly Until<T>[]): until is readonly Until<T>[] {
  return Array.isArray(until);
}
