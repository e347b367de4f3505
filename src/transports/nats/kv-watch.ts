import { randomUUID } from 'node:crypto';
import { concat, defer, interval, Observable, retry, switchMap, throwError, timer } from 'rxjs';
import { oneOf, wholeNumber } from '../../core/check-options.ts';
import { RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import { readAckAddress } from './ack-address.ts';
import { type ClientMessage, headerBlockOf } from './client.ts';
import { endWithConnection } from './end-with-connection.ts';
import { BucketNotFoundError, JetStreamApiError, JetStreamUnavailableError } from './errors.ts';
import { decodeHeaders, statusOf } from './headers.ts';
import { type KvApi, kvErrors } from './kv-api.ts';
import { deliveredEntry, type RawEntry } from './kv-entry.ts';
import { subjectOf } from './kv-names.ts';
import { NANOS } from './nanos.ts';

/** Where a watch begins: with the last entry of each key, all that are kept, what comes from now on, or a revision. */
export type KvStart = 'last' | 'all' | 'new' | { readonly revision: number };

/** What is watched, and how. */
export interface WatchPlan {
  readonly filter: string;
  readonly from: KvStart;
  /** Whether values stay away. */
  readonly headersOnly: boolean;
  /** How often a server that has nothing to say says so, in ms. */
  readonly heartbeat: number;
}

/** One of the consumers that a watch has, one after another. */
interface Reader {
  readonly name: string;
  readonly close: () => void;
  /** The last sequence of the consumer itself, which has no gaps. */
  sequence: number;
  /** How many entries there were when it was made. */
  initial: number;
  gone: boolean;
}

interface ConsumerAnswer {
  readonly num_pending: number;
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number };
}

const NOTHING = /* @__PURE__ */ new Uint8Array(0);
const LONGEST_DELAY = 5_000;

/** Servers take no shorter one. */
const LEAST_HEARTBEAT = 100;

/**
 * Watches entries in their order while subscribed, without gaps and without repeating any; `'current'` once, after those
 * that there were when it began.
 *
 * A consumer that has lost its place, its server or its connection is replaced by one that goes on after the last entry.
 */
