import { concat, Observable } from 'rxjs';
import { type Addressing, NO_HEADERS } from '../../core/addressing.ts';
import { TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { isText } from '../../core/is-text.ts';
import type { Receipt } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { apiLevel, type Feature } from './api-level.ts';
import { atomicRun, MOST_IN_BATCH } from './atomic-run.ts';
import { cloudEventsCodec } from './cloud-events-codec.ts';
import { type JetStreamApi, jetstreamApi } from './jetstream-api.ts';
import type { NatsCodec } from './nats-codec.ts';
import type { PublishPlan } from './publish-job.ts';
import {
  checkInFlight,
  checkRetry,
  DEFAULT_RETRY_DELAYS,
  DEFAULT_RETRY_FOR,
  DEFAULT_TIMEOUT,
  type JetStreamPublishOptions,
  type PublishRetryOptions,
  type PublishSettings,
  publishSettings,
} from './publish-options.ts';
import { PublishRun } from './publish-run.ts';
import { publishWindow } from './publish-window.ts';
import { scheduled, ttlHeader } from './schedule.ts';
import { featureNamed } from './server-features.ts';
import { streamLookup } from './stream-lookup.ts';
import type { Wire } from './wire.ts';

/** How a transport publishes to JetStream, where a publish does not say otherwise. */
export interface JetStreamPublisherOptions extends PublishRetryOptions {
  /** How many messages may be on their way at a time, of all publishes together. @defaultValue `512` */
  readonly inFlight?: number;
  /** Writes the events. @defaultValue `cloudEventsCodec()` */
  readonly codec?: NatsCodec;
  /** JetStream's API, where its prefix or domain is not the default. @defaultValue `jetstreamApi(wire)` */
  readonly api?: JetStreamApi;
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
  const { inFlight = DEFAULT_IN_FLIGHT, codec = cloudEventsCodec(), api = jetstreamApi(wire) } = options;
  const { timeout = DEFAULT_TIMEOUT, backoff = DEFAULT_RETRY_DELAYS, retryFor = DEFAULT_RETRY_FOR } = options;
  checkInFlight(inFlight);
  checkRetry({ timeout, retryFor });
  const defaults = { timeout, backoff, retryFor };
  const window = publishWindow({ wire, life, codec, lookup: streamLookup(api), inFlight });
  const level = apiLevel(api);

  function plan(events: readonly Event[], settings: PublishSettings): PublishPlan {
    const { options } = settings;
    const { at, ttl } = options;
    const messages = events.map((event) => addressing.prepare(event, options));
    if (options.messageId !== undefined) for (const { messageId } of messages) checkMessageId(messageId);
    if (at !== undefined) {
      const schedules = messages.map((message) => scheduled(message, at, options));
      return {
        messages: schedules.map(({ message }) => message),
        settings,
        extra: (index) => schedules[index]?.extra ?? NO_HEADERS,
      };
    }
    const headers = ttl === undefined ? undefined : { 'Nats-TTL': ttlHeader(ttl) };
    return { messages, settings, extra: headers === undefined ? undefined : () => headers };
  }

  return {
    publish(events, options = {}) {
      const settings = publishSettings(options, defaults);
      const { atomic = false } = options;
      if (atomic && Array.isArray(events) && events.length > MOST_IN_BATCH) {
        throw new RangeError(`'atomic' takes ${MOST_IN_BATCH} events at most, not ${events.length}`);
      }
      const published = new Observable<Receipt>((subscriber) => {
        if (life.closed || wire.closed) throw new TransportClosedError(life.name);
        const given = plan(Array.isArray(events) ? (events as readonly Event[]) : [events as Event], settings);
        if (given.messages.length === 0) return subscriber.complete();
        const run = atomic ? atomicRun(window, given, subscriber) : new PublishRun(window, given, subscriber);
        subscriber.add(() => run.stop());
        window.open(run);
      });
      const features = featuresOf(options);
      return features.length === 0 ? published : concat(level.require(features), published);
    },
  };
}

/** A line break in it would end the header. */
function checkMessageId(messageId: string | undefined): void {
  if (messageId === undefined || isText(messageId)) return;
  throw new TypeError("'messageId' must be text without control characters");
}

function featuresOf({ ttl, at, atomic }: JetStreamPublishOptions): readonly Feature[] {
  const features: Feature[] = [];
  if (ttl !== undefined) features.push(featureNamed('messageTtl', "The option 'ttl'"));
  if (at !== undefined) features.push(featureNamed('schedules', "The option 'at'"));
  if (atomic === true) features.push(featureNamed('atomicPublish', "The option 'atomic'"));
  return features;
}
