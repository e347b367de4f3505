import { alarm } from '../../core/alarm.ts';
import type { SubscriptionInfo } from '../../core/delivery.ts';
import { ConsumerNotFoundError } from '../../core/errors.ts';
import { heap } from '../../core/heap.ts';
import { leases } from '../../core/leases.ts';
import type { OpenAttachment, Puller } from '../../core/puller.ts';
import type { BrokerContext } from './broker-context.ts';
import type { ConsumerSettings } from './config.ts';
import { consumerCursor } from './consumer-cursor.ts';
import { type DeliveryOwner, MemoryDelivery, MemoryPosition } from './memory-delivery.ts';
import type { MessageLog, StoredMessage } from './message-log.ts';

/** What a consumer needs of its stream. */
export interface ConsumerStream {
  readonly log: MessageLog;
  readonly subjects: readonly string[];
  binds(address: string): boolean;
  /** A consumer is done with a message: it was acked or given up on purpose. */
  done(message: StoredMessage): void;
}

/** The state of a consumer for those who look. */
export interface ConsumerInfo {
  readonly config: ConsumerSettings;
  /** Messages that it has not been given yet. */
  readonly pending: number;
  /** Deliveries that are out. */
  readonly unsettled: number;
  /** Messages that wait for their redelivery. */
  readonly redelivering: number;
  /** Deliveries made so far. */
  readonly delivered: number;
  /** When it goes on, in ms since the epoch; absent unless it is paused. */
  readonly pausedUntil?: number;
}

/** Reads a stream for its pullers, and remembers what is out, what comes again, and how often each was tried. */
export interface Consumer {
  readonly settings: ConsumerSettings;
  configure(settings: ConsumerSettings): void;
  attach(puller: Puller): OpenAttachment;
  /** The stream has something new. */
  wake(): void;
  wants(address: string): boolean;
  /** Makes a function that tells whether it has, as of now, yet to be done with a message. */
  owing(): (message: StoredMessage) => boolean;
  pause(until: number): void;
  info(): ConsumerInfo;
  /** Ends it: its pullers get an error. */
  remove(): void;
}

interface Redelivery {
  readonly message: StoredMessage;
  readonly due: number;
  /** The attempts made so far. */
  readonly attempts: number;
}

interface Place extends OpenAttachment, DeliveryOwner {
  readonly puller: Puller;
  unsettled: number;
}

