import type { Delivery } from 'millrace';
import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Order } from './orders.ts';

/** Counts how many deliveries were out at a time. */
export interface UnsettledGauge {
  readonly most: number;
  readonly watch: MonoTypeOperatorFunction<Delivery<Order>>;
}

export function unsettledGauge(): UnsettledGauge {
  let out: Delivery<Order>[] = [];
  let most = 0;

  return {
    get most() {
      return most;
    },
    watch: tap((delivery) => {
      out.push(delivery);
      if (out.length <= most) return;
      out = out.filter(({ settled }) => !settled);
      most = Math.max(most, out.length);
    }),
  };
}
