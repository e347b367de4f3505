import { Observable, share } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { ConsumerNotFoundError, TransportClosedError } from '../../core/errors.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { Status } from '../../core/status.ts';
import type { OverflowPolicy, SubscriptionOptions } from '../../core/transport.ts';
import { checkStart, wholeNumber } from './config.ts';
import { coreSource } from './core-source.ts';
import type { Ledger } from './ledger.ts';
import type { MemoryBroker } from './memory-broker.ts';
import type { Attachment, Puller } from './puller.ts';

/** Listens at an address: what is published while nobody listens is gone. */
export interface CoreSubscribeOptions extends SubscriptionOptions {
  /** The address, with wildcards. */
  readonly address: string;
  /** Members of one queue share the messages. */
  readonly queue?: string;
  /** How many messages may wait while `prefetch` deliveries are unsettled. @defaultValue `1_024` */
  readonly buffer?: number;
  /** What happens when the buffer is full. @defaultValue `'error'` */
  readonly overflow?: OverflowPolicy;
}

/** Reads a stream: through a durable consumer, or without `consumer` through one that lives as long as the subscription. */
export interface StreamSubscribeOptions extends SubscriptionOptions {
  readonly stream: string;
  /** A consumer made by `ensureConsumer`; it decides where to start, what to take and how long a lease is. */
  readonly consumer?: string;
  /** Without `consumer`: which addresses of the stream. @defaultValue all */
  readonly filter?: string | readonly string[];
}

/** Options for the memory transport's `subscribe`: with `address` on core, with `stream` on a stream. */
export type MemorySubscribeOptions = CoreSubscribeOptions | StreamSubscribeOptions;

/** What the subscriptions of one transport share. */
export interface TransportState {
  readonly name: string;
  readonly ledger: Ledger;
  readonly draining: AbortSignal;
  /** The attachments that take deliveries or have some out. */
  readonly attachments: Set<Attachment>;
  /** Completes each open source. */
  readonly sources: Set<() => void>;
  /** Fails each request that waits for a reply. */
  readonly asking: Set<(error: unknown) => void>;
  readonly status: (status: Status) => void;
  /** Some subscription has one unsettled delivery less. */
  settled(): void;
}

const DEFAULT_PREFETCH = 256;
const DEFAULT_BUFFER = 1_024;

/** Makes a subscription's Observable: cold until subscribed, then shared until the last subscriber leaves. */
export function subscription(
  broker: MemoryBroker,
  state: TransportState,
  options: MemorySubscribeOptions,
): Observable<Delivery> {
  check(options);
  if (options.scheduler !== undefined && options.scheduler !== broker.scheduler) {
    throw new TypeError("'scheduler' is not the broker's: a memory broker and its subscriptions share one clock");
  }
  return new Observable<Delivery>((subscriber) => {
    if (state.draining.aborted) throw new TransportClosedError(state.name);
    const attachment = attach(broker, options, {
      prefetch: options.prefetch ?? DEFAULT_PREFETCH,
      draining: state.draining,
      ledger: state.ledger,
      next: (delivery) => subscriber.next(delivery),
      error: (error) => subscriber.error(error),
      status: state.status,
      settled() {
        if (subscriber.closed && attachment.unsettled === 0) state.attachments.delete(attachment);
        state.settled();
      },
    });
    const complete = () => subscriber.complete();
    state.attachments.add(attachment);
    state.sources.add(complete);
    return () => {
      state.sources.delete(complete);
      attachment.detach();
      if (attachment.unsettled === 0) state.attachments.delete(attachment);
    };
  }).pipe(share());
}

function attach(broker: MemoryBroker, options: MemorySubscribeOptions, puller: Puller): Attachment {
  if (listens(options)) {
    const { address, queue, buffer = DEFAULT_BUFFER, overflow = 'error' } = options;
    return coreSource(broker.router, puller, { address, queue, buffer, overflow, now: () => broker.scheduler.now() });
  }
  const { stream, consumer, filter = [], from = 'all' } = options;
  if (consumer !== undefined) {
    const found = broker.stream(stream).consumers.get(consumer);
    if (found === undefined) throw new ConsumerNotFoundError(stream, consumer);
    return found.attach(puller);
  }
  const name = broker.uniqueName('ephemeral-');
  const attachment = broker.ensureConsumer({ stream, name, filter, from }).attach(puller);
  return {
    get unsettled() {
      return attachment.unsettled;
    },
    abandon: attachment.abandon,
    detach() {
      attachment.detach();
      broker.streams.get(stream)?.removeConsumer(name);
    },
  };
}

function listens(options: MemorySubscribeOptions): options is CoreSubscribeOptions {
  return (options as Partial<CoreSubscribeOptions>).address !== undefined;
}

function check(options: MemorySubscribeOptions): void {
  const fields: { readonly [field: string]: unknown } = { ...options };
  const given = (field: string): boolean => fields[field] !== undefined;
  const exclude = (field: string, ...others: string[]): void => {
    const other = others.find(given);
    if (given(field) && other !== undefined) throw new TypeError(`'${field}' and '${other}' exclude each other`);
  };
  if (!given('address') && !given('stream'))
    throw new TypeError("Give 'address' to listen, or 'stream' to read a stream");
  exclude('address', 'stream', 'consumer', 'filter', 'from');
  exclude('stream', 'queue', 'buffer', 'overflow');
  exclude('consumer', 'from', 'filter');
  if (listens(options)) {
    validateAddress(options.address, { wildcards: true });
    if (options.queue !== undefined) validateName('queue', options.queue);
    if (options.buffer !== undefined) wholeNumber('buffer', options.buffer);
    const { overflow = 'error' } = options;
    if (!['error', 'drop-oldest', 'drop-newest'].includes(overflow)) {
      throw new TypeError(`'overflow' must be 'error', 'drop-oldest' or 'drop-newest', not '${overflow}'`);
    }
  } else {
    validateName('stream', options.stream);
    if (options.consumer !== undefined) validateName('consumer', options.consumer);
    if (options.from !== undefined) checkStart(options.from);
  }
  if (options.prefetch !== undefined) wholeNumber('prefetch', options.prefetch);
}
