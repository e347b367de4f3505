import { type FakeDelivery, type FakeDeliveryInit, type VirtualTime, virtualTime } from 'millrace/testing';
import type { Delivery } from '../../src/core/delivery.ts';
import { type Lanes, type LanesOptions, lanes } from '../../src/operators/lanes.ts';
import { nthDelivery } from './made.ts';

/** Lanes by themselves, in virtual time. */
export interface LanesRig {
  readonly time: VirtualTime;
  readonly lanes: Lanes<unknown>;
  /** Has the nth delivery of the stream arrive. */
  arrive(n: number, key?: unknown, init?: FakeDeliveryInit): FakeDelivery;
  /** The nth delivery, as the lanes last ran it. */
  running(n: number): Delivery;
  /** What the lanes said since it was last asked: `run 1`, `repeat 1`, `return 1 200`. */
  log(): string[];
}

/** Makes lanes whose returned deliveries are handed back at once; `shared` is what all deliveries are made of. */
export function lanesRig(options: Partial<LanesOptions> = {}, shared: FakeDeliveryInit = {}): LanesRig {
  const time = virtualTime();
  const log: string[] = [];
  const ready = new Map<number, Delivery>();
  const all = lanes<unknown>(
    { maxLanes: 100, maxBlocked: () => 100, scheduler: time, ...options },
    {
      ready(delivery) {
        log.push(`run ${delivery.event.id}`);
        ready.set(Number(delivery.event.id), delivery);
      },
      repeated(delivery) {
        log.push(`repeat ${delivery.event.id}`);
        ready.set(Number(delivery.event.id), delivery);
      },
      returned(delivery, delay) {
        log.push(`return ${delivery.event.id} ${delay}`);
        delivery.nak(delay);
      },
    },
  );

  return {
    time,
    lanes: all,
    arrive(n, key = 'key', init = {}) {
      const delivery = nthDelivery(n, { subscription: { lease: 1_000 }, ...shared, ...init });
      all.arrive(key, delivery);
      return delivery;
    },
    running: (n) => ready.get(n) as Delivery,
    log: () => log.splice(0),
  };
}
