import {
  type Arrival,
  dedupe,
  defineEvent,
  type Event,
  handle,
  isFatal,
  isOutcome,
  memoryDedupeStore,
  ofType,
  SchemaFailedError,
  SchemaRejectedError,
  settle,
} from 'millrace';
import { type FakeDelivery, fakeDelivery, marbles } from 'millrace/testing';
import { of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, nthDelivery, skipped } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';
import { promises } from '../support/stores.ts';

const placed = defineEvent({ type: 'placed', schema: z.object({ total: z.string().transform(Number) }) });
const paid = defineEvent<{ by: string }>({ type: 'paid' });
const slow = defineEvent({ type: 'slow', schema: z.string().refine(async (text) => text !== 'bad') });

const placedDelivery = (total: unknown, init = {}): FakeDelivery =>
  fakeDelivery({ type: 'placed', data: { total }, ...init });

function collect<T>(operator: (source: Subject<Arrival>) => { subscribe(next: (value: T) => void): unknown }) {
  const source = new Subject<Arrival>();
  const values: T[] = [];
  operator(source).subscribe((value) => values.push(value));
  return { source, values };
}

describe('ofType', () => {
  operatorLaws<Arrival, Arrival<unknown>>(
    () => ofType(paid),
    (n) => nthDelivery(n, { type: 'paid' }),
  );

  operatorLaws<Event, Event<unknown>>(
    () => ofType(paid),
    (n) => nthDelivery(n, { type: 'paid' }).event,
  );

  it(
    'skips deliveries of another type, so that they are settled',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const values = { a: { type: 'paid' }, b: { type: 'placed', data: { total: '5' } }, c: { type: 'shipped' } };
      const source = deliveries('  -a-b-c-a-|', values);
      const expected = '           -a-b-c-a-|';
      const run = handle<unknown, unknown>((delivery) => [delivery.event.data]);

      expectOutcomes(source.pipe(ofType(placed, paid), run, settle())).toBe(expected, {
        b: 'succeeded b {"total":5}',
        c: "skipped c unhandled type 'shipped'",
      });
      expectSettlements(source).toBe('-a-b-c-a');
    }),
  );

  it('gives the handler what the schema yields, and leaves the rest of the delivery', () => {
    const { source, values } = collect<Arrival>(ofType(placed));
    const delivery = placedDelivery('42', { attempt: 3 });

    source.next(delivery);

    const [typed] = values as [Delivery];
    expect(typed.event).toEqual({ ...delivery.event, data: { total: 42 } });
    expect(delivery.event.data).toEqual({ total: '42' });
    expect([typed.attempt, typed.position, typed.ack(), delivery.settled]).toEqual([3, delivery.position, true, true]);
  });

  it('passes the very delivery where the schema changes nothing', () => {
    const { source, values } = collect<Arrival>(ofType(paid));
    const delivery = fakeDelivery({ type: 'paid', data: { by: 'card' } });

    source.next(delivery);

    expect(values[0]).toBe(delivery);
  });

  it('lets outcomes pass', () => {
    const { source, values } = collect<Arrival>(ofType(paid));
    const outcome = skipped(fakeDelivery({ type: 'other' }));

    source.next(outcome);

    expect(values).toEqual([outcome]);
  });

  it('keeps the order when some schemas take time', async () => {
    const { source, values } = collect<Arrival>(ofType(slow, paid));

    source.next(nthDelivery(1, { type: 'slow', data: 'ok' }));
    source.next(nthDelivery(2, { type: 'paid' }));
    source.next(nthDelivery(3, { type: 'slow', data: 'bad' }));
    source.next(nthDelivery(4, { type: 'other' }));
    const before = values.length;
    await promises();

    expect(before).toBe(0);
    expect(values.map((arrival) => (isOutcome(arrival) ? arrival.kind : arrival.event.id))).toEqual([
      '1',
      '2',
      'failed',
      'skipped',
    ]);
  });

  it('hands back what waits for a schema when it is unsubscribed, and what waits behind it', async () => {
    const source = new Subject<Arrival>();
    const subscription = source.pipe(ofType(slow, paid)).subscribe();
    const sent = [nthDelivery(1, { type: 'slow', data: 'ok' }), nthDelivery(2, { type: 'paid' }), nthDelivery(3)];

    for (const delivery of sent) source.next(delivery);
    subscription.unsubscribe();
    await promises();

    for (const { calls } of sent) {
      expect(calls.filter(({ accepted }) => accepted)).toMatchObject([{ kind: 'nak', delay: 0 }]);
    }
  });

  it('holds claims that were made before it', async () => {
    const source = new Subject<Arrival>();
    const store = memoryDedupeStore();
    const subscription = source.pipe(dedupe(store), ofType(slow, paid)).subscribe();

    source.next(nthDelivery(1, { type: 'slow', data: 'ok' }));
    source.next(nthDelivery(2, { type: 'paid' }));
    const held = store.size;
    subscription.unsubscribe();
    await promises();

    expect([held, store.size]).toEqual([2, 0]);
  });

  it('drops events of another type, and validates none', () => {
    const events = [placedDelivery('5'), placedDelivery(5), fakeDelivery({ type: 'other' })].map(({ event }) => event);
    const seen: unknown[] = [];

    of(...events)
      .pipe(ofType(placed))
      .subscribe((event) => seen.push(event));

    expect(seen).toEqual(events.slice(0, 2));
  });

  it('takes an event for an event, whatever its extension attributes are called', () => {
    const { event } = fakeDelivery({ type: 'paid', attributes: { ack: 'yes', kind: 'gift', delivery: 'express' } });
    const seen: unknown[] = [];

    of(event)
      .pipe(ofType(paid))
      .subscribe((one) => seen.push(one));

    expect(seen).toEqual([event]);
  });

  it('needs a definition', () => {
    expect(() => ofType()).toThrow(new TypeError('ofType needs at least one definition'));
  });
});

describe('ofType, with a schema that', () => {
  const answering = (validate: () => never) =>
    defineEvent({ type: 'placed', schema: { '~standard': { version: 1, vendor: 'test', validate } } });
  const throws = (): never => {
    throw boom;
  };

  it.each([
    { how: 'rejects at once', definition: placed, delivery: placedDelivery(42), type: 'placed' },
    {
      how: 'rejects in time',
      definition: slow,
      delivery: fakeDelivery({ type: 'slow', data: 'bad' }),
      type: 'slow',
    },
  ])('$how, makes the delivery fail for good', async ({ definition, delivery, type }) => {
    const { source, values } = collect<Arrival>(ofType(definition));

    source.next(delivery);
    await promises();

    expect(values).toMatchObject([{ kind: 'failed', delivery, error: expect.any(SchemaRejectedError) }]);
    const [{ error }] = values as unknown as [{ error: SchemaRejectedError }];
    expect([error.type, isFatal(error)]).toEqual([type, true]);
    expect(delivery.settled).toBe(false);
  });

  it.each([
    { how: 'throws', definition: answering(throws) },
    { how: 'rejects its promise', definition: answering(() => Promise.reject(boom) as never) },
  ])('$how, makes the delivery fail, but not for good', async ({ definition }) => {
    const { source, values } = collect<Arrival>(ofType(definition));
    const delivery = placedDelivery(42);

    source.next(delivery);
    await promises();

    expect(values).toMatchObject([{ kind: 'failed', delivery, error: new SchemaFailedError('placed') }]);
    const [{ error }] = values as unknown as [{ error: SchemaFailedError }];
    expect([error.cause, isFatal(error)]).toEqual([boom, false]);
  });
});
