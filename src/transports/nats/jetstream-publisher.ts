import { Observable } from 'rxjs';
import type { Addressing } from '../../core/addressing.ts';
import { TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { Receipt } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { cloudEventsCodec } from './cloud-events-codec.ts';
import type { NatsCodec } from './nats-codec.ts';
import {
  checkInFlight,
  checkRetry,
  DEFAULT_RETRY_DELAYS,
  DEFAULT_RETRY_FOR,
  DEFAULT_TIMEOUT,
  type JetStreamPublishOptions,
  type PublishRetryOptions,
  publishSettings,
} from './publish-options.ts';
import { PublishRun } from './publish-run.ts';
import { publishWindow } from './publish-window.ts';
import type { Wire } from './wire.ts';

/** How a transport publishes to JetStream, where a publish does not say otherwise. */
export interface JetStreamPublisherOptions extends PublishRetryOptions {
  /** How many messages may be on their way at a time, of all publishes together. @defaultValue `512` */
  readonly inFlight?: number;
  /** Writes the events. @defaultValue `cloudEventsCodec()` */
  readonly codec?: NatsCodec;
}

/** Publishes to JetStream. */
export interface JetStreamPublisher {
  /**
   * Publishes events in order when subscribed, and emits one receipt for each, in order, when the stream has stored it.
   *
   * All events are checked before one is sent. What is sent is at most `inFlight` messages ahead of its receipts. A message
   * is sent again where no stream took it or the server was busy, and after a timeout or a lost connection if it has a
   * message id; it may then be stored after those behind it, unless `inFlight` is 1.
   *
   * Fails with the `PublishError` of the first event that was refused or is unknown, after the receipts of those before
   * it; no further event is sent, and those behind it that were on their way may have been stored. Fails with
   * `TransportClosedError` after a drain. Unsubscribing sends no more, and forgets what is on its way.
   */
  publish(events: Event | readonly Event[], options?: JetStreamPublishOptions): Observable<Receipt>;
}

const DEFAULT_IN_FLIGHT = 512;

/** Makes the publishing half of a JetStream transport. @throws RangeError for bad options. */
export function jetstreamPublisher(
  wire: Wire,
  addressing: Addressing,
  life: TransportLife,
  options: JetStreamPublisherOptions = {},
): JetStreamPublisher {
  const { inFlight = DEFAULT_IN_FLIGHT, codec = cloudEventsCodec() } = options;
  const { timeout = DEFAULT_TIMEOUT, backoff = DEFAULT_RETRY_DELAYS, retryFor = DEFAULT_RETRY_FOR } = options;
  checkInFlight(inFlight);
  checkRetry({ timeout, retryFor });
  const defaults = { timeout, backoff, retryFor };
  const window = publishWindow({ wire, life, codec, inFlight });

  return {
    publish(events, options = {}) {
      const settings = publishSettings(options, defaults);
      return new Observable((subscriber) => {
        if (life.closed || wire.closed) throw new TransportClosedError(life.name);
        const given = Array.isArray(events) ? (events as readonly Event[]) : [events as Event];
        const messages = given.map((event) => addressing.prepare(event, options));
        if (messages.length === 0) return subscriber.complete();
        const run = new PublishRun(window, { messages, settings, extra: undefined }, subscriber);
        subscriber.add(() => run.stop());
        window.open(run);
      });
    },
  };
}
