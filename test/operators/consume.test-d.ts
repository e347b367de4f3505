import {
  type Arrival,
  type ConsumeOptions,
  consume,
  type Delivery,
  deadLetter,
  defineEvent,
  type Handler,
  handle,
  type Outcome,
  ofType,
  type Receipt,
  redeliver,
  redrive,
  settle,
} from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import type { Observable } from 'rxjs';
import { of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

interface Order {
  readonly total: number;
}

const transport = memoryTransport(memoryBroker());
const shop = { stream: 'SHOP', consumer: 'billing' } as const;
const placed = defineEvent({ type: 'placed', schema: z.object({ total: z.string().transform(Number) }) });

declare const orders: Observable<Delivery<Order>>;

describe('consume', () => {
  it('makes outcomes with the value of the handler', () => {
    expectTypeOf(orders.pipe(consume(() => 5))).toEqualTypeOf<Observable<Outcome<Order, number>>>();
    expectTypeOf(orders.pipe(consume(() => of('x')))).toEqualTypeOf<Observable<Outcome<Order, string>>>();
    expectTypeOf(orders.pipe(consume(async () => 5n))).toEqualTypeOf<Observable<Outcome<Order, bigint>>>();
  });

  it('gives the handler the data of the source', () => {
    orders.pipe(
      consume((delivery) => {
        expectTypeOf(delivery).toEqualTypeOf<Delivery<Order>>();
      }),
    );
  });

  it('gives the options the data, too', () => {
    orders.pipe(
      consume(() => 5, {
        orderBy: (delivery) => expectTypeOf(delivery).toEqualTypeOf<Delivery<Order>>(),
        deadLetter: { publisher: transport, to: (delivery) => `orders.${delivery.event.data?.total}` },
        dedupe: { key: (delivery) => `order ${delivery.event.data?.total}` },
      }),
    );
  });

  it('follows a definition', () => {
    const result = transport.subscribe(shop).pipe(
      ofType(placed),
      consume((delivery) => [delivery.event.data?.total]),
    );

    expectTypeOf(result).toEqualTypeOf<Observable<Outcome<{ total: number }, number | undefined>>>();
  });

  it('refuses the options of something else', () => {
    // @ts-expect-error -- no such option
    consume(() => 5, { retries: 3 });
    // @ts-expect-error -- a store or false
    expectTypeOf<true>().toExtend<ConsumeOptions['dedupe']>();
  });
});

describe('handle and those after it', () => {
  it('keep the types of the data and of the value', () => {
    const result = orders.pipe(
      handle(({ event }) => of(event.data?.total)),
      redeliver(),
      deadLetter(transport),
      settle(),
    );

    expectTypeOf(result).toEqualTypeOf<Observable<Outcome<Order, number | undefined>>>();
  });

  it('take deliveries and what was decided before', () => {
    expectTypeOf(handle<Order, number>(() => 5))
      .parameter(0)
      .toEqualTypeOf<Observable<Arrival<Order>>>();
  });

  it('tell outcomes apart by their kind', () => {
    orders.pipe(handle(() => 5)).subscribe((outcome) => {
      if (outcome.kind === 'succeeded') expectTypeOf(outcome.value).toEqualTypeOf<number | undefined>();
      if (outcome.kind === 'retry') expectTypeOf(outcome.delay).toEqualTypeOf<number>();
      if (outcome.kind === 'deadLettered') expectTypeOf(outcome.receipt).toEqualTypeOf<Receipt>();
      if (outcome.kind === 'failed') expectTypeOf(outcome.error).toEqualTypeOf<unknown>();
    });
  });

  it('take handlers that return a value, nothing, or anything that takes time', () => {
    expectTypeOf<() => void>().toExtend<Handler<Order, never>>();
    expectTypeOf<() => number>().toExtend<Handler<Order, number>>();
    expectTypeOf<() => Promise<number>>().toExtend<Handler<Order, number>>();
    expectTypeOf<() => Observable<number>>().toExtend<Handler<Order, number>>();
    expectTypeOf<() => AsyncGenerator<number>>().toExtend<Handler<Order, number>>();
  });
});

describe('redrive', () => {
  it('makes outcomes with receipts', () => {
    expectTypeOf(redrive(transport, { from: shop })).toEqualTypeOf<Observable<Outcome<unknown, Receipt>>>();
  });

  it('takes the subscription options of its transport', () => {
    // @ts-expect-error -- the memory transport knows no 'topic'
    redrive(transport, { from: { topic: 'DEAD' } });
  });
});
