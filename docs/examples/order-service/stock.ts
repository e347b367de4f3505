// What is on the shelves, and for whom.
import type { Order, Shelf } from './events.ts';

/** A shelf with what is set aside for orders, by their ids: so that setting aside twice is setting aside once. */
export interface Stock extends Shelf {
  readonly reserved: Readonly<Record<string, number>>;
}

export const initialStock: readonly Stock[] = [
  { sku: 'lamp', price: 40, available: 1_000, reserved: {} },
  { sku: 'desk', price: 300, available: 1_000, reserved: {} },
  { sku: 'rug', price: 120, available: 10, reserved: {} }, // soon sold out
];

export function reserve({ orderId, quantity }: Order, stock: Stock): Stock {
  if (orderId in stock.reserved || stock.available < quantity) return stock;
  const reserved = { ...stock.reserved, [orderId]: quantity };
  return { ...stock, available: stock.available - quantity, reserved };
}

export function release({ orderId }: Order, stock: Stock): Stock {
  const { [orderId]: quantity, ...reserved } = stock.reserved;
  return quantity === undefined ? stock : { ...stock, available: stock.available + quantity, reserved };
}
