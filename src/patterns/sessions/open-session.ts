import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { type Backoff, defaultBackoff, STOP } from '../../core/backoff.ts';
import { oneOf } from '../../core/check-options.ts';
import { NoRespondersError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import { validateAddress } from '../../core/names.ts';
import type { Wired } from '../../core/raw-wire.ts';
import { type ValueCodec, type ValueCodecName, valueCodecOf } from '../../core/value-codec.ts';
import { closeCodes } from './close-codes.ts';
import { ConsumerSession, type ConsumerSettings, type Outgoing } from './consumer-session.ts';
import { SessionCloseError } from './errors.ts';
import { type HeartbeatOptions, heartbeatOf } from './heartbeat-options.ts';
import { hubOf } from './hub.ts';
import { checkWindow } from './inflow.ts';
import type { SessionOverflow } from './outflow.ts';

/** Options for {@link openSession}. */
export interface OpenSessionOptions<T = unknown> {
  /** How values travel, as the producer says. @defaultValue `'json'` */
  readonly codec?: ValueCodecName | ValueCodec<T>;
  /** How the request travels. @defaultValue `'json'` */
  readonly requestCodec?: ValueCodecName | ValueCodec<unknown>;
  /**
   * How many values may be on their way, or here and not consumed. A value is consumed when `next` has returned.
   * @defaultValue `256`
   */
  readonly window?: number;
  /**
   * Asks for values, in place of `window`: as many as each emission says. So what takes time bounds what comes. Its
   * failure ends the session. @defaultValue none
   */
  readonly demand?: Observable<number>;
  /**
   * Goes on where it was interrupted: when values were lost, the producer is gone or going away, or does not answer. The
   * session is opened anew after the delay that the policy says, and its handler told how many values came already;
   * `true` is `defaultBackoff()`. A value starts the policy afresh. @defaultValue `false`
   */
  readonly resume?: boolean | Backoff;
  /**
   * How long, in ms, the producer may take to open it; `false` for one that speaks the plain protocol of bacalhau, which
   * knows neither that nor credit. @defaultValue `5_000`
   */
  readonly openTimeout?: number | false;
  /** What is known of the producer's heartbeats until it says how often it beats. */
  readonly heartbeat?: HeartbeatOptions;
}

/** Options for {@link openChannel}. */
export interface OpenChannelOptions<T = unknown> extends Omit<OpenSessionOptions<T>, 'resume'> {
  /** How what this side sends travels. @defaultValue as `codec` */
  readonly outgoingCodec?: ValueCodecName | ValueCodec<unknown>;
  /** How many values of this side may wait until the producer wants them. @defaultValue `1_024` */
  readonly buffer?: number;
  /** What is done with a value when as many wait. @defaultValue `'error'` */
  readonly overflow?: SessionOverflow;
}

/**
 * Opens a session when subscribed, and emits its values, in order and without gaps. Unsubscribing cancels it: the
 * producer's Observable is unsubscribed.
 *
 * Completes when the producer has sent all. Fails with `NoRespondersError` at once where nobody serves the address, with
 * `RequestTimeoutError` where it is not opened in time, with `SessionCloseError` for every other end: the producer's
 * failure with its code, and 1006 where the producer is silent for too long or values were lost, unless it resumes. A drain
 * of the transport fails it with `TransportClosedError`.
 *
 * @example
 * ```ts
 * openSession<string>(transport, 'logs.tail', { file: 'app.log' }, { resume: true }).subscribe((line) => print(line));
 * ```
 *
 * @throws InvalidAddressError, TypeError or RangeError for bad options.
 */
export function openSession<T = unknown>(
  transport: Wired,
  address: string,
  request: unknown,
  options: OpenSessionOptions<T> = {},
): Observable<T> {
  const settings = settingsOf(address, request, options, undefined);
  const { resume = false } = options;
  const backoff = resume === true ? defaultBackoff : resume;
  if (backoff !== false && typeof backoff !== 'function') throw new TypeError("'resume' must be a boolean or a policy");
  return new Observable((subscriber) => {
    if (backoff === false) return run(transport, settings, subscriber, () => undefined);
    return resumed(transport, settings, subscriber, backoff);
  });
}

/**
 * Opens a session in which this side sends values, too: those of `outgoing`, from when it is open on.
 *
 * When `outgoing` completes, the producer's `incoming$` does, and the session goes on until the producer has sent all. When it
 * fails, so does the session, and `incoming$`. When the session ends, `outgoing` is unsubscribed. It is else as
 * {@link openSession}, but cannot resume.
 *
 * @throws InvalidAddressError, TypeError or RangeError for bad options.
 */
export function openChannel<T = unknown>(
  transport: Wired,
  address: string,
  request: unknown,
  outgoing: Observable<unknown>,
  options: OpenChannelOptions<T> = {},
): Observable<T> {
  const { buffer = 1_024, overflow = 'error' } = options;
  oneOf('overflow', overflow, ['error', 'drop-oldest', 'drop-newest', 'latest']);
  if (options.openTimeout === false)
    throw new TypeError("A channel needs a producer that says when it is open: 'openTimeout'");
  const codec = valueCodecOf(options.outgoingCodec ?? (options.codec as ValueCodecName | ValueCodec<unknown>));
  const settings = settingsOf(address, request, options, { source: outgoing, codec, buffer, overflow });
  return new Observable((subscriber) => run(transport, settings, subscriber, () => undefined));
}

function settingsOf<T>(
  address: string,
  request: unknown,
  options: OpenSessionOptions<T>,
  outgoing: Outgoing | undefined,
): ConsumerSettings<T> {
  const { window = 256, openTimeout = 5_000, demand } = options;
  validateAddress(address);
  checkWindow(window);
  if (openTimeout !== false && !(openTimeout > 0))
    throw new RangeError(`'openTimeout' must be above 0 ms, not ${openTimeout}`);
  if (demand !== undefined && options.window !== undefined)
    throw new TypeError("'demand' and 'window' exclude each other");
  if (demand !== undefined && openTimeout === false)
    throw new TypeError("'demand' needs a producer that knows of credit: 'openTimeout' must not be false");
  const body = valueCodecOf(options.requestCodec).encode(request);
  const heartbeat = heartbeatOf(options.heartbeat);
  const codec = valueCodecOf(options.codec);
  const opening = openTimeout === false ? undefined : openTimeout;
  return { address, body, codec, window, demand, heartbeat, openTimeout: opening, offset: 0, outgoing };
}

/** Runs one session; `opened` gets it. */
function run<T>(
  { wire }: Wired,
  settings: ConsumerSettings<T>,
  subscriber: Subscriber<T>,
  opened: (session: ConsumerSession<T>) => void,
): void {
  const { life } = wire;
  if (life.draining.aborted) throw new TransportClosedError(life.name);
  const session = new ConsumerSession(hubOf(wire), settings, subscriber);
  const drained = () => session.drained();
  life.sources.add(drained);
  subscriber.add(() => {
    life.sources.delete(drained);
    session.unsubscribe();
  });
  opened(session);
  session.start();
}

/** Runs sessions one after the other, each from where the last one was interrupted. */
function resumed<T>(
  transport: Wired,
  settings: ConsumerSettings<T>,
  subscriber: Subscriber<T>,
  backoff: Backoff,
): void {
  const { scheduler } = transport.wire.life;
  let offset = 0;
  let attempts = 0;
  let failedAt = 0;
  let waiting: Subscription | undefined;
  subscriber.add(() => waiting?.unsubscribe());

  function again(error: unknown): void {
    if (!isInterruption(error)) return subscriber.error(error);
    attempts += 1;
    if (attempts === 1) failedAt = scheduler.now();
    const delay = backoff(attempts, scheduler.now() - failedAt);
    if (delay === STOP) return subscriber.error(error);
    waiting = scheduler.schedule(open, delay);
  }

  function open(): void {
    let session: ConsumerSession<T> | undefined;
    const attempt = new Observable<T>((inner) =>
      run(transport, { ...settings, offset }, inner, (opened) => {
        session = opened;
      }),
    );
    const running = attempt.subscribe({
      next(value) {
        attempts = 0;
        offset = session?.received ?? offset;
        subscriber.next(value);
      },
      error: again,
      complete: () => subscriber.complete(),
    });
    subscriber.add(running);
  }

  open();
}

function isInterruption(error: unknown): boolean {
  if (error instanceof NoRespondersError || error instanceof RequestTimeoutError) return true;
  if (!(error instanceof SessionCloseError)) return false;
  return error.closeCode === closeCodes.abnormal || error.closeCode === closeCodes.goingAway;
}
