import { Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery, Position } from '../core/delivery.ts';
import { eventKey } from '../core/event.ts';

/** What the lanes tell whoever runs their deliveries, when one arrives or a settlement moves its lane on. */
export interface LaneEvents<T> {
  /** It is first in its lane: run it. */
  ready(delivery: DecoratedDelivery<T>): void;
  /** Its event was settled by an earlier delivery: there is nothing to do. */
  repeated(delivery: Delivery<T>): void;
  /** It cannot wait here for its turn: hand it back for `delay` ms. */
  returned(delivery: Delivery<T>, delay: number): void;
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

/** The place in the stream: of several streams or consumers, with their names. Or where there is none, source and id. */
type Identity = number | string;

interface Lane<T> {
  readonly key: unknown;
  /** Running, or done and not yet settled. */
  head: LaneDelivery<T> | undefined;
  /** Waiting, in order. */
  held: LaneDelivery<T>[];
  /** Handed back and expected to return, each with its place in the order and how long it is waited for. */
  away: Map<Identity, Away>;
  lastDone: Identity | undefined;
}

interface Away {
  readonly rank: number;
  readonly due: number;
  readonly until: number;
}

/** What a lane holds and waits for as long as it holds and waits for nothing: one for all, never changed. */
const NOBODY: never[] = [];
const NOWHERE: Map<Identity, Away> = new Map();

/** How much longer than its delay a retry is waited for where there is no lease to go by, in ms. */
const DEFAULT_PATIENCE = 30_000;

/** The longest delay that host timers take. */
const MAX_TIMER = 2 ** 31 - 1;

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
  let timer: Subscription | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  function arrive(key: unknown, inner: Delivery<T>): boolean {
    const lane = byKey.get(key) ?? open(key);
    if (lane === undefined) {
      events.returned(inner, FULL_DELAY);
      return false;
    }
    const delivery = enter(lane, inner);
    if (mayRun(lane, delivery)) {
      lane.head = delivery;
      events.ready(delivery);
      return false;
    }
    if (lane.away.size > 0 && blocked >= maxBlocked(inner.subscription.prefetch) && redelivers(inner)) {
      const delay = returnDelay(lane);
      waitFor(lane, delivery, delay);
      events.returned(delivery, delay);
      return false;
    }
    change(lane, () => insert(lane, delivery));
    return true;
  }

  function open(key: unknown): Lane<T> | undefined {
    if (byKey.size >= maxLanes) return undefined;
    const lane: Lane<T> = { key, head: undefined, held: NOBODY, away: NOWHERE, lastDone: undefined };
    byKey.set(key, lane);
    return lane;
  }

  function enter(lane: Lane<T>, inner: Delivery<T>): LaneDelivery<T> {
    arrivals += 1;
    const { position } = inner;
    const identity = position === undefined ? eventKey(inner.event) : placeOf(position, inner.subscription.consumer);
    const away = lane.away.size === 0 ? undefined : lane.away.get(identity);
    if (away !== undefined) change(lane, () => lane.away.delete(identity));
    return new LaneDelivery(inner, lane, settled, identity, position?.sequence ?? away?.rank ?? arrivals);
  }

  /** There is one source mostly, the first; only the places of others need a name. */
  function placeOf({ stream, sequence }: Position, consumer: string | undefined): Identity {
    home ??= { stream, consumer };
    return stream === home.stream && consumer === home.consumer ? sequence : `${stream} ${consumer ?? ''} ${sequence}`;
  }

  /** Nobody runs in its lane, and nothing that comes before it waits there or is on its way back. */
  function mayRun(lane: Lane<T>, delivery: LaneDelivery<T>): boolean {
    if (lane.head !== undefined) return false;
    const first = lane.held[0];
    if (first !== undefined && first.rank < delivery.rank) return false;
    if (lane.away.size > 0) for (const { rank } of lane.away.values()) if (rank < delivery.rank) return false;
    return true;
  }

