import type { SchedulerLike } from 'rxjs';
import { alarm } from '../core/alarm.ts';
import type { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery, Position } from '../core/delivery.ts';
import { BufferOverflowError } from '../core/errors.ts';
import { eventKey } from '../core/event.ts';
import {
  emptyLane,
  expectBack,
  type Fate,
  type Identity,
  insert,
  isBehindRetry,
  type Lane,
  LaneDelivery,
  mayRun,
  patienceOf,
  redelivers,
} from './lane.ts';

/** What the lanes tell whoever runs their deliveries, when one arrives or a settlement moves its lane on. */
export interface LaneEvents<T> {
  /** It is first in its lane: run it. */
  ready(delivery: DecoratedDelivery<T>): void;
  /** Its event was settled by an earlier delivery: there is nothing to do. */
  repeated(delivery: Delivery<T>): void;
  /** It cannot wait here for its turn, since `full`, or since nothing more arrives: hand it back for `delay` ms. */
  returned(delivery: Delivery<T>, delay: number, full?: BufferOverflowError): void;
}

/** Keeps each key's deliveries in order, one at a time, while different keys run side by side. */
export interface Lanes<T> {
  /** How many lanes there are. */
  readonly size: number;
  /** How many deliveries wait in them. */
  readonly held: number;
  /** Runs it, holds it or returns it. True: it is held. */
  arrive(key: unknown, delivery: Delivery<T>): boolean;
  /** Nothing more arrives, so whatever waits for a retry is returned, now and from now on. */
  close(): void;
  /** Takes out what is held, all of it or what `wanted` holds for, in no particular order. */
  drain(wanted?: (delivery: Delivery<T>) => boolean): Delivery<T>[];
  stop(): void;
}

/** Options for {@link lanes}. */
export interface LanesOptions {
  readonly maxLanes: number;
  /** How many deliveries may wait behind heads that wait for their retry, by the source's prefetch. */
  readonly maxBlocked: (prefetch: number) => number;
  readonly scheduler: SchedulerLike;
}

/** How long a delivery is handed back for at first and at most, in ms, when there is no room for it behind a retry. */
const RETURN_DELAY = 100;
const MAX_RETURN_DELAY = 10_000;

/** How long a delivery is handed back for when there are as many lanes as there may be, in ms. */
const FULL_DELAY = 1_000;