export function consumer(initial: ConsumerSettings, stream: ConsumerStream, context: BrokerContext): Consumer {
  const { scheduler, turns } = context;
  const { log } = stream;
  const out = leases<MemoryDelivery>();
  const redeliveries = heap<Redelivery>(
    (a, b) => a.due < b.due || (a.due === b.due && a.message.sequence < b.message.sequence),
  );
  const cursor = consumerCursor(initial, stream.subjects, log);
  const places: Place[] = [];
  /** What was given up after its last attempt, and can still be acked late. */
  const givenUp = new WeakSet<StoredMessage>();
  let settings = initial;
  let turn = 0;
  let delivered = 0;
  let pumping = false;
  let removed = false;
  let pausedUntil = 0;
  /** When `deliverNext` last looked at what is due: the clock may have ticked since. */
  let lookedAt = Number.NEGATIVE_INFINITY;
  /** Goes off for the next lease to end, redelivery to fall due or pause to be over; never while nobody listens. */
  const next = alarm(scheduler, onTime);

  function pump(): void {
    if (pumping) return;
    pumping = true;
    while (deliverNext());
    pumping = false;
    arm();
  }

  function deliverNext(): boolean {
    const now = scheduler.now();
    lookedAt = now;
    const place = placeWithDemand();
    if (place === undefined || pausedUntil > now) return false;

    const again = redeliveries.peek();
    if (again !== undefined && again.due <= now) {
      if (!turns.spend(pump)) return false;
      redeliveries.pop();
      if (again.message.sequence < log.first || log.at(again.message.sequence) === undefined) return true;
      if (again.attempts >= settings.maxDeliver) giveUp(again);
      else deliver(place, again.message, again.attempts + 1, now);
      return true;
    }

    if (out.size + redeliveries.size >= settings.maxAckPending) return false;
    if (cursor.atEnd || !turns.spend(pump)) return false;
    const message = cursor.next();
    if (message === undefined) return false;
    deliver(place, message, 1, now);
    return true;
  }

  function placeWithDemand(): Place | undefined {
    for (let i = 0; i < places.length; i += 1) {
      turn = turn + 1 < places.length ? turn + 1 : 0;
      const place = places[turn];
      if (place !== undefined && place.unsettled < place.puller.prefetch) return place;
    }
    return undefined;
  }

  function deliver(place: Place, message: StoredMessage, attempt: number, now: number): void {
    delivered += 1;
    const delivery = new MemoryDelivery(message, context.received(message), place, attempt, delivered);
    out.start(delivery, leaseOf(attempt), now);
    place.unsettled += 1;
    place.puller.ledger.received += 1;
    place.puller.next(delivery);
  }

  function leaseOf(attempt: number): number {
    const { backoff, ackWait } = settings;
    return backoff.length === 0 ? ackWait : (backoff[Math.min(attempt, backoff.length) - 1] as number);
  }

  function giveUp({ message, attempts }: Redelivery): void {
    givenUp.add(message);
    const { stream: streamName, name } = settings;
    const advisory = {
      kind: 'maxDeliveries',
      stream: streamName,
      consumer: name,
      sequence: message.sequence,
      attempts,
    } as const;
    context.advise(advisory);
    for (const status of new Set(places.map(({ puller }) => puller.status))) status(advisory);
  }

  function redeliver(delivery: MemoryDelivery, due: number): void {
    redeliveries.push({ message: delivery.carried as StoredMessage, due, attempts: delivery.attempt });
  }

  function expire(now: number): void {
    for (let delivery = out.takeExpired(now); delivery !== undefined; delivery = out.takeExpired(now)) {
      const place = delivery.owner as Place;
      place.puller.ledger.expired += 1;
      redeliver(delivery, now);
      delivery.lose();
      place.puller.status({ kind: 'leaseLost', ...identify(delivery) });
      release(place);
    }
  }

  /** Nothing more to do with a message; a consumer that is gone has no say in that. */
  function done(message: StoredMessage): void {
    if (!removed) stream.done(message);
  }

  function release(place: Place): void {
    place.unsettled -= 1;
    place.puller.settled();
  }

  function identify(delivery: MemoryDelivery): { stream: string; consumer: string; sequence: number } {
    return { stream: settings.stream, consumer: settings.name, sequence: delivery.carried.sequence };
  }

  function settle(
    place: Place,
    delivery: MemoryDelivery,
    settlement: 'ack' | 'nak' | 'term',
    delay: number,
    reason: string | undefined,
  ): boolean {
    if (delivery.lost) return settleLate(place, delivery, settlement);
    const message = delivery.carried as StoredMessage;
    const { ledger, draining } = place.puller;
    delivery.settlement = settlement;
    out.end(delivery);
    if (settlement === 'ack') {
      ledger.acked += 1;
      done(message);
    } else if (settlement === 'nak') {
      if (delay === 0 && draining.aborted) ledger.returned += 1;
      else ledger.naked += 1;
      redeliver(delivery, scheduler.now() + (Math.max(0, delay) || 0)); // NaN would never fall due
    } else {
      ledger.termed += 1;
      done(message);
      context.advise({ kind: 'terminated', ...identify(delivery), attempts: delivery.attempt, reason });
    }
    release(place);
    pump();
    return true;
  }

  /** The work was done, so a late ack still counts; a late nak or term may concern somebody else's run by now. */
  function settleLate(place: Place, delivery: MemoryDelivery, settlement: 'ack' | 'nak' | 'term'): boolean {
    const { ledger } = place.puller;
    ledger.late += 1;
    place.puller.status({ kind: 'lateSettle', ...identify(delivery), settlement });
    if (settlement !== 'ack') return false;
    delivery.settlement = 'ack';
    ledger.expired -= 1;
    ledger.acked += 1;
    const message = delivery.carried as StoredMessage;
    const waiting = redeliveries.remove((again) => again.message === message);
    if (waiting !== undefined || givenUp.delete(message)) {
      done(message);
    } else {
      for (const other of out) if (other.carried === message) settleForOther(other);
    }
    pump();
    return true;
  }

  /** Another receiver's late ack settles the run that is still going on. */
  function settleForOther(other: MemoryDelivery): void {
    const place = other.owner as Place;
    other.settlement = 'ack';
    out.end(other);
    place.puller.ledger.acked += 1;
    done(other.carried as StoredMessage);
    release(place);
  }

  function arm(): void {
    if (places.length === 0) return;
    if (out.nextDeadline >= next.at && pausedUntil === 0 && redeliveries.size === 0) return; // as after most settlements
    next.set(out.nextDeadline);
    const due = redeliveries.peek()?.due ?? Number.POSITIVE_INFINITY;
    if (pausedUntil > lookedAt) next.set(pausedUntil);
    else if (due > lookedAt) next.set(due); // what was due already waits for demand, not for time
  }

  function onTime(): void {
    if (places.length === 0) return;
    expire(scheduler.now());
    pump();
  }

  function detach(place: Place): void {
    const index = places.indexOf(place);
    if (index >= 0) places.splice(index, 1);
    if (places.length === 0) next.clear();
  }

  return {
    get settings() {
      return settings;
    },

    configure(changed) {
      settings = changed;
      cursor.configure(settings, stream.subjects);
      turns.soon(pump);
    },

    attach(puller) {
      const info: SubscriptionInfo = {
        stream: settings.stream,
        consumer: settings.name,
        lease: Math.min(...(settings.backoff.length === 0 ? [settings.ackWait] : settings.backoff)),
        prefetch: puller.prefetch,
        ...(settings.maxDeliver === Number.POSITIVE_INFINITY ? {} : { maxDeliver: settings.maxDeliver }),
        takes: (address) => stream.binds(address) && cursor.wants(address),
        draining: puller.draining,
      };
      const place: Place = {
        puller,
        info,
        unsettled: 0,
        settle: (delivery, settlement, delay, reason) => settle(place, delivery, settlement, delay, reason),
        extend: (delivery) => out.start(delivery, delivery.lease, scheduler.now()),
        position: (delivery) => new MemoryPosition(settings.stream, delivery, cursor.pending),
        detach: () => detach(place),
        abandon(reason) {
          const mine = [...out].filter((delivery) => delivery.owner === place);
          for (const delivery of mine) {
            delivery.abort(reason);
            if (delivery.settled) continue;
            delivery.settlement = 'nak';
            out.end(delivery);
            puller.ledger.abandoned += 1;
            redeliver(delivery, scheduler.now());
            release(place);
          }
          pump();
          return mine.length;
        },
      };
      places.push(place);
      turns.soon(() => {
        expire(scheduler.now());
        pump();
      });
      return place;
    },

    wake() {
      if (places.length > 0 && !pumping) turns.soon(pump);
    },

    wants: cursor.wants,

    owing() {
      const view = cursor.frozen();
      const started = new Set<unknown>(redeliveries.items().map(({ message }) => message));
      for (const { carried } of out) started.add(carried);
      return (message) => {
        if (message.sequence < view.sequence) return started.has(message) || givenUp.has(message);
        return view.wants(message.address);
      };
    },

    pause(until) {
      pausedUntil = until;
      turns.soon(pump);
    },

    info: () => ({
      config: settings,
      pending: cursor.pending(),
      unsettled: out.size,
      redelivering: redeliveries.size,
      delivered,
      ...(pausedUntil > scheduler.now() ? { pausedUntil } : {}),
    }),

    remove() {
      const error = new ConsumerNotFoundError(settings.stream, settings.name);
      removed = true;
      next.clear();
      for (const { puller } of places.splice(0)) puller.error(error);
    },
  };
}
