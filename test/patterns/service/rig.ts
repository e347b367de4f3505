import { consume, type Handler, type Outcome, type Service, type ServiceProgress, type ServiceReport } from 'millrace';
import type { MemoryTransport } from 'millrace/memory';
import type { Observable } from 'rxjs';
import { type MemoryRig, memoryRig } from '../../support/memory-rig.ts';

/** What a service said, as it came. */
export interface Followed {
  readonly progress: readonly ServiceProgress[];
  /** What happened, in words: `closed pool`. */
  readonly words: readonly string[];
  readonly completed: boolean;
  /** The last value's report; throws where it is not the last value. */
  readonly report: ServiceReport;
  leave(): void;
}

/** Runs a service, and keeps what it says. */
export function follow(app: Service): Followed {
  const progress: ServiceProgress[] = [];
  let completed = false;
  const subscription = app.run().subscribe({
    next: (value) => progress.push(value),
    complete: () => (completed = true),
  });
  return {
    progress,
    get words() {
      return progress.map(inWords);
    },
    get completed() {
      return completed;
    },
    get report() {
      const last = progress.at(-1);
      if (last?.kind !== 'done' || !completed) throw new Error(`It is not done: ${progress.map(inWords).join(', ')}`);
      return last.report;
    },
    leave: () => subscription.unsubscribe(),
  };
}

/** Subscribes to a drain, and keeps its reports. */
export function reportsOf(drain: Observable<ServiceReport>): readonly ServiceReport[] {
  const reports: ServiceReport[] = [];
  drain.subscribe((report) => reports.push(report));
  return reports;
}

function inWords(progress: ServiceProgress): string {
  switch (progress.kind) {
    case 'pipelineCompleted':
    case 'pipelineFailed':
      return `${progress.kind} ${progress.pipeline}`;
    case 'drained':
    case 'closing':
    case 'closed':
      return `${progress.kind} ${progress.name}`;
    default:
      return progress.kind;
  }
}

/** A stream with a consumer in virtual time, and the pipelines that read it. */
export interface ServiceRig extends MemoryRig {
  /** A pipeline on a transport, with two handlers at a time. */
  pipeline<T>(handler: Handler<unknown, T>, transport?: MemoryTransport, prefetch?: number): Observable<Outcome>;
}

export function serviceRig(): ServiceRig {
  const rig = memoryRig({ ackWait: 30_000 });
  return {
    ...rig,
    pipeline: (handler, transport = rig.transport, prefetch = 8) =>
      transport
        .subscribe({ stream: 'SHOP', consumer: 'billing', prefetch })
        .pipe(consume(handler, { concurrency: 2, scheduler: rig.time })),
  };
}
