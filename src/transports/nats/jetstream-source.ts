import { defer, Observable, type SchedulerLike, switchMap } from 'rxjs';
import { NO_HEADERS } from '../../core/addressing.ts';
import { deadlines } from '../../core/deadlines.ts';
import type { MessageHeaders, SubscriptionInfo } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Attachment, Puller } from '../../core/puller.ts';
import { undecodable } from '../../core/undecodable.ts';
import { attemptAt, attemptOffset, readAckAddress } from './ack-address.ts';
import { type ClientMessage, headerBlockIs, headerBlockOf } from './client.ts';
import { confirmAck } from './confirm-ack.ts';
import type { ConsumerFacts } from './consumer-lookup.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import { JetStreamDelivery, type JetStreamOwner, type Settlement } from './jetstream-delivery.ts';
import { headersBeside, isPlainBlock, originalHeaders, PLAIN_BLOCK } from './jetstream-headers.ts';
import { missedDeliveries } from './missed-deliveries.ts';
import type { NatsCodec } from './nats-codec.ts';
import { type PriorityOptions, pullLoop } from './pull-loop.ts';

/** Options for {@link jetstreamSource}. */
export interface JetStreamSourceOptions extends PriorityOptions {
  readonly stream: string;
  readonly facts: ConsumerFacts;
  readonly codec: NatsCodec;
  /** Fills the source of what is no event. */
  readonly name: string;
  readonly expires: number;
  readonly heartbeat: number;
  /** Looks whether the consumer is still there; one that lives as long as its subscription is made again, to begin at `resumeAt`. */
  readonly look: (resumeAt: number | undefined) => Observable<ConsumerFacts>;
  readonly ephemeral: boolean;
  readonly scheduler: SchedulerLike;
}

/** What a settlement is, as JetStream reads it; an ack is nothing at all. */
const encoder = /* @__PURE__ */ new TextEncoder();
const NAK = /* @__PURE__ */ encoder.encode('-NAK');
const TERM = /* @__PURE__ */ encoder.encode('+TERM');
const WORKING = /* @__PURE__ */ encoder.encode('+WPI');

const NANOS = 1_000_000;

/** The longest delay that JetStream's nanoseconds hold with room to spare, in ms. */
const LONGEST_NAK = 3e12;

/**
 * Reads a consumer for a puller.
 *
 * Messages flow from the pull to the puller without waiting anywhere: there are never more than the puller has demand
 * for. It owns the leases: when one is over by this process's clock, the delivery is lost, and no longer counts.
 */
