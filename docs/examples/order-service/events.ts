// What the three services say to each other. Facts are events, and are stored; questions are queries, and are not.
import { defineEvent, type EventDefinition } from 'millrace';
import { z } from 'zod';

export interface Order {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly total: number;
}

export interface OrderEnd {
  readonly orderId: string;
  readonly status: 'confirmed' | 'rejected';
  /** Why it is not confirmed. */
  readonly reason?: string | undefined;
}

export interface Payment {
  readonly orderId: string;
  readonly amount: number;
}

export interface Shelf {
  readonly sku: string;
  readonly price: number;
  readonly available: number;
}

export interface Balance {
  /** What was taken, what of it was given back, and the difference. */
  readonly taken: number;
  readonly refunded: number;
  readonly net: number;
}

const orderId = z.string().min(1);
const amount = z.number().nonnegative();
const byOrder = { subject: (data: { readonly orderId: string }) => data.orderId };
const order = z.object({ orderId, sku: z.string().min(1), quantity: z.int().positive(), total: amount });
const orderEnd = z.object({ orderId, status: z.enum(['confirmed', 'rejected']), reason: z.string().optional() });
const payment = z.object({ orderId, amount });

/** An order is placed once: its id is that of the event, so a stream that has it already stores it no second time. */
export const orderPlaced: EventDefinition<Order, Order> = defineEvent({
  type: 'order.placed',
  schema: order,
  id: (data: Order) => data.orderId,
  ...byOrder,
});
export const orderConfirmed: EventDefinition<OrderEnd, OrderEnd> = define('order.confirmed', orderEnd);
export const orderRejected: EventDefinition<OrderEnd, OrderEnd> = define('order.rejected', orderEnd);

export const paymentRequested: EventDefinition<Payment, Payment> = define('payment.requested', payment);
export const paymentTaken: EventDefinition<Payment, Payment> = define('payment.taken', payment);
export const paymentRefused: EventDefinition<Payment, Payment> = define('payment.refused', payment);
export const paymentCancelled: EventDefinition<Payment, Payment> = define('payment.cancelled', payment);
export const paymentRefunded: EventDefinition<Payment, Payment> = define('payment.refunded', payment);

/** Queries, and what answers them. */
export const shelfAsked: EventDefinition<Pick<Shelf, 'sku'>, Pick<Shelf, 'sku'>> = defineEvent({ type: 'stock.get' });
export const shelfTold: EventDefinition<Shelf, Shelf> = defineEvent({ type: 'stock.shelf' });
export const orderAsked: EventDefinition<Pick<Order, 'orderId'>, Pick<Order, 'orderId'>> = defineEvent({
  type: 'orders.get',
});
export const orderTold: EventDefinition<OrderEnd | null, OrderEnd | null> = defineEvent({ type: 'orders.end' });
export const balanceAsked: EventDefinition<null, null> = defineEvent({ type: 'billing.balance' });
export const balanceTold: EventDefinition<Balance, Balance> = defineEvent({ type: 'billing.told' });

function define<T extends { readonly orderId: string }>(type: string, schema: z.ZodType<T, T>): EventDefinition<T, T> {
  return defineEvent({ type, schema, ...byOrder });
}
