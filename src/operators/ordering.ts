import type { SchedulerLike } from 'rxjs';
import type { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import type { Decision, Failed, Outcome, Retry, Skipped } from '../core/outcome.ts';
import { isInput, whenDone } from '../core/when-done.ts';
import { lanes } from './lanes.ts';

/** Options for {@link ordering}. */
export interface OrderingOptions<T> {
  readonly orderBy: (delivery: Delivery<T>) => unknown;
  readonly maxLanes: number;
  /** How many deliveries may wait behind a retry of their key. @defaultValue half of the source's prefetch */
  readonly maxBlocked: number | undefined;
  readonly scheduler: SchedulerLike;
}

/** What an order tells whoever runs its deliveries. */
export interface OrderingEvents<T> {
  /** Its turn has come: run it, or emit what {@link Ordering.decisionOn} says. */
  ready(delivery: Delivery<T>): void;
  /** It was decided about before its turn. */
  decided(outcome: Outcome<T, never>): void;
  /** It waits: keep its lease. */
  held(delivery: Delivery<T>): void;
  /** It cannot wait here any longer: hand it back, for want of room or else since its source is gone. */
  returned(delivery: Delivery<T>, delay: number, full?: Error): void;
  /** A delivery that took time to take its turn no longer holds a slot. */
  freed(): void;
}

/** Has the deliveries of one key take turns. */
export interface Ordering<T> {
  /** How many deliveries wait for their turn. */
  readonly held: number;
  /** How many whose turn has come take time to take again what they gave up while they waited. */
  readonly resuming: number;
  /** Sees to a delivery that has a key. False: it has none. */
  take(delivery: Delivery<T>): boolean;
  /** Sees to what goes back, and has a key, so that it keeps its place. False: it has none. */
  takeDecided(outcome: Skipped<T> | Failed<T> | Retry<T>): boolean;
  /** What was decided about a delivery before its turn came. */
  decisionOn(delivery: Delivery<T>): Decision | undefined;
  /** Nothing more arrives. */
  close(): void;
  /** Takes out those that wait for their turn, all of them or what `wanted` holds for. */
  drain(wanted?: (delivery: Delivery<T>) => boolean): Delivery<T>[];
  /** Stops, and takes out all that are not ready. */
  stop(): Delivery<T>[];
}

/** Puts lanes before a handler: a delivery gives up its claim while it waits, and takes it again in its turn. */
export function ordering<T>(options: OrderingOptions<T>, events: OrderingEvents<T>): Ordering<T> {
  const { orderBy, maxLanes, maxBlocked, scheduler } = options;
  /** What was decided before it came here, and waits for its turn all the same. */
  const decided = new WeakMap<Delivery<T>, Decision>();
  const resuming = new Set<Delivery<T>>();
  const blockable = (prefetch: number) => Math.min(maxBlocked ?? Math.floor(prefetch / 2), prefetch - 1);
  const order = lanes<T>(
    { maxLanes, maxBlocked: blockable, scheduler },
    { ready: takeTurn, repeated: skip, returned: events.returned },
  );

  function enter(key: unknown, delivery: Delivery<T>): void {
    if (order.arrive(key, delivery)) events.held(delivery);
  }

  /** It takes again what it gave up while it waited, and goes on, or is decided. */
  function takeTurn(delivery: DecoratedDelivery<T>): void {
    const decision = decided.get(delivery.inner) ?? delivery.resume();
    if (!isInput<Decision | undefined>(decision)) return goOn(delivery, decision as Decision | undefined); // TypeScript cannot subtract the inputs
    resuming.add(delivery);
    const resumed = (answer: Decision | undefined) => {
      if (!resuming.delete(delivery)) return void delivery.nak(0);
      goOn(delivery, answer);
      events.freed();
    };
    whenDone<Decision | undefined>(decision, resumed, (error) => resumed({ kind: 'failed', error }));
  }

  function goOn(delivery: DecoratedDelivery<T>, decision: Decision | undefined): void {
    if (decision !== undefined) decided.set(delivery, decision);
    else if (delivery.subscription.draining.aborted) return events.returned(delivery, 0);
    events.ready(delivery);
  }

  function skip(delivery: Delivery<T>): void {
    events.decided({ kind: 'skipped', delivery, reason: 'settled by an earlier delivery' });
  }

  return {
    get held() {
      return order.held;
    },
    get resuming() {
      return resuming.size;
    },
    take(delivery) {
      let key: unknown;
      try {
        key = orderBy(delivery);
      } catch (error) {
        events.decided({ kind: 'failed', delivery, error });
        return true;
      }
      if (key === undefined) return false;
      enter(key, delivery);
      return true;
    },
    takeDecided(outcome) {
      if (outcome.kind === 'skipped') return false;
      const { delivery } = outcome;
      let key: unknown;
      try {
        key = orderBy(delivery);
      } catch {
        return false; // it has failed for another reason already
      }
      if (key === undefined) return false;
      decided.set(delivery, outcome);
      enter(key, delivery);
      return true;
    },
    decisionOn: (delivery) => decided.get(delivery),
    close: order.close,
    drain: order.drain,
    stop() {
      const left = [...resuming, ...order.drain()];
      resuming.clear();
      order.stop();
      return left;
    },
  };
}
