import type { MessageHeaders } from '../../core/delivery.ts';
import { InvalidEventError, LimitReachedError, PublishError, WrongSequenceError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { addressMatcher } from '../../core/names.ts';
import type { Expectation } from '../../core/transport.ts';
import type { BrokerContext } from './broker-context.ts';
import type { ConsumerSettings, StreamSettings } from './config.ts';
import type { Consumer, ConsumerStream } from './consumer.ts';
import { duplicateWindow } from './duplicate-window.ts';
import { messageLog, type StoredMessage } from './message-log.ts';
import { subjectIndex } from './subject-index.ts';

/** A message on its way into a stream. */
export interface Incoming {
  readonly address: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  readonly messageId: string | undefined;
  readonly expect: Expectation | undefined;
}

/** The state of a stream for those who look. */
export interface StreamInfo {
  readonly config: StreamSettings;
  readonly messages: number;
  /** Counted only where the stream has a limit on bytes or on the size of a message. */
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** How many different addresses its messages have. */
  readonly subjects: number;
  readonly consumers: readonly string[];
}

/** Which messages {@link Stream.purge} removes: those that meet every condition named. */
export interface PurgeOptions {
  /** Only messages whose address matches. */
  readonly filter?: string;
  /** Only messages before this sequence. */
  readonly before?: number;
  /** Keeps this many of the newest among those that would go. */
  readonly keep?: number;
}

/** Keeps messages in order, within its limits, for its consumers. */
export interface Stream extends ConsumerStream {
  readonly settings: StreamSettings;
  readonly consumers: Map<string, Consumer>;
  store(incoming: Incoming): { readonly sequence: number; readonly duplicate: boolean };
  configure(settings: StreamSettings): void;
  addConsumer(name: string, consumer: Consumer): void;
  configureConsumer(consumer: Consumer, settings: ConsumerSettings): void;
  removeConsumer(name: string): boolean;
  remove(sequence: number): boolean;
  purge(options: PurgeOptions): number;
  info(): StreamInfo;
}

export function stream(initial: StreamSettings, context: BrokerContext): Stream {
  const { scheduler } = context;
  const log = messageLog();
  const consumers = new Map<string, Consumer>();
  const subjects = subjectIndex(log, initial.maxMessagesPerSubject, removeMessage);
  let settings = initial;
  let matchers = settings.subjects.map((pattern) => addressMatcher(pattern));
  let bound = settings.subjects;
  let remembered = duplicateWindow(windowOf(settings), settings.duplicateLimit);
  let lastMessageId: string | undefined;
  let bytes = 0;

  function store(incoming: Incoming): { sequence: number; duplicate: boolean } {
    const { address, event, headers, messageId, expect } = incoming;
    const now = scheduler.now();
    dropAged(now);
    if (messageId !== undefined) {
      const sequence = remembered.find(messageId, now);
      if (sequence !== undefined) return { sequence, duplicate: true };
    }
    if (expect !== undefined) check(expect, address);
    const size = countsBytes(settings) ? sizeOf(incoming) : 0;
    if (size > settings.maxMessageSize)
      refuse(address, `maxMessageSize ${settings.maxMessageSize}, this one has ${size}`);
    if (size > settings.maxBytes) refuse(address, `maxBytes ${settings.maxBytes}, this one alone has ${size}`);
    if (settings.discard === 'new') checkRoom(address, size);
    if (log.count < settings.maxMessages) context.checkRoom(address, settings.name);

    const sequence = log.last + 1;
    const wanted = settings.retention === 'interest' ? countWanting(address) : 0;
    log.append({ event, address, headers, messageId, sequence, time: now, bytes: size, wanted });
    bytes += size;
    subjects.added(address, sequence);
    if (messageId !== undefined) remembered.add(messageId, sequence, now);
    lastMessageId = messageId;
    if (settings.retention === 'interest' && wanted === 0) removeMessage(sequence);
    dropOverLimits(address);
    for (const consumer of consumers.values()) consumer.wake();
    return { sequence, duplicate: false };
  }

  function check(expect: Expectation, address: string): void {
    const { lastSequence, lastAddressSequence } = expect;
    if (expect.stream !== undefined && expect.stream !== settings.name) {
      throw new WrongSequenceError(address, 'stream', expect.stream, settings.name);
    }
    if (lastSequence !== undefined && lastSequence !== log.last) {
      throw new WrongSequenceError(address, 'last sequence', lastSequence, log.last);
    }
    const lastHere = subjects.last(address);
    if (lastAddressSequence !== undefined && lastAddressSequence !== lastHere) {
      throw new WrongSequenceError(address, 'last sequence on the address', lastAddressSequence, lastHere);
    }
    const lastId = lastMessageId ?? '';
    if (expect.lastMessageId !== undefined && expect.lastMessageId !== lastId) {
      throw new WrongSequenceError(address, 'last message id', expect.lastMessageId, lastId);
    }
  }

  function checkRoom(address: string, size: number): void {
    const replaced = subjects.replaced(address);
    if (replaced !== undefined && settings.discardNewPerSubject) {
      refuse(address, `maxMessagesPerSubject ${settings.maxMessagesPerSubject}`);
    }
    if (replaced === undefined && log.count >= settings.maxMessages) {
      refuse(address, `maxMessages ${settings.maxMessages}`);
    }
    if (bytes - (replaced?.bytes ?? 0) + size > settings.maxBytes) refuse(address, `maxBytes ${settings.maxBytes}`);
  }

  function refuse(address: string, limit: string): never {
    throw new LimitReachedError(address, settings.name, limit);
  }

  function countWanting(address: string): number {
    let wanted = 0;
    for (const consumer of consumers.values()) if (consumer.wants(address)) wanted += 1;
    return wanted;
  }

  function removeMessage(sequence: number): StoredMessage | undefined {
    const message = log.remove(sequence);
    if (message === undefined) return undefined;
    bytes -= message.bytes;
    subjects.removed(message.address);
    return message;
  }

  function dropAged(now: number): void {
    if (settings.maxAge === Number.POSITIVE_INFINITY) return;
    for (let oldest = log.at(log.first); oldest !== undefined; oldest = log.at(log.first)) {
      if (now - oldest.time < settings.maxAge) return;
      removeMessage(oldest.sequence);
    }
  }

  function dropAgedNow(): void {
    if (settings.maxAge !== Number.POSITIVE_INFINITY) dropAged(scheduler.now());
  }

  function dropOverLimits(address: string): void {
    subjects.trim(address);
    while (log.count > settings.maxMessages || bytes > settings.maxBytes) removeMessage(log.first);
  }

  return {
    log: {
      at: log.at,
      append: log.append,
      remove: log.remove,
      from(sequence) {
        dropAgedNow();
        return log.from(sequence);
      },
      // Whoever reads the log must not see what is too old, though nobody has published since.
      get count() {
        dropAgedNow();
        return log.count;
      },
      get first() {
        dropAgedNow();
        return log.first;
      },
      get last() {
        return log.last;
      },
    },
    consumers,

    get subjects() {
      return bound;
    },
    get settings() {
      return settings;
    },

    binds: (address) => matchers.some((matches) => matches(address)),
    store,

    done(message) {
      if (settings.retention === 'limits') return;
      message.wanted -= 1;
      if (settings.retention === 'workqueue' || message.wanted <= 0) removeMessage(message.sequence);
    },

    configure(changed) {
      const { duplicateLimit: limit } = settings;
      const window = windowOf(settings);
      const measured = countsBytes(settings) || !countsBytes(changed) ? bytes : measureAll();
      settings = changed;
      bytes = measured;
      bound = [...new Set([...bound, ...settings.subjects])];
      matchers = settings.subjects.map((pattern) => addressMatcher(pattern));
      if (window !== windowOf(settings) || limit !== settings.duplicateLimit) {
        remembered = duplicateWindow(windowOf(settings), settings.duplicateLimit);
        for (const { messageId, sequence, time } of log.from(log.first)) {
          if (messageId !== undefined) remembered.add(messageId, sequence, time);
        }
      }
      subjects.limit(settings.maxMessagesPerSubject);
      while (log.count > settings.maxMessages || bytes > settings.maxBytes) removeMessage(log.first);
      for (const consumer of consumers.values()) consumer.configure(consumer.settings);
    },

    addConsumer(name, consumer) {
      consumers.set(name, consumer);
      if (settings.retention === 'interest') recount(() => false, consumer.owing());
    },

    configureConsumer(consumer, changed) {
      const owed = consumer.owing();
      consumer.configure(changed);
      if (settings.retention === 'interest') recount(owed, consumer.owing());
    },

    removeConsumer(name) {
      const consumer = consumers.get(name);
      if (consumer === undefined) return false;
      consumers.delete(name);
      if (settings.retention === 'interest') recount(consumer.owing(), () => false);
      consumer.remove();
      return true;
    },

    remove(sequence) {
      dropAgedNow();
      return removeMessage(sequence) !== undefined;
    },

    purge({ filter, before = Number.POSITIVE_INFINITY, keep = 0 }) {
      dropAgedNow();
      const matches = filter === undefined ? () => true : addressMatcher(filter);
      const doomed = [...log.from(log.first)].filter(({ address, sequence }) => sequence < before && matches(address));
      const purged = keep > 0 ? doomed.slice(0, -keep) : doomed;
      for (const { sequence } of purged) removeMessage(sequence);
      return purged.length;
    },

    info() {
      dropAgedNow();
      return {
        config: settings,
        messages: log.count,
        bytes,
        firstSequence: log.first,
        lastSequence: log.last,
        subjects: subjects.size,
        consumers: [...consumers.keys()],
      };
    },
  };

  /** One consumer owes other messages than it did: lets go of those that nobody wants any more. */
  function recount(before: (message: StoredMessage) => boolean, after: (message: StoredMessage) => boolean): void {
    for (const message of log.from(log.first)) {
      message.wanted += Number(after(message)) - Number(before(message));
      if (message.wanted <= 0) removeMessage(message.sequence);
    }
  }

  function measureAll(): number {
    let total = 0;
    const measured = [...log.from(log.first)];
    for (const message of measured) {
      const size = sizeOf(message);
      (message as { bytes: number }).bytes = size;
      total += size;
    }
    return total;
  }
}

/** A message that has gone of age is no duplicate's first. */
function windowOf({ duplicateWindow: window, maxAge }: StreamSettings): number {
  return Math.min(window, maxAge);
}

function countsBytes({ maxBytes, maxMessageSize }: StreamSettings): boolean {
  return maxBytes !== Number.POSITIVE_INFINITY || maxMessageSize !== Number.POSITIVE_INFINITY;
}

function sizeOf({ address, event, headers }: Pick<Incoming, 'address' | 'event' | 'headers'>): number {
  const { data, ...attributes } = event;
  const binary = data instanceof Uint8Array;
  try {
    const text = JSON.stringify([address, headers, binary ? attributes : event]);
    return Buffer.byteLength(text) + (binary ? Math.ceil(data.length / 3) * 4 : 0);
  } catch (cause) {
    const invalid = new InvalidEventError('data', 'must be something that JSON can hold', { cause });
    throw new PublishError('refused', address, invalid.message, { cause: invalid, code: 'INVALID_EVENT' });
  }
}
