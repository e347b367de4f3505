import { ledger } from '../../core/ledger.ts';
import type { DrainReport } from '../../core/transport.ts';

/** Why a service stopped. */
export type StopReason =
  /** Its `drain` was called. */
  | { readonly kind: 'asked' }
  /** `stopOn` emitted a value, a signal say, or failed: then `value` is the error. */
  | { readonly kind: 'stopOn'; readonly value: unknown }
  | { readonly kind: 'pipelineFailed'; readonly pipeline: string; readonly error: unknown }
  /** The last pipeline has ended, or with `stopWhen: 'anyEnds'` the first one. */
  | { readonly kind: 'pipelineCompleted'; readonly pipeline: string }
  /** Nobody listens to its progress any more. */
  | { readonly kind: 'unsubscribed' };

/** How a pipeline ended. */
export interface PipelineResult {
  readonly name: string;
  /** `'cut'`: it had not ended when `grace` was over, or was forced to, and was unsubscribed. */
  readonly end: 'completed' | 'failed' | 'cut' | 'notStarted';
  readonly error?: unknown;
}

/** How a transport ended. */
export interface TransportResult {
  readonly name: string;
  /** Absent where the transport did not report in time. */
  readonly report?: DrainReport;
  /** What went wrong while it drained; of very many, the first. */
  readonly errors: readonly unknown[];
  readonly elapsedMs: number;
}

/** How a resource ended. */
export interface ResourceResult {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: unknown;
  readonly elapsedMs: number;
}

/** The deliveries of all transports, summed up. */
export type DeliveryTotals = Omit<DrainReport, 'elapsedMs'>;

/** What became of a service, once it has stopped. */
export interface ServiceReport {
  /** Whether everything ended as it should: nothing failed, was cut, abandoned or forced. */
  readonly ok: boolean;
  readonly reason: StopReason;
  /** Whether it was not given the time that it was to have: by a second signal, or by unsubscribing. */
  readonly forced: boolean;
  readonly pipelines: readonly PipelineResult[];
  /** In the order in which they were done. */
  readonly transports: readonly TransportResult[];
  /** Sums over the transports: `received` is the sum of the six counts below it. */
  readonly total: DeliveryTotals;
  /** In the order in which they were closed. */
  readonly resources: readonly ResourceResult[];
  /** How long stopping took, in ms. */
  readonly elapsedMs: number;
}

/** What happens while the parts of a service are stopped. */
export type StopStep =
  | ({ readonly kind: 'drained' } & TransportResult)
  | { readonly kind: 'closing'; readonly name: string }
  | ({ readonly kind: 'closed' } & ResourceResult);

/** What a report is made of. */
export interface ReportParts extends Pick<ServiceReport, 'reason' | 'forced' | 'pipelines' | 'elapsedMs'> {
  readonly steps: readonly StopStep[];
}

/** Makes the report out of what became of the parts. */
export function serviceReport({ reason, forced, pipelines, steps, elapsedMs }: ReportParts): ServiceReport {
  const transports: TransportResult[] = [];
  const resources: ResourceResult[] = [];
  for (const { kind, ...result } of steps) {
    if (kind === 'drained') transports.push(result as TransportResult);
    else if (kind === 'closed') resources.push(result as ResourceResult);
  }
  const total = totals(transports);
  const ok =
    !forced &&
    total.abandoned === 0 &&
    pipelines.every(({ end }) => end === 'completed' || end === 'notStarted') &&
    transports.every(({ report, errors }) => report !== undefined && errors.length === 0) &&
    resources.every((resource) => resource.ok);
  return { ok, reason, forced, pipelines, transports, total, resources, elapsedMs };
}

function totals(transports: readonly TransportResult[]): DeliveryTotals {
  const total = ledger();
  for (const { report } of transports) {
    if (report === undefined) continue;
    for (const field of Object.keys(total) as (keyof DeliveryTotals)[]) total[field] += report[field];
  }
  return total;
}
