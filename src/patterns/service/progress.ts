import type { ServiceReport, StopReason, StopStep } from './report.ts';

/** What happens to a service, as it happens. A discriminated union: switch on `kind`. */
export type ServiceProgress =
  /** All pipelines are subscribed. */
  | { readonly kind: 'started'; readonly pipelines: readonly string[] }
  | { readonly kind: 'pipelineCompleted'; readonly pipeline: string }
  | { readonly kind: 'pipelineFailed'; readonly pipeline: string; readonly error: unknown }
  /** It begins to stop: handlers have `grace` ms. */
  | { readonly kind: 'draining'; readonly reason: StopReason; readonly grace: number }
  /** What it still waited for is waited for no longer. */
  | { readonly kind: 'forced'; readonly reason: StopReason }
  | StopStep
  | { readonly kind: 'done'; readonly report: ServiceReport };
