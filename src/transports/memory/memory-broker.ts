import { asyncScheduler, type Observable, type SchedulerLike, Subject } from 'rxjs';
import { wholeNumber } from '../../core/check-options.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { LimitReachedError, StreamConflictError, StreamNotFoundError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { overlaps } from '../../core/names.ts';
import type { Expectation, Receipt } from '../../core/transport.ts';
import type { Advisory } from './advisory.ts';
import type { BrokerContext } from './broker-context.ts';
import { type ConsumerConfig, consumerSettings, type StreamConfig, streamSettings } from './config.ts';
import { type Consumer, consumer } from './consumer.ts';
import { checkConsumer } from './provisioning-rules.ts';
import { type RawRouter, rawRouter } from './raw-wire.ts';
import { type CoreMessage, type Router, router } from './router.ts';
import { type Stream, stream } from './stream.ts';
import { turns } from './turns.ts';

/** Options for {@link memoryBroker}. */
export interface MemoryBrokerOptions {
  /** The one clock of everything in this broker; it may be virtual. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
  /**
   * Whether every receiver gets its own copy of an event's data (`structuredClone`), as from a real wire. Without it all
   * share one object, which is faster, and which nobody may change. @defaultValue `false`
   */
  readonly isolate?: boolean;
  /**
   * How many messages all streams together may hold, whatever their own limits; a publish beyond it is refused with
   * `LimitReachedError`. @defaultValue `5_000_000`
   */
  readonly maxMessages?: number;
}

/** A message to publish. */
export interface MemoryMessage {
  readonly address: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  readonly messageId: string | undefined;
  readonly expect: Expectation | undefined;
}

/**
 * A broker inside this process: core pub/sub, streams and consumers with JetStream's semantics.
 *
 * Use it through `memoryTransport`, and provision it with `ensureStream` and `ensureConsumer`.
 */
export interface MemoryBroker {
  readonly scheduler: SchedulerLike;
  /** What the broker gave up (`maxDeliveries`) or was told to give up (`terminated`). Hot; never completes. */
  readonly advisories$: Observable<Advisory>;
  /** @internal */
  readonly router: Router;
  /** @internal */
  readonly raw: RawRouter;
  /** @internal */
  readonly streams: ReadonlyMap<string, Stream>;
  /** Stores a message and hands it to core listeners; `undefined` where there are neither. @internal */
  publish(message: MemoryMessage): Receipt | undefined;
  /** Whether a stream is bound to an address. @internal */
  stores(address: string): boolean;
  /** @internal */
  stream(name: string): Stream;
  /** @internal */
  ensureStream(config: StreamConfig): Stream;
  /** @internal */
  ensureConsumer(config: ConsumerConfig): Consumer;
  /** @internal */
  deleteStream(name: string): boolean;
  /** A name that no other call of this broker's returns. @internal */
  uniqueName(prefix: string): string;
}

/**
 * Makes an empty broker. It lives as long as it is referenced: nothing is written anywhere, and it sets a timer only
 * while somebody subscribes.
 *
 * @example
 * ```ts
 * const broker = memoryBroker();
 * const transport = memoryTransport(broker);
 * ```
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  const { scheduler = asyncScheduler, isolate = false, maxMessages = 5_000_000 } = options;
  wholeNumber('maxMessages', maxMessages);
  const streams = new Map<string, Stream>();
  const advisories = new Subject<Advisory>();
  const listeners = router(isolate ? copyOf : undefined);
  let names = 0;

  const context: BrokerContext = {
    scheduler,
    turns: turns(scheduler),
    advise: (advisory) => advisories.next(advisory),
    checkRoom(address, stream) {
      if (countAll() < maxMessages) return;
      throw new LimitReachedError(address, stream, `the broker's maxMessages ${maxMessages}`);
    },
    received: isolate ? ({ event }) => copy(event) : ({ event }) => event,
  };

  function streamFor(address: string): Stream | undefined {
    for (const candidate of streams.values()) if (candidate.binds(address)) return candidate;
    return undefined;
  }

  function countAll(): number {
    let count = 0;
    for (const { log } of streams.values()) count += log.count;
    return count;
  }

  function find(name: string): Stream {
    const found = streams.get(name);
    if (found === undefined) throw new StreamNotFoundError(name);
    return found;
  }

  return {
    scheduler,
    advisories$: advisories.asObservable(),
    router: listeners,
    raw: rawRouter(),
    streams,
    stores: (address) => streamFor(address) !== undefined,
    stream: find,

    publish(message) {
      const { address, event } = message;
      const target = streamFor(address);
      const stored = target?.store(isolate ? { ...message, event: copy(event) } : message);
      const duplicate = stored?.duplicate ?? false;
      const heard = listeners.route({ address, event, headers: message.headers, reply: undefined });
      if (target !== undefined && stored !== undefined) {
        return { address, stored: true, stream: target.settings.name, sequence: stored.sequence, duplicate };
      }
      return heard === 0 ? undefined : { address, stored: false, duplicate };
    },

    ensureStream(config) {
      const current = streams.get(config?.name);
      const settings = streamSettings(config, current?.settings);
      for (const other of streams.values()) {
        if (other === current) continue;
        const clash = settings.subjects.find((a) => other.settings.subjects.some((b) => overlaps(a, b)));
        if (clash === undefined) continue;
        throw new StreamConflictError(settings.name, `wants '${clash}', which stream '${other.settings.name}' stores`);
      }
      if (current === undefined) {
        const created = stream(settings, context);
        streams.set(settings.name, created);
        return created;
      }
      if (settings.retention !== current.settings.retention) {
        throw new StreamConflictError(settings.name, `keeps its retention '${current.settings.retention}' for good`);
      }
      current.configure(settings);
      return current;
    },

    ensureConsumer(config) {
      const target = find(config.stream);
      const current = target.consumers.get(config.name);
      const settings = consumerSettings(config, target.settings, current?.settings);
      checkConsumer(settings, target, current);
      if (current !== undefined) {
        target.configureConsumer(current, settings);
        return current;
      }
      const created = consumer(settings, target, context);
      target.addConsumer(settings.name, created);
      return created;
    },

    deleteStream(name) {
      const doomed = streams.get(name);
      if (doomed === undefined) return false;
      streams.delete(name);
      for (const consumerName of [...doomed.consumers.keys()]) doomed.removeConsumer(consumerName);
      return true;
    },

    uniqueName(prefix) {
      names += 1;
      return `${prefix}${names}`;
    },
  };
}

function copyOf(message: CoreMessage): CoreMessage {
  return message.event === undefined ? message : { ...message, event: copy(message.event) };
}

function copy(event: Event): Event {
  return event.data === undefined ? event : { ...event, data: structuredClone(event.data) };
}
