import {
  catchError,
  concat,
  defer,
  EMPTY,
  from,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  take,
  timer,
} from 'rxjs';
import { LONGEST_DELAY } from '../../core/longest-delay.ts';
import { isInput } from '../../core/when-done.ts';
import { NotClosedError } from './not-closed-error.ts';
import { isDisposable, type Resource } from './parts.ts';
import type { ResourceResult } from './report.ts';

/** Options for {@link closeResource}. */
export interface CloseResourceOptions {
  /** How long it is waited for, in ms. */
  readonly closeTime: number;
  /** Emits when it is not to be waited for any longer. */
  readonly forced$: Observable<unknown>;
  readonly scheduler: SchedulerLike;
}

/** Closes a resource when subscribed, and emits how that went, be it that it failed or did not end. */
export function closeResource(
  name: string,
  resource: Resource,
  { closeTime, forced$, scheduler }: CloseResourceOptions,
): Observable<ResourceResult> {
  return defer(() => {
    const startedAt = scheduler.now();
    const giveUp = (reason: string) => () => {
      throw new NotClosedError(name, reason);
    };
    return merge(
      concat(defer(() => closing(resource)).pipe(ignoreElements()), of({ ok: true })),
      timer(Math.min(closeTime, LONGEST_DELAY), scheduler).pipe(map(giveUp(`it took more than ${closeTime} ms`))),
      forced$.pipe(map(giveUp('the stop was forced'))),
    ).pipe(
      take(1),
      catchError((error: unknown) => of({ ok: false, error })),
      map((end) => ({ name, ...end, elapsedMs: scheduler.now() - startedAt })),
    );
  });
}

function closing(resource: Resource): Observable<unknown> {
  const result: unknown = isDisposable(resource) ? resource[Symbol.asyncDispose]() : resource.close();
  return isInput(result) ? from(result) : EMPTY;
}
