export * from './events/index.ts';
export * from './queries/index.ts';
export { type RedriveOptions, redrive } from './redrive.ts';
export { NotClosedError } from './service/not-closed-error.ts';
export type { Drainable, Pipeline, Resource, ServiceParts } from './service/parts.ts';
export { processSignals } from './service/process-signals.ts';
export type { ServiceProgress } from './service/progress.ts';
export type {
  DeliveryTotals,
  PipelineResult,
  ResourceResult,
  ServiceReport,
  StopReason,
  StopStep,
  TransportResult,
} from './service/report.ts';
export { type Service, type ServiceOptions, service } from './service/service.ts';
export * from './sessions/index.ts';
