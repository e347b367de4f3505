import { type Backoff, delays, STOP } from '../../core/backoff.ts';
import { wholeNumber } from '../../core/check-options.ts';
import type { Event } from '../../core/event.ts';
import type { PublishOptions } from '../../core/transport.ts';

/** How a message that is not confirmed is sent again. */
export interface PublishRetryOptions {
  /** Time, in ms, that the stream has to confirm a message each time that it is sent. @defaultValue `5_000` */
  readonly timeout?: number;
  /**
   * How long to wait before a message is sent again; it must not throw. @defaultValue 250 ms, and from the third time on 500 ms, then 1 s
   */
  readonly backoff?: Backoff;
  /**
   * How long after it was first sent, in ms, a message may be sent again. It must be less than the time in which the
   * stream knows an id again, which is 2 minutes unless the stream says otherwise. @defaultValue `60_000`
   */
  readonly retryFor?: number;
}

/** Options for publishing to JetStream. */
export interface JetStreamPublishOptions extends PublishOptions, PublishRetryOptions {
  /** After how many ms, from 1,000 up, the stream drops the message; `'never'` in spite of the stream's `maxAge`. Needs nats-server 2.11. */
  readonly ttl?: number | 'never';
  /** When the event is to be published. Until then the stream keeps it at its `scheduleAddress`. Needs nats-server 2.12. */
  readonly at?: Date | string | number;
  /**
   * Where the stream keeps an event until its time has come: in the same stream, one event for each address.
   *
   * @defaultValue `scheduled.`, the event's address, and a token made of its message id
   */
  readonly scheduleAddress?: string | ((event: Event) => string);
  /** Whether all events are stored, or none: up to 1,000, in one stream. Needs nats-server 2.12. @defaultValue `false` */
  readonly atomic?: boolean;
}

/** Publish options with their defaults. */
export interface PublishSettings extends Required<PublishRetryOptions> {
  readonly options: JetStreamPublishOptions;
}

export const DEFAULT_TIMEOUT = 5_000;
export const DEFAULT_RETRY_FOR = 60_000;
export const DEFAULT_RETRY_DELAYS: Backoff = /* @__PURE__ */ delays([250, 250, 500, 1_000]);

const SHORTEST_TTL = 1_000;

/** Fills in the defaults. @throws TypeError or RangeError for options that are wrong, or that exclude each other. */
export function publishSettings(
  options: JetStreamPublishOptions,
  defaults: Required<PublishRetryOptions>,
): PublishSettings {
  const { timeout = defaults.timeout, backoff = defaults.backoff, retryFor = defaults.retryFor } = options;
  if (options.timeout !== undefined || options.retryFor !== undefined) checkRetry({ timeout, retryFor });
  if (needsCheck(options)) check(options);
  return { timeout, backoff, retryFor, options };
}

/** Checks what a transport has for all its publishes. @throws RangeError */
export function checkRetry({ timeout, retryFor }: { readonly timeout: number; readonly retryFor: number }): void {
  if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
  if (!(retryFor >= 0)) throw new RangeError(`'retryFor' must be a time in ms, not ${retryFor}`);
}

/** Checks the bound on what is in flight. @throws RangeError */
export function checkInFlight(inFlight: number): void {
  wholeNumber('inFlight', inFlight);
}

/** How long to wait before a message is sent again; STOP where it is not to be. */
export function retryDelay(
  { backoff, retryFor }: Pick<PublishSettings, 'backoff' | 'retryFor'>,
  attempts: number,
  elapsed: number,
): ReturnType<Backoff> {
  const delay = backoff(attempts, elapsed);
  return delay !== STOP && elapsed + delay < retryFor ? delay : STOP;
}

function needsCheck({ ttl, at, scheduleAddress, atomic }: JetStreamPublishOptions): boolean {
  return ttl !== undefined || at !== undefined || scheduleAddress !== undefined || atomic === true;
}

function check({ ttl, at, scheduleAddress, atomic, expect }: JetStreamPublishOptions): void {
  if (ttl !== undefined && ttl !== 'never' && !(ttl >= SHORTEST_TTL && Number.isFinite(ttl))) {
    throw new RangeError(`'ttl' must be 'never' or at least ${SHORTEST_TTL} ms, not ${ttl}`);
  }
  if (at !== undefined && Number.isNaN(new Date(at).getTime()))
    throw new TypeError(`'at' is not a time: ${String(at)}`);
  if (scheduleAddress !== undefined && at === undefined) throw new TypeError("'scheduleAddress' needs 'at'");
  if (atomic !== true) return;
  if (at !== undefined) throw new TypeError("'atomic' and 'at' exclude each other");
  if (expect?.lastMessageId !== undefined)
    throw new TypeError("'atomic' and 'expect.lastMessageId' exclude each other");
}