export function lanes<T>(options: LanesOptions, events: LaneEvents<T>): Lanes<T> {
  const { maxLanes, maxBlocked, scheduler } = options;
  const byKey = new Map<unknown, Lane<T>>();
  let arrivals = 0;
  let held = 0;
  let blocked = 0;
  let closed = false;
  let home: { readonly stream: string; readonly consumer: string | undefined } | undefined;
  /** Goes off when the first one that is away is overdue. */
  const overdue = alarm(scheduler, forgetOverdue);

  function arrive(key: unknown, inner: Delivery<T>): boolean {
    const lane = byKey.get(key) ?? open(key);
    if (lane === undefined) {
      events.returned(inner, FULL_DELAY, new BufferOverflowError('The set of lanes', maxLanes));
      return false;
    }
    const delivery = enter(lane, inner);
    if (mayRun(lane, delivery)) {
      lane.head = delivery;
      events.ready(delivery);
      return false;
    }
    if (isBehindRetry(lane, delivery) && blocked >= roomFor(inner)) {
      sendBack(lane, delivery);
      return false;
    }
    delivery.park();
    change(lane, () => insert(lane, delivery));
    return true;
  }

  function open(key: unknown): Lane<T> | undefined {
    if (byKey.size >= maxLanes) return undefined;
    const lane = emptyLane<T>(key);
    byKey.set(key, lane);
    return lane;
  }

  function enter(lane: Lane<T>, inner: Delivery<T>): LaneDelivery<T> {
    arrivals += 1;
    const { position } = inner;
    const identity = position === undefined ? eventKey(inner.event) : placeOf(position, inner.subscription.consumer);
    const away = lane.away.size === 0 ? undefined : lane.away.get(identity);
    if (away !== undefined) change(lane, () => lane.away.delete(identity));
    const rank = position?.sequence ?? away?.rank ?? arrivals;
    return new LaneDelivery(inner, { lane, settled, identity, rank, returns: away?.returns ?? 0 });
  }

  /** There is one source mostly, the first; only the places of others need a name. */
  function placeOf({ stream, sequence }: Position, consumer: string | undefined): Identity {
    home ??= { stream, consumer };
    return stream === home.stream && consumer === home.consumer ? sequence : `${stream} ${consumer ?? ''} ${sequence}`;
  }

  /** Beside how many that are blocked it may wait. What nothing would bring again gets all room but that of the retry. */
  function roomFor(delivery: Delivery<T>): number {
    const { prefetch } = delivery.subscription;
    return redelivers(delivery) ? maxBlocked(prefetch) : prefetch - 1;
  }

  function settled(delivery: LaneDelivery<T>, fate: Fate): void {
    const { lane } = delivery;
    const isHead = lane.head === delivery;
    const delay = typeof fate === 'number' ? fate : undefined;
    if (fate === 'done') lane.lastDone = delivery.identity;
    if (delay === undefined) {
      // Nothing of it comes back.
    } else if (!closed) waitFor(lane, delivery, delay);
    else if (isHead && redelivers(delivery)) returnHeld(lane);
    if (isHead) lane.head = undefined;
    if (lane.head === undefined) moveOn(lane);
    if (isHead && delay !== undefined) makeRoom(lane);
  }

  /** Returns what is more than may be blocked, from the last on: what waited behind one that ran now waits for its retry. */
  function makeRoom(lane: Lane<T>): void {
    for (let index = lane.held.length - 1; index >= 0 && lane.away.size > 0; index -= 1) {
      const delivery = lane.held[index];
      if (delivery === undefined || blocked <= roomFor(delivery)) continue;
      change(lane, () => lane.held.splice(index, 1));
      sendBack(lane, delivery);
    }
  }

  /** Returns it until the retries that it waits for are due, and expects it again. */
  function sendBack(lane: Lane<T>, delivery: LaneDelivery<T>): void {
    const delay = returnDelay(lane, delivery.returns);
    delivery.returns += 1;
    waitFor(lane, delivery, delay);
    events.returned(delivery, delay, new BufferOverflowError('The room behind retries', roomFor(delivery)));
  }

  function waitFor(lane: Lane<T>, delivery: LaneDelivery<T>, delay: number): void {
    const isBack = lane.held.some(({ identity, settled: isOver }) => identity === delivery.identity && !isOver);
    if (isBack || !redelivers(delivery)) return;
    const due = scheduler.now() + delay;
    const until = due + patienceOf(delivery);
    const { identity, rank, returns } = delivery;
    change(lane, () => expectBack(lane, identity, { rank, returns, due, until }));
    if (!closed) overdue.set(until);
  }

  function moveOn(lane: Lane<T>): void {
    const first = lane.held[0];
    if (first === undefined) {
      if (lane.away.size === 0) byKey.delete(lane.key);
      return;
    }
    if (!mayRun(lane, first)) return;
    change(lane, () => lane.held.shift());
    lane.head = first;
    if (first.identity === lane.lastDone) events.repeated(first);
    else events.ready(first);
  }

  /** What does not come back in time went elsewhere, or was given up: its lane does not wait for it any longer. */
  function forgetOverdue(): void {
    const now = scheduler.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lane of [...byKey.values()]) {
      const overdue = [...lane.away].filter(([, { until }]) => until <= now);
      change(lane, () => {
        for (const [identity] of overdue) lane.away.delete(identity);
      });
      for (const { until } of lane.away.values()) next = Math.min(next, until);
      if (overdue.length > 0 && lane.head === undefined) moveOn(lane);
    }
    overdue.set(next);
  }

  /** One by one, so that `held` says how many are left. */
  function returnHeld(lane: Lane<T>): void {
    while (lane.held.length > 0) events.returned(change(lane, () => lane.held.shift()) as LaneDelivery<T>, 0);
  }

  /** Changes what a lane holds or waits for, and keeps count. */
  function change<V>(lane: Lane<T>, mutate: () => V): V {
    held -= lane.held.length;
    if (lane.away.size > 0) blocked -= lane.held.length;
    const value = mutate();
    held += lane.held.length;
    if (lane.away.size > 0) blocked += lane.held.length;
    return value;
  }

  /** Until the retries that it waits for are due, and longer each time that it finds no room again. */
  function returnDelay(lane: Lane<T>, returns: number): number {
    let due = 0;
    for (const away of lane.away.values()) due = Math.max(due, away.due);
    return Math.max(due - scheduler.now(), Math.min(MAX_RETURN_DELAY, RETURN_DELAY * 2 ** returns));
  }

  return {
    get size() {
      return byKey.size;
    },
    get held() {
      return held;
    },
    arrive,
    close() {
      closed = true;
      overdue.clear();
      for (const lane of [...byKey.values()]) {
        if (lane.away.size === 0) continue;
        returnHeld(lane);
        lane.away.clear();
        if (lane.head === undefined) byKey.delete(lane.key);
      }
    },
    drain: (wanted = () => true) =>
      [...byKey.values()].flatMap((lane) => {
        const taken = lane.held.filter(wanted);
        if (taken.length > 0) {
          change(lane, () => {
            lane.held = lane.held.filter((delivery) => !taken.includes(delivery));
          });
        }
        return taken;
      }),
    stop() {
      closed = true;
      overdue.clear();
      byKey.clear();
    },
  };
}
