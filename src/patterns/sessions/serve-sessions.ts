import { Observable, type Subscriber, share } from 'rxjs';
import { atLeast0, oneOf, wholeNumber } from '../../core/check-options.ts';
import { DecodeError, TransportClosedError } from '../../core/errors.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { Attachment } from '../../core/puller.ts';
import type { RawMessage, Wired } from '../../core/raw-wire.ts';
import { type ValueCodec, type ValueCodecName, valueCodecOf } from '../../core/value-codec.ts';
import { attempt } from './attempt.ts';
import { closeCodes } from './close-codes.ts';
import { SessionCloseError } from './errors.ts';
import { decodeOpen, encodeClose, type OpenFrame } from './frames.ts';
import { type HeartbeatOptions, heartbeatOf } from './heartbeat-options.ts';
import { hubOf } from './hub.ts';
import { checkWindow } from './inflow.ts';
import type { SessionOverflow } from './outflow.ts';
import { ProducerSession, type ProducerSettings, type SessionEnd, type SessionHandler } from './producer-session.ts';

/** Options for {@link serveSessions}. */
export interface ServeSessionsOptions {
  /**
   * Shares the sessions with all who serve at the address under this name: each is served by one. `false` where nobody
   * else serves it. @defaultValue `'sessions'`
   */
  readonly queue?: string | false;
  /** How values travel: `'json'`, `'bytes'`, `'text'`, `'event'`, or a codec of your own. @defaultValue `'json'` */
  readonly codec?: ValueCodecName | ValueCodec<unknown>;
  /** How requests travel. @defaultValue `'json'` */
  readonly requestCodec?: ValueCodecName | ValueCodec<unknown>;
  /** How what the consumer of a channel sends travels. @defaultValue as `codec` */
  readonly incomingCodec?: ValueCodecName | ValueCodec<unknown>;
  /** How many values of a session may wait until the consumer wants them. @defaultValue `1_024` */
  readonly buffer?: number;
  /**
   * What is done with a value of an Observable when as many wait: end the session with an error, drop the oldest or the
   * newest, or keep only the `latest` from the first one on. Iterables are never asked for more than is wanted.
   * @defaultValue `'error'`
   */
  readonly overflow?: SessionOverflow;
  /** How many values of a channel's consumer may be on their way, or here and not taken. @defaultValue `256` */
  readonly window?: number;
  /** How many sessions there may be at a time; one more is refused with 1013. @defaultValue `65_536` */
  readonly maxSessions?: number;
  readonly heartbeat?: HeartbeatOptions;
}

/**
 * Serves sessions at an address while subscribed: for each one, what the handler returns is sent to the consumer, value
 * by value, as it wants them. Emits how each session ended.
 *
 * Completion of what the handler returns closes the session with 1000; a failure with 5000 and its message, or with the
 * code of a `SessionCloseError`. When the consumer unsubscribes, or is gone, the Observable is unsubscribed, an iterator
 * ended, and the session's `signal` aborted. A request that cannot be read is refused with 4000.
 *
 * Unsubscribing closes all sessions with 1001 at once; a drain of the transport does when what waits has been sent, and
 * completes this. Fails when the source cannot go on. Subscribers share one run.
 *
 * @example
 * ```ts
 * serveSessions(transport, 'logs.tail', (request: { file: string }) => tail(request.file)).subscribe();
 * ```
 *
 * @throws InvalidAddressError, TypeError or RangeError for bad options.
 */
