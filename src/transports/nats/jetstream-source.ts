import {
  catchError,
  defer,
  map,
  Observable,
  of,
  type SchedulerLike,
  type Subscription,
  switchMap,
  timeout,
} from 'rxjs';
import { deadlines } from '../../core/deadlines.ts';
import type { SubscriptionInfo } from '../../core/delivery.ts';
import type { OpenAttachment, Puller } from '../../core/puller.ts';
import { attemptAt, attemptOffset, readAckAddress } from './ack-address.ts';
import type { ClientMessage } from './client.ts';
import { confirmAck } from './confirm-ack.ts';
import type { ConsumerFacts } from './consumer-lookup.ts';
import { handBack } from './hand-back.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import type { JetStreamDelivery, JetStreamOwner, Settlement } from './jetstream-delivery.ts';
import { missedDeliveries } from './missed-deliveries.ts';
import type { NatsCodec } from './nats-codec.ts';
import { type PriorityOptions, pullLoop } from './pull-loop.ts';
import { readDelivery, readHeaders } from './read-delivery.ts';

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
const ACK = '';
const NAK = /* @__PURE__ */ encoder.encode('-NAK');
const TERM = /* @__PURE__ */ encoder.encode('+TERM');
const WORKING = /* @__PURE__ */ encoder.encode('+WPI');

const NANOS = 1_000_000;

/** How long the server may take, at the end, to say what it has delivered, in ms. */
const LEAVE_TIMEOUT = 1_000;

/** The longest delay that JetStream's nanoseconds hold with room to spare, in ms. */
const LONGEST_NAK = 3e12;

/**
 * Reads a consumer for a puller.
 *
 * Messages flow from the pull to the puller without waiting anywhere: there are never more than the puller has demand
 * for. It owns the leases: when one is over by this process's clock, the delivery is lost, and no longer counts.
 */