  /** `delay` is undefined for a delivery that is done with, and how long it is away for otherwise. */
  function settled(delivery: LaneDelivery<T>, delay: number | undefined): void {
    const { lane } = delivery;
    const isHead = lane.head === delivery;
    if (delay === undefined) lane.lastDone = delivery.identity;
    else if (!closed) waitFor(lane, delivery, delay);
    else if (isHead && redelivers(delivery)) returnHeld(lane);
    if (isHead) lane.head = undefined;
    if (lane.head === undefined) moveOn(lane);
  }

  function waitFor(lane: Lane<T>, delivery: LaneDelivery<T>, delay: number): void {
    if (!redelivers(delivery) || lane.held.some(({ identity }) => identity === delivery.identity)) return;
    const due = scheduler.now() + delay;
    const until = due + patienceOf(delivery);
    change(lane, () => {
      if (lane.away === NOWHERE) lane.away = new Map();
      lane.away.set(delivery.identity, { rank: delivery.rank, due, until });
    });
    lookAt(until);
  }

  /** One timer for the first that is overdue. */
  function lookAt(time: number): void {
    if (time >= timerAt) return;
    timer?.unsubscribe();
    timerAt = time;
    timer = scheduler.schedule(forgetOverdue, Math.min(MAX_TIMER, time - scheduler.now()));
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
    timerAt = Number.POSITIVE_INFINITY;
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
    lookAt(next);
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

  function returnDelay(lane: Lane<T>): number {
    let due = 0;
    for (const away of lane.away.values()) due = Math.max(due, away.due);
    return Math.max(1, due - scheduler.now());
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
      timer?.unsubscribe();
      timerAt = Number.NEGATIVE_INFINITY;
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
      timer?.unsubscribe();
      timerAt = Number.NEGATIVE_INFINITY;
      byKey.clear();
    },
  };
}

function insert<T>(lane: Lane<T>, delivery: LaneDelivery<T>): void {
  if (lane.held === NOBODY) lane.held = [];
  const { held } = lane;
  let index = held.length;
  while (index > 0 && (held[index - 1] as LaneDelivery<T>).rank > delivery.rank) index -= 1;
  held.splice(index, 0, delivery);
}

/** Whether the broker will deliver it again after a nak. */
function redelivers({ position, attempt, subscription }: Delivery): boolean {
  return position !== undefined && attempt < (subscription.maxDeliver ?? Number.POSITIVE_INFINITY);
}

function patienceOf({ subscription }: Delivery): number {
  const { lease = DEFAULT_PATIENCE } = subscription;
  return lease === Number.POSITIVE_INFINITY ? DEFAULT_PATIENCE : lease;
}

/** A delivery that tells its lane, once, that it was settled: whether here, or elsewhere after its lease was lost. */
class LaneDelivery<T> extends DecoratedDelivery<T> {
  readonly lane: Lane<T>;
  readonly identity: Identity;
  readonly rank: number;
  readonly #settled: (delivery: LaneDelivery<T>, delay: number | undefined) => void;
  #told = false;

  constructor(
    inner: Delivery<T>,
    lane: Lane<T>,
    settled: (delivery: LaneDelivery<T>, delay: number | undefined) => void,
    identity: Identity,
    rank: number,
  ) {
    super(inner);
    this.lane = lane;
    this.#settled = settled;
    this.identity = identity;
    this.rank = rank;
  }

  override ack(): boolean {
    return this.#tell(this.inner.ack(), undefined);
  }

  override nak(delay = 0): boolean {
    return this.#tell(this.inner.nak(delay), delay);
  }

  override term(reason?: string): boolean {
    return this.#tell(this.inner.term(reason), this.inner.lost === true ? 0 : undefined);
  }

  override confirm(): Observable<void> {
    return new Observable((subscriber) => {
      const tell = () => this.#tell(true, undefined);
      return this.inner.confirm().subscribe({
        error: (error) => {
          subscriber.error(error);
          tell();
        },
        complete: () => {
          subscriber.complete();
          tell();
        },
      });
    });
  }

  #tell(stood: boolean, delay: number | undefined): boolean {
    if (this.#told) return stood;
    this.#told = true;
    this.#settled(this, stood || this.inner.lost === true ? delay : undefined);
    return stood;
  }
}
