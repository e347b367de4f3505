import {
  AsyncSubject,
  asyncScheduler,
  defer,
  isObservable,
  lastValueFrom,
  NEVER,
  Observable,
  ReplaySubject,
  type SchedulerLike,
  Subject,
  Subscription,
} from 'rxjs';
import { atLeast0, oneOf } from '../../core/check-options.ts';
import { checkParts, type ServiceParts } from './parts.ts';
import type { ServiceProgress } from './progress.ts';
import { type PipelineResult, type ServiceReport, type StopReason, type StopStep, serviceReport } from './report.ts';
import { runPipelines } from './run-pipelines.ts';
import { stopInOrder } from './stop-in-order.ts';

/** Options for {@link service}. */
export interface ServiceOptions {
  /** Each value stops the service; from the second one on, they force it. {@link processSignals} is made for it. @defaultValue none */
  readonly stopOn?: Observable<unknown>;
  /** Which pipelines' ends stop it: the first failure, the first end of any kind, or the last end. @defaultValue `'anyFails'`, and the last end */
  readonly stopWhen?: 'anyFails' | 'anyEnds' | 'allEnd';
  /** How long handlers may run on once it stops, in ms. @defaultValue `20_000` */
  readonly grace?: number;
  /** How much longer each transport may take, and then each resource, in ms. @defaultValue `5_000` */
  readonly closeTime?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Pipelines that run and stop together, with what they need. Disposing of it drains it. */
export interface Service extends AsyncDisposable {
  /**
   * Starts the pipelines when subscribed, and emits what happens, with the report in the last value, `done`. It never
   * fails: what went wrong is in the report. Later subscribers join, and see what happened before. When the last one
   * unsubscribes, the service stops by force: the pipelines are unsubscribed at once, and the rest is closed.
   */
  run(): Observable<ServiceProgress>;
  /**
   * Stops the service when subscribed, and emits the report. Later calls join the first; one with a shorter `grace`
   * brings the end forward. A service that is drained before it runs closes what it has, and never starts.
   *
   * @throws RangeError for a `grace` below 0.
   */
  drain(options?: { readonly grace?: number }): Observable<ServiceReport>;
}

/**
 * Runs pipelines as one, and stops them in order.
 *
 * When it stops, all transports stop their intake and hand back what was not started; handlers run on until `grace`, and
 * can still publish through all transports; what runs then is aborted and handed back; the transports send what is left
 * to be sent, and close; the pipelines that have not ended are unsubscribed; the resources are closed, the last one
 * first. Each step has a limit, and none is left out because one before it failed.
 *
 * @example
 * ```ts
 * const app = service(
 *   { pipelines: { billing: deliveries.pipe(consume(charge)) }, transports: [events], resources: { connection } },
 *   { stopOn: processSignals('SIGTERM', 'SIGINT') },
 * );
 * const { report } = await lastValueFrom(app.run().pipe(filter((progress) => progress.kind === 'done')));
 * process.exitCode = report.ok ? 0 : 1;
 * ```
 */
export function service(parts: ServiceParts, options: ServiceOptions = {}): Service {
  const { stopOn = NEVER, stopWhen = 'anyFails', closeTime = 5_000, scheduler = asyncScheduler } = options;
  const { grace: usualGrace = 20_000 } = options;
  checkParts(parts);
  if (!isObservable(stopOn)) throw new TypeError("'stopOn' must be an Observable: processSignals('SIGTERM') is one");
  oneOf('stopWhen', stopWhen, ['anyFails', 'anyEnds', 'allEnd']);
  atLeast0('grace', usualGrace);
  atLeast0('closeTime', closeTime);
  const pipelines = runPipelines(parts.pipelines, pipelineEnded);
  const progress = new ReplaySubject<ServiceProgress>(); // as many values as there are parts
  const reported = new AsyncSubject<ServiceReport>();
  /** When the handlers' time is over. */
  const deadline = new ReplaySubject<number>(1);
  const forces = new Subject<void>();
  const stops = new Subscription();
  let deadlineAt = Number.POSITIVE_INFINITY;
  let listeners = 0;
  let signals = 0;
  let phase: 'new' | 'running' | 'stopping' | 'done' = 'new';
  let forced = false;

  function start(): void {
    if (phase !== 'new') return;
    phase = 'running';
    stops.add(stopOn.subscribe({ next: signalled, error: signalled }));
    pipelines.start();
    if (isRunning()) progress.next({ kind: 'started', pipelines: pipelines.names });
  }

  function isRunning(): boolean {
    return phase === 'running';
  }

  function pipelineEnded({ name: pipeline, end, error }: PipelineResult): void {
    const how: StopReason =
      end === 'failed' ? { kind: 'pipelineFailed', pipeline, error } : { kind: 'pipelineCompleted', pipeline };
    progress.next(how);
    const suffices = stopWhen === 'anyEnds' || (stopWhen === 'anyFails' && end === 'failed');
    if (isRunning() && (suffices || pipelines.left === 0)) stop(how, usualGrace);
  }

  function signalled(value: unknown): void {
    signals += 1;
    if (signals === 1) stop({ kind: 'stopOn', value }, usualGrace);
    else force({ kind: 'stopOn', value });
  }

  /** Stops it without giving it time; what it waits for already is waited for no longer. */
  function force(reason: StopReason): void {
    if (phase === 'done') return;
    forced = true;
    if (phase === 'stopping') {
      progress.next({ kind: 'forced', reason });
      forces.next();
    }
    stop(reason, 0);
  }

  /** Stops it, or brings the end of a stop forward. */
  function stop(reason: StopReason, grace: number): void {
    const startedAt = scheduler.now();
    if (phase === 'stopping') endBy(startedAt + grace);
    if (phase === 'stopping' || phase === 'done') return;
    phase = 'stopping';
    const steps: StopStep[] = [];
    progress.next({ kind: 'draining', reason, grace });
    endBy(startedAt + grace);
    stopInOrder(parts, pipelines, { deadline$: deadline, forced$: forces, closeTime, scheduler }).subscribe({
      next(step) {
        steps.push(step);
        progress.next(step);
      },
      complete() {
        phase = 'done';
        stops.unsubscribe();
        const elapsedMs = scheduler.now() - startedAt;
        const report = serviceReport({ reason, forced, pipelines: pipelines.results, steps, elapsedMs });
        reported.next(report);
        reported.complete();
        progress.next({ kind: 'done', report });
        progress.complete();
      },
    });
  }

  function endBy(at: number): void {
    if (at > deadlineAt) return;
    deadlineAt = at;
    deadline.next(at);
  }

  function drain({ grace }: { readonly grace?: number } = {}): Observable<ServiceReport> {
    if (grace !== undefined) atLeast0('grace', grace);
    return defer(() => {
      if (phase !== 'stopping' || grace !== undefined) stop({ kind: 'asked' }, grace ?? usualGrace);
      return reported;
    });
  }

  function leave(): void {
    if (phase === 'done') return;
    pipelines.cut();
    force({ kind: 'unsubscribed' });
  }

  return {
    drain,
    run: () =>
      new Observable((subscriber) => {
        listeners += 1;
        const joined = progress.subscribe(subscriber);
        if (!subscriber.closed) start();
        return () => {
          joined.unsubscribe();
          listeners -= 1;
          if (listeners === 0) leave();
        };
      }),
    [Symbol.asyncDispose]: async () => {
      await lastValueFrom(drain());
    },
  };
}