export function jetstreamSource(api: JetStreamApi, puller: Puller, options: JetStreamSourceOptions): Attachment {
  const { stream, facts, codec, name, scheduler } = options;
  const { consumer, leases } = facts;
  const { wire } = api;
  const { ledger } = puller;
  const firstLease = leases[0] as number;
  /** A server before 2.10.4 takes a `+TERM` with a reason for nothing, and delivers again. */
  const saysWhy = facts.apiLevel >= 1;
  const out = deadlines<JetStreamDelivery>(scheduler, expire);
  const missed = missedDeliveries(wire, facts);
  let unsettled = 0;
  let offset = -1;
  let detached = false;
  let last: JetStreamDelivery | undefined;

  const info: SubscriptionInfo = {
    stream,
    consumer,
    lease: Math.min(...leases),
    prefetch: puller.prefetch,
    ...(facts.maxDeliver === undefined ? {} : { maxDeliver: facts.maxDeliver }),
    ...(facts.takes === undefined ? {} : { takes: facts.takes }),
    draining: puller.draining,
  };

  const owner: JetStreamOwner = { info, settle, confirm, extend, headers };
  const loop = pullLoop(
    api,
    {
      ...options,
      consumer,
      prefetch: puller.prefetch,
      maxBatch: facts.maxBatch,
      expires: Math.min(options.expires, facts.maxExpires),
    },
    {
      room: () => puller.prefetch - unsettled,
      receive,
      look: (atMost) =>
        defer(() => options.look(resumeAt())).pipe(switchMap((found) => missed.handBack(found, atMost))),
      restarted: () => puller.status({ kind: 'sourceRestarted', stream, consumer }),
      fail: (error) => puller.error(error),
    },
  );
  loop.pull();

  function receive(message: ClientMessage): void {
    const ackAddress = message.reply as string;
    if (offset < 0) offset = attemptOffset(ackAddress);
    const attempt = attemptAt(ackAddress, offset);
    if (attempt > 1) supersede(ackAddress);
    const delivery = read(message, ackAddress, attempt);
    ledger.received += 1;
    unsettled += 1;
    missed.received(delivery);
    out.start(delivery, leases.length === 1 ? firstLease : leaseOf(attempt));
    if (options.ephemeral) last = delivery;
    // Nobody is left to take it, or it comes from a request that was given up: somebody else may have it at once.
    if (detached || unsettled > puller.prefetch) handBack(delivery);
    else puller.next(delivery);
  }

  /** Where a consumer has to begin that takes the place of this one: what is unsettled would be forgotten with it. */
  function resumeAt(): number | undefined {
    if (last === undefined) return undefined;
    let first = last.position.sequence + 1;
    for (const { position } of out) first = Math.min(first, position.sequence);
    return first;
  }

  function read(message: ClientMessage, ackAddress: string, attempt: number): JetStreamDelivery {
    const isPlain = headerBlockIs(message, isPlainBlock);
    const frame = { headers: isPlain ? PLAIN_BLOCK : headerBlockOf(message), data: message.data };
    let event: Event;
    try {
      event = codec.decode(frame);
    } catch (failure) {
      const { sequence } = readAckAddress(ackAddress);
      const wrapped = undecodable(frame, failure, { id: `${stream}-${sequence}`, source: name });
      return new JetStreamDelivery(message, owner, wrapped, ackAddress, attempt, failure, undefined);
    }
    return new JetStreamDelivery(
      message,
      owner,
      event,
      ackAddress,
      attempt,
      undefined,
      isPlain ? NO_HEADERS : undefined,
    );
  }

  function leaseOf(attempt: number): number {
    return leases[Math.min(attempt, leases.length) - 1] as number;
  }

  /** The server delivers a message again only when it has taken back the last delivery of it. */
  function supersede(ackAddress: string): void {
    const { sequence } = readAckAddress(ackAddress);
    for (const delivery of out) {
      if (delivery.position.sequence !== sequence) continue;
      out.end(delivery);
      expire(delivery);
    }
  }

  function expire(delivery: JetStreamDelivery): void {
    ledger.expired += 1;
    delivery.lose();
    puller.status({ kind: 'leaseLost', ...identify(delivery) });
    release();
  }

  function release(): void {
    unsettled -= 1;
    if (unsettled === 0 && detached) out.stop();
    puller.settled();
    loop.pull();
  }

  function identify({ position }: JetStreamDelivery): { stream: string; consumer: string; sequence: number } {
    return { stream, consumer, sequence: position.sequence };
  }

  function settle(
    delivery: JetStreamDelivery,
    settlement: Settlement,
    delay: number,
    reason: string | undefined,
  ): boolean {
    if (delivery.lost) return settleLate(delivery, settlement, true);
    if (settlement === 'ack') wire.ack(delivery.ackAddress);
    else wire.publish(delivery.ackAddress, payloadOf(settlement, delay, saysWhy ? reason : undefined));
    close(delivery, settlement, delay);
    return true;
  }

  function close(delivery: JetStreamDelivery, settlement: Settlement, delay: number): void {
    delivery.settlement = settlement;
    out.end(delivery);
    if (settlement === 'ack') ledger.acked += 1;
    else if (settlement === 'term') ledger.termed += 1;
    else if (delay === 0 && (puller.draining.aborted || detached)) ledger.returned += 1;
    else ledger.naked += 1;
    release();
  }

  /** The work was done, so a late ack still counts; a late nak or term may concern somebody else's run by now. */
  function settleLate(delivery: JetStreamDelivery, settlement: Settlement, send: boolean): boolean {
    ledger.late += 1;
    puller.status({ kind: 'lateSettle', ...identify(delivery), settlement });
    if (settlement !== 'ack') return false;
    if (send) wire.ack(delivery.ackAddress);
    delivery.settlement = 'ack';
    ledger.expired -= 1;
    ledger.acked += 1;
    return true;
  }

  function confirm(delivery: JetStreamDelivery): Observable<void> {
    return new Observable<void>((subscriber) => {
      if (delivery.settlement === undefined) {
        if (delivery.lost) settleLate(delivery, 'ack', false);
        else close(delivery, 'ack', 0);
      }
      subscriber.add(confirmAck(wire, delivery.ackAddress, api.timeout).subscribe(subscriber));
    });
  }

  function extend(delivery: JetStreamDelivery): void {
    wire.publish(delivery.ackAddress, WORKING);
    out.start(delivery, delivery.lease);
  }

  function headers({ message, failure }: JetStreamDelivery): MessageHeaders {
    const frame = { headers: headerBlockOf(message), data: message.data };
    return failure === undefined ? headersBeside(codec, frame) : originalHeaders(frame);
  }

  function handBack(delivery: JetStreamDelivery): void {
    wire.publish(delivery.ackAddress, NAK);
    close(delivery, 'nak', 0);
  }

  return {
    get unsettled() {
      return unsettled;
    },
    detach() {
      if (detached) return;
      detached = true;
      loop.stop();
      if (unsettled === 0) out.stop();
    },
    abandon(reason) {
      const mine = [...out];
      for (const delivery of mine) {
        delivery.abort(reason);
        if (delivery.settled) continue;
        wire.publish(delivery.ackAddress, NAK);
        delivery.settlement = 'nak';
        out.end(delivery);
        ledger.abandoned += 1;
        release();
      }
      return mine.length;
    },
  };
}

function payloadOf(settlement: 'nak' | 'term', delay: number, reason: string | undefined): Uint8Array {
  if (settlement === 'term') return reason === undefined ? TERM : encoder.encode(`+TERM ${oneLine(reason)}`);
  const nanos = Math.min(Math.ceil(delay), LONGEST_NAK) * NANOS;
  return nanos > 0 ? encoder.encode(`-NAK {"delay":${nanos}}`) : NAK;
}

/** A reason travels in an advisory, and is for people: one line of it is enough. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 512);
}