export function serveSessions<R = unknown, T = unknown, I = unknown>(
  transport: Wired,
  address: string,
  handler: SessionHandler<R, T, I>,
  options: ServeSessionsOptions = {},
): Observable<SessionEnd> {
  const { wire } = transport;
  const { queue = 'sessions', buffer = 1_024, overflow = 'error', window = 256, maxSessions = 65_536 } = options;
  const heartbeat = heartbeatOf(options.heartbeat);
  const codec = valueCodecOf(options.codec);
  const incomingCodec = valueCodecOf(options.incomingCodec ?? options.codec);
  const requestCodec = valueCodecOf(options.requestCodec);
  validateAddress(address, { wildcards: true });
  if (queue !== false) validateName('queue', queue);
  if (typeof handler !== 'function') throw new TypeError("'handler' must be a function");
  atLeast0('buffer', buffer);
  oneOf('overflow', overflow, ['error', 'drop-oldest', 'drop-newest', 'latest']);
  checkWindow(window);
  wholeNumber('maxSessions', maxSessions);

  const { life } = wire;

  function open(subscriber: Subscriber<SessionEnd>): Attachment {
    const hub = hubOf(wire);
    const sessions = new Set<ProducerSession>();
    const settings: ProducerSettings = {
      hub,
      peers: hub.peers(heartbeat),
      heartbeat,
      handler: handler as SessionHandler,
      codec,
      incomingCodec,
      window,
      buffer,
      overflow,
      ended(session, end) {
        sessions.delete(session);
        subscriber.next(end);
        settled();
        life.settled();
      },
    };
    let unanswered = 0;
    let detached = false;

    /** It is over when it takes no more, and has none. */
    function settled(): void {
      if (!detached || sessions.size > 0) return;
      life.attachments.delete(attachment);
      subscriber.complete();
    }

    function refuse(message: RawMessage, closeCode: number, text: string, frame?: OpenFrame): void {
      const { reply, address: at } = message;
      attempt(wire, () =>
        wire.publish(
          reply as string,
          encodeClose(closeCode, text, frame?.credit === undefined ? undefined : frame.offset),
        ),
      );
      const { stream: id = '', consumer = '' } = frame ?? {};
      subscriber.next({
        kind: 'refused',
        id: consumer + id,
        address: at,
        consumer,
        sent: 0,
        dropped: 0,
        closeCode,
        text,
      });
    }

    function receive(message: RawMessage): void {
      const { reply, address: at } = message;
      if (reply === undefined) {
        unanswered += 1;
        const reason = 'a request for a session without a reply address';
        return life.tell({ kind: 'dropped', address: at, reason, total: unanswered });
      }
      let frame: OpenFrame;
      let request: unknown;
      try {
        frame = decodeOpen(message.data);
        request = requestCodec.decode(frame.body);
      } catch (error) {
        const text = error instanceof DecodeError ? error.rule : 'the request is not what the codec of requests reads';
        return refuse(message, closeCodes.badRequest, text);
      }
      if (sessions.size >= maxSessions)
        return refuse(message, closeCodes.tryAgainLater, `there are ${maxSessions} sessions already`, frame);
      const session = new ProducerSession(settings, frame, at, reply);
      sessions.add(session);
      if (session.start(request, frame.heartbeats)) return;
      sessions.delete(session);
      const error = new SessionCloseError(closeCodes.internal, `there is a session ${session.id} already`);
      life.tell({ kind: 'error', error });
    }

    const stop = wire.listen(address, queue === false ? undefined : queue, receive, (error) => subscriber.error(error));
    const goingAway = new SessionCloseError(closeCodes.goingAway, 'the producer was drained');
    const attachment: Attachment = {
      get unsettled() {
        return sessions.size;
      },
      detach() {
        if (detached) return;
        detached = true;
        stop();
        for (const session of [...sessions]) {
          if (subscriber.closed) session.abort(goingAway);
          else session.stop(goingAway);
        }
        settled();
      },
      abandon() {
        const left = [...sessions];
        for (const session of left) session.abort(goingAway);
        return left.length;
      },
    };
    life.attachments.add(attachment);
    return attachment;
  }

  return new Observable<SessionEnd>((subscriber) => {
    if (life.draining.aborted) throw new TransportClosedError(life.name);
    const attachment = open(subscriber);
    subscriber.add(() => attachment.detach());
    const closed = () => subscriber.error(new TransportClosedError(life.name));
    subscriber.add(wire.connected$.subscribe({ complete: closed }));
  }).pipe(share());
}