export function jetstreamSource(api: JetStreamApi, puller: Puller, options: JetStreamSourceOptions): OpenAttachment {
  const { stream, facts, codec, name, scheduler } = options;
  const { consumer, leases } = facts;
  const { wire } = api;
  const { ledger } = puller;
  const firstLease = leases[0] as number;
  /** A server before 2.10.4 takes a `+TERM` with a reason for nothing, and delivers again. */
  const saysWhy = facts.apiLevel >= 1;
  const out = deadlines<JetStreamDelivery>(scheduler, expire);
  const missed = missedDeliveries(facts);
  let unsettled = 0;
  let offset = -1;
  let detached = false;
  let last: JetStreamDelivery | undefined;
  /** What is handed back at the end, until it is sent, and until it has arrived. */
  let returning: JetStreamDelivery[] | undefined;
  const going: JetStreamDelivery[] = [];
  let leaving: Subscription | undefined;

  const info: SubscriptionInfo = {
    stream,
    consumer,
    lease: Math.min(...leases),
    prefetch: puller.prefetch,
    ...(facts.maxDeliver === undefined ? {} : { maxDeliver: facts.maxDeliver }),
    ...(facts.takes === undefined ? {} : { takes: facts.takes }),
    draining: puller.draining,
  };

  const owner: JetStreamOwner = { info, settle, confirm, extend, headers: (delivery) => readHeaders(delivery, codec) };
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
        defer(() => options.look(resumeAt())).pipe(switchMap((found) => handBack(wire, missed.find(found, atMost)))),
      restarted: () => puller.status({ kind: 'sourceRestarted', stream, consumer }),
      fail: (error) => puller.error(error),
    },
  );
  const connection = wire.changes$.subscribe({ complete: loseAll });
  loop.pull();

  function receive(message: ClientMessage): void {
    const ackAddress = message.reply as string;
    if (offset < 0) offset = attemptOffset(ackAddress);
    const attempt = attemptAt(ackAddress, offset);
    if (attempt > 1) supersede(ackAddress);
    const delivery = readDelivery(message, owner, codec, ackAddress, attempt, name);
    ledger.received += 1;
    unsettled += 1;
    missed.received(delivery);
    out.start(delivery, leases.length === 1 ? firstLease : leaseOf(attempt));
    if (options.ephemeral) last = delivery;
    // Nobody is left to take it, or it comes from a request that was given up: somebody else may have it at once.
    if (detached || unsettled > puller.prefetch) settle(delivery, 'nak', 0, undefined);
    else puller.next(delivery);
  }

  /** Where a consumer has to begin that takes the place of this one: what is unsettled would be forgotten with it. */
  function resumeAt(): number | undefined {
    if (last === undefined) return undefined;
    let first = last.position.sequence + 1;
    for (const { position } of out) first = Math.min(first, position.sequence);
    return first;
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

  /** Takes back what nobody can settle any more. */
  function lose(delivery: JetStreamDelivery): void {
    if (delivery.lost) return;
    out.end(delivery);
    expire(delivery);
  }

  /** The connection is closed. */
  function loseAll(): void {
    for (const delivery of [...out]) lose(delivery);
  }

  /** Nothing is left of it. */
  function end(): void {
    out.stop();
    connection.unsubscribe();
  }

  function release(): void {
    unsettled -= 1;
    if (unsettled === 0 && detached) end();
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
    if (wire.closed) lose(delivery);
    if (delivery.lost) return settleLate(delivery, settlement, true);
    if (settlement === 'ack') wire.publish(delivery.ackAddress, ACK);
    else if (settlement === 'nak' && delay === 0 && returning !== undefined) return holdBack(delivery, returning);
    else wire.publish(delivery.ackAddress, payloadOf(settlement, delay, saysWhy ? reason : undefined));
    close(delivery, settlement, delay);
    return true;
  }

  function close(delivery: JetStreamDelivery, settlement: Settlement, delay: number): void {
    book(delivery, settlement, delay);
    release();
  }

  function book(delivery: JetStreamDelivery, settlement: Settlement, delay: number): void {
    delivery.settlement = settlement;
    out.end(delivery);
    if (settlement === 'ack') ledger.acked += 1;
    else if (settlement === 'term') ledger.termed += 1;
    else if (delay === 0 && (puller.draining.aborted || detached)) ledger.returned += 1;
    else ledger.naked += 1;
  }

  function holdBack(delivery: JetStreamDelivery, held: JetStreamDelivery[]): true {
    book(delivery, 'nak', 0);
    held.push(delivery);
    return true;
  }

  /** The work was done, so a late ack still counts; a late nak or term may concern somebody else's run by now. */
  function settleLate(delivery: JetStreamDelivery, settlement: Settlement, send: boolean): boolean {
    ledger.late += 1;
    puller.status({ kind: 'lateSettle', ...identify(delivery), settlement });
    if (settlement !== 'ack' || wire.closed) return false;
    if (send) wire.publish(delivery.ackAddress, ACK);
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

  /** A lease that is over is not to be kept: the process was busy, and has yet to see it. */
  function extend(delivery: JetStreamDelivery): void {
    if (wire.closed || delivery.deadline <= scheduler.now()) return;
    wire.publish(delivery.ackAddress, WORKING);
    out.start(delivery, delivery.lease);
  }

  /**
   * What goes back at the end waits until the server has forgotten this subscription's requests: as long as it has some,
   * it tries to answer them with what comes back, finds nobody, and puts that behind the rest. What it has sent into the
   * void goes back with it. Then it comes to others in the stream's order.
   */
  function leave(): void {
    const ended = loop.stop();
    if (options.ephemeral || !wire.connected) return;
    returning = [];
    leaving = ended
      .pipe(
        switchMap((atMost) => options.look(undefined).pipe(map((found) => missed.find(found, atMost)))),
        timeout({ first: LEAVE_TIMEOUT, scheduler }),
        catchError(() => of([])), // what got lost comes after its lease
        switchMap((lost) => handBack(wire, [...held().map(({ ackAddress }) => ackAddress), ...lost])),
      )
      .subscribe({ complete: left });
  }

  /** Ends the wait: what is handed back from now on goes at once. */
  function held(): readonly JetStreamDelivery[] {
    const deliveries = returning ?? [];
    returning = undefined;
    deliveries.sort((a, b) => a.position.sequence - b.position.sequence);
    going.push(...deliveries);
    return deliveries;
  }

  function left(): void {
    leaving = undefined;
    for (const _ of going.splice(0)) release();
    puller.settled();
  }

  return {
    info,
    get unsettled() {
      return leaving === undefined ? unsettled : Math.max(1, unsettled);
    },
    detach() {
      if (detached) return;
      detached = true;
      leave();
      if (unsettled === 0) end();
    },
    abandon(reason) {
      const mine = [...out];
      if (leaving !== undefined) {
        leaving.unsubscribe();
        for (const { ackAddress } of held()) if (!wire.closed) wire.publish(ackAddress, NAK);
        left();
      }
      for (const delivery of mine) {
        delivery.abort(reason);
        if (delivery.settled || delivery.lost) continue;
        if (wire.closed) {
          lose(delivery);
          continue;
        }
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
