import { AsyncSubject, type Observable, Subject, type Subscription } from 'rxjs';
import type { Pipeline } from './parts.ts';
import type { PipelineResult } from './report.ts';

/** The pipelines of a service, and what became of each. */
export interface RunningPipelines {
  readonly names: readonly string[];
  readonly results: readonly PipelineResult[];
  /** How many have not ended, or not begun. */
  readonly left: number;
  /** Emits when none runs, and none is to begin. */
  readonly over$: Observable<void>;
  /** Subscribes to them, one after the other, unless they are to stop. */
  start(): void;
  /** Tells those that want to know that the service stops; what has not begun does not begin. */
  drain(): void;
  /** Unsubscribes what still runs. */
  cut(): void;
}

/** Runs pipelines; `ended` is called with each that completes or fails. */
export function runPipelines(
  pipelines: Readonly<Record<string, Pipeline>>,
  ended: (result: PipelineResult) => void,
): RunningPipelines {
  const names = Object.keys(pipelines);
  const results = new Map<string, PipelineResult>(names.map((name) => [name, { name, end: 'notStarted' }]));
  const running = new Map<string, Subscription | undefined>();
  const draining = new Subject<void>();
  const over = new AsyncSubject<void>();
  let left = names.length;
  let stopping = false;

  function begin(name: string, pipeline: Pipeline): void {
    running.set(name, undefined);
    const failed = (error: unknown) => end({ name, end: 'failed', error });
    try {
      const source = typeof pipeline === 'function' ? pipeline(draining.asObservable()) : pipeline;
      const subscription = source.subscribe({ error: failed, complete: () => end({ name, end: 'completed' }) });
      if (running.has(name)) running.set(name, subscription);
      else subscription.unsubscribe();
    } catch (error) {
      failed(error);
    }
  }

  function end(result: PipelineResult): void {
    if (!running.delete(result.name)) return;
    left -= 1;
    results.set(result.name, result);
    ended(result);
    tellWhenOver();
  }

  function tellWhenOver(): void {
    if (!stopping || running.size > 0) return;
    over.next();
    over.complete();
  }

  return {
    names,
    get results() {
      return [...results.values()];
    },
    get left() {
      return left;
    },
    over$: over,
    start() {
      for (const [name, pipeline] of Object.entries(pipelines)) if (!stopping) begin(name, pipeline);
    },
    drain() {
      stopping = true;
      draining.next();
      draining.complete();
      tellWhenOver();
    },
    cut() {
      for (const [name, subscription] of [...running].reverse()) {
        running.delete(name);
        results.set(name, { name, end: 'cut' });
        try {
          subscription?.unsubscribe();
        } catch (error) {
          results.set(name, { name, end: 'cut', error });
        }
      }
      tellWhenOver();
    },
  };
}