export function watchEntries(kv: KvApi, plan: WatchPlan): Observable<RawEntry | 'current'> {
  const { bucket, stream, api } = kv;
  const { wire } = api;

  return new Observable((subscriber) => {
    if (wire.closed) throw new TransportClosedError('nats');
    let last = 0;
    let isCurrent = false;
    let quiet = 0;
    let reader: Reader | undefined;

    function open(): void {
      reader?.close();
      quiet = 0;
      const name = randomUUID().replaceAll('-', '');
      const address = `${wire.inbox.prefix}kv.${name}`;
      const mine: Reader = { name, close, sequence: 0, initial: Number.POSITIVE_INFINITY, gone: false };
      reader = mine;
      const unlisten = wire.listen(address, undefined, (message) => {
        if (!mine.gone) receive(mine, message);
      });
      let isMade = false;

      function close(): void {
        if (mine.gone) return;
        mine.gone = true;
        unlisten();
        if (isMade) remove(name);
      }

      const creation = defer(() =>
        api.ask<ConsumerAnswer>(`CONSUMER.CREATE.${stream}.${name}`, configFor(name, address)),
      );
      concat(last === 0 ? [] : unlessReplaced(), creation)
        .pipe(
          kvErrors(bucket),
          retry({
            delay: (error: unknown, retries) =>
              isTransient(error) && !mine.gone
                ? timer(Math.min(LONGEST_DELAY, 100 * 2 ** retries), wire.scheduler)
                : throwError(() => error),
          }),
        )
        .subscribe({
          next(answer) {
            isMade = true;
            if (mine.gone)
              remove(name); // the watch ended before it was made
            else made(mine, answer);
          },
          error(error: unknown) {
            if (!mine.gone) subscriber.error(error);
          },
        });
    }

    /** Where there was nothing to tell when it began, all that is there now is new. */
    function configFor(name: string, address: string): object {
      const { filter, from, headersOnly, heartbeat } = plan;
      return {
        stream_name: stream,
        config: {
          name,
          deliver_subject: address,
          filter_subject: subjectOf(bucket, filter),
          ack_policy: 'none',
          max_deliver: 1,
          mem_storage: true,
          num_replicas: 1,
          flow_control: true,
          idle_heartbeat: heartbeat * NANOS,
          headers_only: headersOnly,
          ...(last > 0 ? after(last) : startOf(isCurrent && from === 'last' ? 'all' : from)),
        },
      };
    }

    /** Fails when the bucket is another one than before: its revisions begin anew. */
    function unlessReplaced(): Observable<never> {
      return api
        .ask<{ state: { last_seq: number } }>(`STREAM.INFO.${stream}`)
        .pipe(
          switchMap(({ state }) => (state.last_seq < last ? throwError(() => new BucketNotFoundError(bucket)) : [])),
        );
    }

    function remove(name: string): void {
      if (wire.closed) return;
      // Who watched is gone. Where this fails the server removes it by itself, as nobody listens to it.
      api.ask(`CONSUMER.DELETE.${stream}.${name}`).subscribe({ error: () => undefined });
    }

    function made(mine: Reader, { num_pending: pending, delivered }: ConsumerAnswer): void {
      mine.initial = pending + delivered.consumer_seq;
      if (plan.from === 'new' && last === 0 && delivered.consumer_seq === 0) last = delivered.stream_seq;
      if (mine.sequence >= mine.initial) becomeCurrent();
    }

    function becomeCurrent(): void {
      if (isCurrent) return;
      isCurrent = true;
      subscriber.next('current');
    }

    function receive(mine: Reader, message: ClientMessage): void {
      quiet = 0;
      const block = message.data.length === 0 ? headerBlockOf(message) : undefined;
      const status = block === undefined ? undefined : statusOf(block);
      if (block !== undefined && status !== undefined) return control(mine, status.code, block, message);
      const { sequence, consumerSequence, pending } = readAckAddress(message.reply ?? '');
      if (consumerSequence !== mine.sequence + 1) return open(); // something was lost on the way
      mine.sequence = consumerSequence;
      last = sequence;
      subscriber.next(deliveredEntry(message));
      if (!mine.gone && (pending === 0 || mine.sequence >= mine.initial)) becomeCurrent();
    }

    function control(mine: Reader, code: number, block: Uint8Array, { reply = '' }: ClientMessage): void {
      if (code !== 100) return open(); // the consumer is gone
      const headers = decodeHeaders(block);
      const stalled = headers['Nats-Consumer-Stalled'] ?? reply;
      if (stalled !== '') wire.publish(stalled, NOTHING); // it waits until its messages were read
      if (Number(headers['Nats-Last-Consumer'] ?? 0) > mine.sequence) open();
    }

    endWithConnection(wire, subscriber);
    subscriber.add(() => reader?.close());
    subscriber.add(
      wire.changes$.subscribe({
        next: ({ kind }) => {
          if (kind === 'connected') open();
        },
      }),
    );
    subscriber.add(
      interval(plan.heartbeat, wire.scheduler).subscribe(() => {
        quiet = wire.connected ? quiet + 1 : 0;
        if (quiet > 2) open();
      }),
    );
    open();
  });
}

/** Checks the options of a watch. @throws TypeError or RangeError */
export function checkWatch(from: KvStart, heartbeat: number): void {
  if (typeof from === 'object' && from !== null) wholeNumber('from.revision', from.revision);
  else oneOf('from', from, ['last', 'all', 'new']);
  wholeNumber('heartbeat', heartbeat);
  if (heartbeat < LEAST_HEARTBEAT)
    throw new RangeError(`'heartbeat' must be at least ${LEAST_HEARTBEAT} ms, not ${heartbeat}`);
}

function after(revision: number): object {
  return { deliver_policy: 'by_start_sequence', opt_start_seq: revision + 1 };
}

function startOf(from: KvStart): object {
  if (typeof from === 'object') return after(from.revision - 1);
  return { deliver_policy: from === 'last' ? 'last_per_subject' : from };
}

/** Whether it may be otherwise in a moment: no answer, no leader. */
function isTransient(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status === 503;
  return error instanceof RequestTimeoutError || error instanceof JetStreamUnavailableError;
}
