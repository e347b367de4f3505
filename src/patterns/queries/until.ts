import type { Observable, SchedulerLike } from 'rxjs';
import type { Answer, EndReason } from './answer.ts';

/** Says when enough answers have come: `count`, `stall`, `deadline`, `sentinel`, `quorum`, `predicate`, or your own. */
export interface Until<T = unknown> {
  /** How long it may have to wait, in ms, while nothing comes. `requestMany` gives it that time. */
  readonly patience: number;
  /** Emits the reason when enough has come. It is subscribed to before the request is sent, and sees each answer. */
  watch(answers: Observable<Answer<T>>, scheduler: SchedulerLike): Observable<EndReason<T>>;
}
