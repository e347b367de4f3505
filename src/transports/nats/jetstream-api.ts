import { type Observable, retry, throwError, timer } from 'rxjs';
import { NoRespondersError } from '../../core/errors.ts';
import { JetStreamApiError, JetStreamUnavailableError } from './errors.ts';
import { requestRaw } from './request-raw.ts';
import type { Wire } from './wire.ts';

/** Where and how JetStream is asked. */
export interface JetStreamApiOptions {
  /** The JetStream domain. @defaultValue the connection's own */
  readonly domain?: string;
  /** What API subjects begin with, in place of `$JS.API`, where another account's JetStream is imported. */
  readonly apiPrefix?: string;
  /** Time, in ms, that JetStream has for an answer. @defaultValue `5_000` */
  readonly timeout?: number;
}

/** JetStream's API on one connection. */
export interface JetStreamApi {
  readonly wire: Wire;
  readonly prefix: string;
  readonly timeout: number;
  /**
   * Asks when subscribed, with a body that is sent as JSON, and emits the answer.
   *
   * Where nobody answers it asks again, as a cluster may be electing a leader. Fails with `JetStreamApiError`,
   * `JetStreamUnavailableError`, or `RequestTimeoutError`.
   */
  ask<T>(subject: string, body?: unknown): Observable<T>;
}

interface ApiAnswer {
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

const DEFAULT_TIMEOUT = 5_000;

/** How long to wait before asking again where nobody answered, in ms, and how often (NATS ADR-22). */
const UNANSWERED_DELAY = 250;
const UNANSWERED_RETRIES = 4;

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder();
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/** Makes the API of a connection's JetStream. */
export function jetstreamApi(wire: Wire, options: JetStreamApiOptions = {}): JetStreamApi {
  const { domain, apiPrefix, timeout = DEFAULT_TIMEOUT } = options;
  if (domain !== undefined && apiPrefix !== undefined)
    throw new TypeError("'domain' and 'apiPrefix' exclude each other");
  if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
  const prefix = apiPrefix ?? (domain === undefined ? '$JS.API' : `$JS.${domain}.API`);

  return {
    wire,
    prefix,
    timeout,
    ask<T>(subject: string, body?: unknown) {
      const data = body === undefined ? NOTHING : encoder.encode(JSON.stringify(body));
      return requestRaw(wire, `${prefix}.${subject}`, data, { timeout }, (message) => answerIn<T>(message.data)).pipe(
        retry({
          delay: (error, retries) => {
            if (!(error instanceof NoRespondersError)) return throwError(() => error);
            if (retries > UNANSWERED_RETRIES) return throwError(() => new JetStreamUnavailableError({ cause: error }));
            return timer(UNANSWERED_DELAY, wire.scheduler);
          },
        }),
      );
    },
  };
}

/** Reads an answer of JetStream's API, or throws what it refuses. */
export function answerIn<T>(data: Uint8Array): T {
  const answer = JSON.parse(decoder.decode(data)) as T & ApiAnswer;
  if (answer.error === undefined) return answer;
  const { code = 0, err_code: errorCode = 0, description = 'no reason given' } = answer.error;
  throw new JetStreamApiError(errorCode, code, description);
}
