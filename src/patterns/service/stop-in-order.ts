import {
  concat,
  defer,
  from,
  ignoreElements,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  type SchedulerLike,
  switchMap,
  take,
  timer,
} from 'rxjs';
import { LONGEST_DELAY } from '../../core/longest-delay.ts';
import { closeResource } from './close-resource.ts';
import { drainTransport } from './drain-transport.ts';
import type { ServiceParts } from './parts.ts';
import type { StopStep } from './report.ts';
import type { RunningPipelines } from './run-pipelines.ts';

/** Options for {@link stopInOrder}. */
export interface StopOptions {
  /** When the handlers' time is over; emits again when that is to be sooner. */
  readonly deadline$: Observable<number>;
  /** Emits when the resource that is being closed is not to be waited for any longer. */
  readonly forced$: Observable<unknown>;
  readonly closeTime: number;
  readonly scheduler: SchedulerLike;
}

/** Stops the parts of a service when subscribed, emits how each ends, and completes; it never fails. */
export function stopInOrder(
  parts: ServiceParts,
  pipelines: RunningPipelines,
  options: StopOptions,
): Observable<StopStep> {
  const { deadline$, scheduler } = options;
  const transports = new Set(parts.transports); // one that is listed twice is drained once
  const resources = Object.entries(parts.resources ?? {}).reverse();

  const drained = from(transports).pipe(
    mergeMap((transport) => drainTransport(transport, { ...options, openUntil: pipelines.over$ })),
    map((result): StopStep => ({ kind: 'drained', ...result })),
  );
  const timeOver = deadline$.pipe(
    switchMap((at) => timer(Math.min(Math.max(0, at - scheduler.now()), LONGEST_DELAY), scheduler)),
  );
  const ended = defer(() => {
    pipelines.drain();
    return merge(pipelines.over$, timeOver).pipe(take(1), ignoreElements());
  });
  // Not before the transports have taken back what the rest of the pipelines still holds.
  const cut = defer(() => {
    pipelines.cut();
    return from(resources);
  });
  const closed = cut.pipe(
    map(([name, resource]) =>
      concat(
        of<StopStep>({ kind: 'closing', name }),
        closeResource(name, resource, options).pipe(map((result): StopStep => ({ kind: 'closed', ...result }))),
      ),
    ),
    mergeMap((steps) => steps, 1),
  );
  return concat(merge(drained, ended), closed);
}
