import { defer, type Observable, of } from 'rxjs';
import { ConsumerNotFoundError } from '../../core/errors.ts';
import { validateAddress } from '../../core/names.ts';
import type { ConsumerConfig, StreamConfig } from './config.ts';
import type { Consumer, ConsumerInfo } from './consumer.ts';
import type { MemoryBroker } from './memory-broker.ts';
import type { PurgeOptions, StreamInfo } from './stream.ts';

/**
 * Makes a stream when subscribed, or changes what `config` names of one that is there; what it does not name stays.
 *
 * Idempotent. Fails with `StreamConflictError` where another stream stores one of its addresses or where what cannot be
 * changed would change, and with `TypeError`, `RangeError`, `InvalidNameError` or `InvalidAddressError` on a bad config.
 *
 * @example
 * ```ts
 * await firstValueFrom(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));
 * ```
 */
export function ensureStream(broker: MemoryBroker, config: StreamConfig): Observable<StreamInfo> {
  return defer(() => of(broker.ensureStream(config).info()));
}

/**
 * Makes a durable consumer when subscribed, or changes what `config` names of one that is there; what it does not name
 * stays.
 *
 * Idempotent. Fails with `StreamNotFoundError`, with `ConsumerConflictError` where the stream cannot have it, and as
 * {@link ensureStream} does on a bad config.
 */
export function ensureConsumer(broker: MemoryBroker, config: ConsumerConfig): Observable<ConsumerInfo> {
  return defer(() => of(broker.ensureConsumer(config).info()));
}

/** Looks a stream up when subscribed. Fails with `StreamNotFoundError`. */
export function streamInfo(broker: MemoryBroker, name: string): Observable<StreamInfo> {
  return defer(() => of(broker.stream(name).info()));
}

/** Looks a consumer up when subscribed. Fails with `StreamNotFoundError` or `ConsumerNotFoundError`. */
export function consumerInfo(broker: MemoryBroker, stream: string, name: string): Observable<ConsumerInfo> {
  return defer(() => of(find(broker, stream, name).info()));
}

/** Deletes a stream with its messages and consumers when subscribed; emits whether there was one. */
export function deleteStream(broker: MemoryBroker, name: string): Observable<boolean> {
  return defer(() => of(broker.deleteStream(name)));
}

/** Deletes a consumer when subscribed; emits whether there was one. Its running subscriptions get an error. */
export function deleteConsumer(broker: MemoryBroker, stream: string, name: string): Observable<boolean> {
  return defer(() => of(broker.stream(stream).removeConsumer(name)));
}

/** Removes one message of a stream when subscribed; emits whether it was there. */
export function deleteMessage(broker: MemoryBroker, stream: string, sequence: number): Observable<boolean> {
  return defer(() => of(broker.stream(stream).remove(sequence)));
}

/** Removes messages of a stream when subscribed: all, or those that meet every condition named. Emits how many. */
export function purgeStream(broker: MemoryBroker, stream: string, options: PurgeOptions = {}): Observable<number> {
  return defer(() => {
    if (options.filter !== undefined) validateAddress(options.filter, { wildcards: true });
    return of(broker.stream(stream).purge(options));
  });
}

/** Stops a consumer's deliveries until a time, when subscribed; what is out can still be settled. */
export function pauseConsumer(
  broker: MemoryBroker,
  stream: string,
  name: string,
  until: Date | string | number,
): Observable<ConsumerInfo> {
  return defer(() => {
    const time = new Date(until).getTime();
    if (Number.isNaN(time)) throw new TypeError(`'until' is not a time: ${String(until)}`);
    const found = find(broker, stream, name);
    found.pause(time);
    return of(found.info());
  });
}

/** Lets a paused consumer go on, when subscribed. */
export function resumeConsumer(broker: MemoryBroker, stream: string, name: string): Observable<ConsumerInfo> {
  return pauseConsumer(broker, stream, name, 0);
}

function find(broker: MemoryBroker, stream: string, name: string): Consumer {
  const found = broker.stream(stream).consumers.get(name);
  if (found === undefined) throw new ConsumerNotFoundError(stream, name);
  return found;
}
