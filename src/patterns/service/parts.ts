import { isObservable, type Observable } from 'rxjs';
import type { Status } from '../../core/status.ts';
import type { DrainOptions, DrainReport } from '../../core/transport.ts';

/**
 * What a service runs: subscribed when it starts. What it emits is not looked at.
 *
 * The pipelines of a transport complete when it drains. One that would go on, such as an interval, is a function of what
 * emits when the service begins to stop, and ends itself with `takeUntil`.
 */
export type Pipeline = Observable<unknown> | ((draining: Observable<void>) => Observable<unknown>);

/** What a service drains: any transport. */
export interface Drainable {
  readonly name: string;
  readonly status$?: Observable<Status>;
  drain(options?: DrainOptions): Observable<DrainReport>;
}

/** What a service closes when nothing uses it any more: a connection, a database pool, an HTTP server. */
export type Resource = AsyncDisposable | { close(): unknown };

/** What a service is made of. The names of pipelines and resources are those of the report. */
export interface ServiceParts {
  readonly pipelines: Readonly<Record<string, Pipeline>>;
  /** Every transport that the pipelines use, in any order: they stop together. @defaultValue none */
  readonly transports?: readonly Drainable[];
  /**
   * Closed one after the other, the last one first, when all transports are closed. `Symbol.asyncDispose` is called
   * where there is one, and `close` elsewhere; what that returns is waited for if it takes time: a promise, an
   * Observable. @defaultValue none
   */
  readonly resources?: Readonly<Record<string, Resource>>;
}

/** Checks what a service is made of. */
export function checkParts({ pipelines, transports = [], resources = {} }: ServiceParts): void {
  if (typeof pipelines !== 'object' || pipelines === null)
    throw new TypeError("'pipelines' must be an object of Observables, each under its name");
  for (const [name, pipeline] of Object.entries(pipelines)) {
    if (!isObservable(pipeline) && typeof pipeline !== 'function')
      throw new TypeError(`'pipelines.${name}' must be an Observable, or a function that returns one`);
  }
  for (const [index, transport] of transports.entries()) {
    if (typeof transport?.drain !== 'function') throw new TypeError(`'transports[${index}]' has no 'drain'`);
  }
  for (const [name, resource] of Object.entries(resources)) {
    if (!isDisposable(resource) && typeof resource?.close !== 'function')
      throw new TypeError(
        `'resources.${name}' has neither 'close' nor Symbol.asyncDispose; wrap it: { close: () => … }`,
      );
  }
}

/** Whether a resource is closed by `Symbol.asyncDispose`. */
export function isDisposable(resource: Resource): resource is AsyncDisposable {
  return typeof (resource as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose] === 'function';
}
