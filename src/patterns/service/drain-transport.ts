import {
  catchError,
  defer,
  finalize,
  last,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  switchMap,
  take,
  timer,
} from 'rxjs';
import { LONGEST_DELAY } from '../../core/longest-delay.ts';
import { NotClosedError } from './not-closed-error.ts';
import type { Drainable } from './parts.ts';
import type { TransportResult } from './report.ts';

/** Options for {@link drainTransport}. */
export interface DrainTransportOptions {
  /** When the handlers' time is over; emits again when that is to be sooner. */
  readonly deadline$: Observable<number>;
  /** Emits when nothing publishes any more. */
  readonly openUntil: Observable<unknown>;
  /** How much later it must have reported, in ms. */
  readonly closeTime: number;
  readonly scheduler: SchedulerLike;
}

/** How many errors of a transport that does not stop failing are kept. */
const MAX_ERRORS = 100;

/** Drains a transport when subscribed, and emits how that went, be it that it failed or did not end. */
export function drainTransport(transport: Drainable, options: DrainTransportOptions): Observable<TransportResult> {
  const { deadline$, openUntil, closeTime, scheduler } = options;
  const { name } = transport;
  return defer(() => {
    const startedAt = scheduler.now();
    const errors: unknown[] = [];
    const keep = (error: unknown) => {
      if (errors.length < MAX_ERRORS) errors.push(error);
    };
    const told = transport.status$?.subscribe({
      next: (status) => {
        if (status.kind === 'error') keep(status.error);
      },
      error: keep,
    });
    // A later call joins the first, and brings its end forward.
    const drained = deadline$.pipe(
      switchMap((at) => transport.drain({ grace: Math.max(0, at - scheduler.now()), openUntil }).pipe(last())),
    );
    const late = deadline$.pipe(
      switchMap((at) => timer(Math.min(at - scheduler.now() + closeTime, LONGEST_DELAY), scheduler)),
      map(() => {
        throw new NotClosedError(name, `it took more than ${closeTime} ms longer than its handlers had`);
      }),
    );
    return merge(drained, late).pipe(
      take(1),
      catchError((error: unknown) => {
        keep(error);
        return of(undefined);
      }),
      map((report) => ({
        name,
        ...(report === undefined ? {} : { report }),
        errors,
        elapsedMs: scheduler.now() - startedAt,
      })),
      finalize(() => told?.unsubscribe()),
    );
  });
}
