import {
  AlreadyListeningError,
  addressesOf,
  ConsumerConflictError,
  constant,
  type Delivery,
  type EventHandler,
  type ListenOptions,
  listen,
  maxAttempts,
  noResponse,
  transactionOf,
} from 'millrace';
import { ensureStream, memoryTransport, type StreamSubscribeOptions } from 'millrace/memory';
import { concat, EMPTY, from, interval, map, NEVER, of, take, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type EventsRig, eventsRig, kinds, refusing, request, seen } from './events-rig.ts';

const durable = { stream: 'SHOP', consumer: 'billing' };

function listening(rig: EventsRig, order: EventHandler, options: Partial<ListenOptions<StreamSubscribeOptions>> = {}) {
  return listen(rig.transport, { 'shop.order': order }, { ...durable, scheduler: rig.time, dedupe: false, ...options });
}

describe('listen', () => {
  it.each<[string, EventHandler]>([
    ['a value', () => ({ type: 'shop.paid' })],
    ['a promise', async () => ({ type: 'shop.paid' })],
    ['an Observable', () => of({ type: 'shop.paid' })],
    ['an array', () => [{ type: 'shop.paid' }]],
    ['a promise of an array', async () => [{ type: 'shop.paid' }]],
    [
      'an async generator',
      async function* () {
        yield { type: 'shop.paid' };
      },
    ],
  ])('publishes a response that is %s, with the transaction id of its request, and acks', async (_, handler) => {
    const rig = eventsRig({ filter: 'shop.order' });
    const outcomes = seen(listening(rig, handler));
    rig.publish(request('1', { transactionid: 'tid-1' }));
    await rig.time.advanceBy(100);

    const [, response] = rig.stored();
    expect(response).toMatchObject({ type: 'shop.paid', source: 'rig', transactionid: 'tid-1' });
    expect(outcomes.values).toMatchObject([{ kind: 'succeeded', value: { stored: true, sequence: 2 } }]);
    expect(outcomes.values[0]?.delivery.settled).toBe(true);
  });

  it('keeps a transaction id that a response carries, and gives none where the request has none', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    listening(rig, () => [{ type: 'shop.paid', transactionid: 'own' }, { type: 'shop.sent' }]).subscribe();
    rig.publish(request('1', { transactionid: 'tid-1' }));
    rig.publish(request('2'));
    await rig.time.advanceBy(100);

    const responses = rig.stored().filter(({ type }) => type !== 'shop.order');
    expect(responses.map(transactionOf)).toEqual(['own', 'tid-1', 'own', undefined]);
  });

  it('publishes as many responses as there are, in their order, as they come', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    const outcomes = seen(
      listening(rig, () =>
        interval(1_000, rig.time).pipe(
          take(3),
          map((data) => ({ type: 'shop.step', data })),
        ),
      ),
    );
    rig.publish(request('1'));
    await rig.time.advanceBy(2_500);

    expect(rig.stored().map(({ data }) => data)).toEqual([undefined, 0, 1]);
    expect(outcomes.values).toEqual([]);
    await rig.time.advanceBy(1_000);
    expect(rig.stored().map(({ data }) => data)).toEqual([undefined, 0, 1, 2]);
    expect(kinds(outcomes)).toEqual(['succeeded']);
  });

  it.each<[string, EventHandler]>([
    ['says so', () => noResponse()],
    ['says so in time', async () => noResponse()],
    ['emits nothing', () => EMPTY],
    ['returns undefined, which only untyped code can', (() => undefined) as unknown as EventHandler],
  ])('publishes nothing, and acks, where a handler %s', async (_, handler) => {
    const rig = eventsRig();
    const outcomes = seen(listening(rig, handler));
    rig.publish(request('1'));
    await rig.time.advanceBy(100);

    expect(rig.stored().length).toBe(1);
    expect(kinds(outcomes)).toEqual(['succeeded']);
  });

  it('skips a type without a handler, and acks it, so that it holds up nothing', async () => {
    const rig = eventsRig();
    const outcomes = seen(listening(rig, () => noResponse(), { concurrency: 1, prefetch: 1 }));
    rig.publish({ type: 'shop.other' });
    rig.publish(request('1'));
    await rig.time.advanceBy(100);

    expect(outcomes.values).toMatchObject([
      { kind: 'skipped', reason: "unhandled type 'shop.other'" },
      { kind: 'succeeded' },
    ]);
    expect(outcomes.values.every(({ delivery }) => delivery.settled)).toBe(true);
  });

  it('does not take a property that every object has for a handler', async () => {
    const rig = eventsRig();
    ensureStream(rig.broker, { name: 'SHOP', subjects: ['shop.>', 'toString'] }).subscribe();
    const outcomes = seen(listening(rig, () => noResponse()));
    rig.publish({ type: 'toString' });
    await rig.time.advanceBy(100);

    expect(kinds(outcomes)).toEqual(['skipped']);
  });

  it('delivers again what failed, and publishes no response twice', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    const attempts: number[] = [];
    const handler = ({ attempt }: Delivery) => {
      attempts.push(attempt);
      const responses = from([{ type: 'shop.step' }, { type: 'shop.paid' }, { type: 'shop.step' }]);
      return attempt < 3
        ? concat(
            responses,
            throwError(() => new Error('why')),
          )
        : responses;
    };
    const outcomes = seen(listening(rig, handler, { backoff: constant(500) }));
    rig.publish(request('1', { transactionid: 'tid-1' }));
    await rig.time.advanceBy(5_000);

    expect(attempts).toEqual([1, 2, 3]);
    expect(kinds(outcomes)).toEqual(['retry', 'retry', 'succeeded']);
    expect(rig.stored().map(({ type }) => type)).toEqual(['shop.order', 'shop.step', 'shop.paid', 'shop.step']);
    expect(outcomes.values[2]).toMatchObject({ value: { duplicate: true } });
  });

  it('gives a response without an id the same one on each attempt, and another one to each', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    ensureStream(rig.broker, { name: 'SHOP', duplicateWindow: 0 }).subscribe();
    const handler = ({ attempt }: Delivery) => {
      const responses = from([{ type: 'shop.step' }, { type: 'shop.step' }, { type: 'shop.step', id: 'mine' }]);
      return attempt < 2
        ? concat(
            responses,
            throwError(() => new Error('why')),
          )
        : responses;
    };
    listening(rig, handler, { backoff: constant(500) }).subscribe();
    rig.publish(request('1'));
    rig.publish(request('2'));
    await rig.time.advanceBy(5_000);

    const ids = rig.stored().flatMap(({ type, id }) => (type === 'shop.step' ? [id] : []));
    expect(ids.length).toBe(12);
    expect(new Set(ids).size).toBe(2 * 2 + 1);
  });

  it('lets two consumers respond to one request', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    rig.ensureConsumer({ name: 'shipping', filter: 'shop.order' });
    const options = { stream: 'SHOP', scheduler: rig.time };
    const handlers = { 'shop.order': () => ({ type: 'shop.done' }) };
    listen(rig.transport, handlers, { ...options, consumer: 'billing' }).subscribe();
    listen(rig.transport, handlers, { ...options, consumer: 'shipping' }).subscribe();
    rig.publish(request('1'));
    await rig.time.advanceBy(100);

    expect(rig.stored().map(({ type }) => type)).toEqual(['shop.order', 'shop.done', 'shop.done']);
  });

  it('acks a request only when all its responses are stored', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    let refusals = 2;
    const publisher = refusing(rig.transport, ({ type }) =>
      type === 'shop.paid' && refusals-- > 0 ? new Error('refused') : undefined,
    );
    const handler = () => [{ type: 'shop.step' }, { type: 'shop.paid' }];
    const outcomes = seen(listening(rig, handler, { responses: { publisher }, backoff: constant(500) }));
    rig.publish(request('1'));
    await rig.time.advanceBy(5_000);

    expect(kinds(outcomes)).toEqual(['retry', 'retry', 'succeeded']);
    expect(rig.stored().map(({ type }) => type)).toEqual(['shop.order', 'shop.step', 'shop.paid']);
  });

  it('does not take a response for stored that only live listeners got', async () => {
    const rig = eventsRig();
    rig.transport.subscribe({ address: 'elsewhere' }).subscribe();
    const outcomes = seen(listening(rig, () => ({ type: 'elsewhere' }), { backoff: maxAttempts(constant(1), 1) }));
    rig.publish(request('1'));
    await rig.time.advanceBy(50);

    expect(outcomes.values).toMatchObject([{ kind: 'failed', error: { code: 'UNBOUND_ADDRESS' } }]);

    const live = seen(listening(rig, () => ({ type: 'elsewhere' }), { responses: { stored: false }, ...fresh(rig) }));
    rig.publish(request('2'));
    await rig.time.advanceBy(50);
    expect(kinds(live)).toEqual(['succeeded']);
  });

  it('dead-letters at once what returns no event', async () => {
    const rig = eventsRig({ filter: 'shop.order' });
    ensureStream(rig.broker, { name: 'DEAD', subjects: ['dead'] }).subscribe();
    const outcomes = seen(
      listening(rig, () => ({ type: '' }), { deadLetter: { publisher: rig.transport, to: 'dead' } }),
    );
    rig.publish(request('1'));
    await rig.time.advanceBy(100);

    expect(outcomes.values).toMatchObject([{ kind: 'deadLettered', error: { code: 'INVALID_EVENT' } }]);
  });

  it('does not skip what is no event: it fails, and is dead-lettered', async () => {
    const rig = eventsRig();
    const broken = { ...rig.transport, subscribe: () => of(undecodable()) } as unknown as typeof rig.transport;
    const outcomes = seen(
      listen(broken, { 'shop.order': () => noResponse() }, { ...durable, scheduler: rig.time, dedupe: false }),
    );
    await rig.time.advanceBy(10);

    expect(outcomes.values[0]?.kind).not.toBe('skipped');
  });

  it('publishes nothing of a handler whose time is over', async () => {
    const rig = eventsRig({ filter: 'shop.order', ackWait: 60_000 });
    const late = async () => {
      await new Promise<void>((resolve) => timer(1_500, rig.time).subscribe(() => resolve()));
      return { type: 'shop.paid' };
    };
    const outcomes = seen(listening(rig, late, { timeout: 1_000, backoff: constant(30_000) }));
    rig.publish(request('1'));
    await rig.time.advanceBy(5_000);

    expect(kinds(outcomes)).toEqual(['retry']);
    expect(rig.stored().length).toBe(1);
  });

  it('refuses a second listener to a consumer while the first one listens, and no other', async () => {
    const rig = eventsRig();
    rig.ensureConsumer({ name: 'shipping' });
    const first = seen(listening(rig, () => noResponse()));
    const second = seen(listening(rig, () => noResponse()));
    const other = seen(listening(rig, () => noResponse(), { consumer: 'shipping' }));
    const elsewhere = seen(
      listen(memoryTransport(rig.broker), { 'shop.order': () => noResponse() }, { ...durable, scheduler: rig.time }),
    );
    expect(second.error).toBeInstanceOf(AlreadyListeningError);
    expect(second.error).toMatchObject({ code: 'ALREADY_LISTENING', stream: 'SHOP', consumer: 'billing' });
    expect([first.end, other.end, elsewhere.end]).toEqual([undefined, undefined, undefined]);

    first.close();

    expect(seen(listening(rig, () => noResponse())).end).toBeUndefined();
  });

  it('shares one pipeline among its subscribers', async () => {
    const rig = eventsRig();
    let runs = 0;
    const outcomes = listening(rig, () => {
      runs += 1;
      return noResponse();
    });
    const [first, second] = [seen(outcomes), seen(outcomes)];
    rig.publish(request('1'));
    await rig.time.advanceBy(100);

    expect(runs).toBe(1);
    expect([kinds(first), kinds(second)]).toEqual([['succeeded'], ['succeeded']]);
  });

  it('fails where the consumer leaves out a type that has a handler', () => {
    const rig = eventsRig({ filter: 'shop.paid' });

    const { error } = seen(listening(rig, () => noResponse()));

    expect(error).toBeInstanceOf(ConsumerConflictError);
    expect(String(error)).toContain("takes nothing at 'shop.order'");
    rig.ensureConsumer({ filter: addressesOf(['shop.order', 'shop.paid']) });
    expect(seen(listening(rig, () => noResponse())).end).toBeUndefined();
  });

  it('reckons with the prefix of addresses', () => {
    const rig = eventsRig({ filter: 'shop.eu.order' });
    const handlers = { order: () => noResponse() };
    const options = { ...durable, scheduler: rig.time };

    expect(seen(listen(rig.transport, handlers, { ...options, prefix: 'shop.us' })).error).toBeInstanceOf(
      ConsumerConflictError,
    );
    expect(seen(listen(rig.transport, handlers, { ...options, prefix: 'shop.eu' })).error).toBeUndefined();
  });

  it('provisions nothing: a consumer that is not there is an error', () => {
    const rig = eventsRig();

    const { error } = seen(listening(rig, () => noResponse(), { consumer: 'nobody' }));

    expect(error).toMatchObject({ code: 'CONSUMER_NOT_FOUND' });
    expect(rig.consumers()).toEqual(['billing']);
  });

  it('goes on after the last acked event when it is listened to anew', async () => {
    const rig = eventsRig();
    const handled: string[] = [];
    const handler: EventHandler = ({ event }) => {
      handled.push(event.id);
      return event.id === '2' ? NEVER : noResponse();
    };
    const first = seen(listening(rig, handler));
    rig.publish(request('1'));
    rig.publish(request('2'));
    await rig.time.advanceBy(100);
    first.close();
    await rig.time.advanceBy(100);
    listening(rig, handler).subscribe();
    rig.publish(request('3'));
    await rig.time.advanceBy(100);

    expect(handled).toEqual(['1', '2', '2', '3']);
  });

  it('delivers again what is not acked within the lease', async () => {
    const rig = eventsRig({ ackWait: 1_000 });
    const attempts: number[] = [];
    const deliveries = rig.transport.subscribe({ ...durable, scheduler: rig.time });
    const hoarding = deliveries.subscribe(({ attempt }) => attempts.push(attempt));
    rig.publish(request('1'));
    await rig.time.advanceBy(2_500);
    hoarding.unsubscribe();

    expect(attempts).toEqual([1, 2, 3]);
  });

  it('handles what is only live, too: the outcome tells, and nothing comes again', async () => {
    const rig = eventsRig();
    const options = { address: 'live.>', queue: 'workers', scheduler: rig.time };
    const outcomes = seen(listen(rig.transport, { 'live.order': () => ({ type: 'live.paid' }) }, options));
    const heard = seen(rig.transport.subscribe({ address: 'live.paid' }));
    rig.publish({ type: 'live.order', transactionid: 'tid-1' });
    await rig.time.advanceBy(100);

    expect(outcomes.values[0]).toMatchObject({ kind: 'succeeded', value: { stored: false } });
    expect(heard.values.map(({ event }) => transactionOf(event))).toEqual(['tid-1']);
  });

  it.each([
    ['no handlers', {}, {}],
    ['a handler that is none', { 'shop.order': 'charge' }, {}],
    ['two ways to say where events travel', { 'shop.order': () => noResponse() }, { prefix: 'a', addressOf: String }],
  ])('refuses %s', (_, handlers, options) => {
    const { transport } = eventsRig();

    expect(() => listen(transport, handlers as never, { ...durable, ...options })).toThrow(TypeError);
  });
});

/** A consumer that nobody listens to yet. */
function fresh(rig: EventsRig) {
  rig.ensureConsumer({ name: 'fresh', from: 'new' });
  return { consumer: 'fresh' };
}

function undecodable(): Delivery {
  const event = { specversion: '1.0', id: '1', source: '/x', type: 'no.event' };
  const subscription = { prefetch: 1, draining: new AbortController().signal };
  const settle = () => true;
  return {
    event,
    address: 'shop.x',
    attempt: 1,
    headers: {},
    failure: new Error('no event'),
    subscription,
    signal: subscription.draining,
    settled: false,
    ack: settle,
    nak: settle,
    term: settle,
    working: () => undefined,
    confirm: () => EMPTY,
    abort: () => undefined,
  };
}
