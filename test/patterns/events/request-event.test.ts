import {
  createEvent,
  type EventSource,
  eventSource,
  InvalidListenerError,
  listen,
  ResponseTimeoutError,
  requestEvent,
  transactionOf,
  waitForResponse,
} from 'millrace';
import { concatMap, from, of, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type EventsRig, eventsRig, refusing, request, seen } from './events-rig.ts';

const RESPONSES = ['shop.paid', 'shop.refused'];

interface AskingRig extends EventsRig {
  readonly source: EventSource;
}

function askingRig(options: Parameters<typeof eventSource>[1] = {}): AskingRig {
  const rig = eventsRig({ filter: 'shop.order' });
  return { ...rig, source: eventSource(rig.transport, { stream: 'SHOP', scheduler: rig.time, ...options }) };
}

/** Answers each order with what its data say, so many ms later. */
function answering(rig: EventsRig, after = 0): void {
  listen(
    rig.transport,
    {
      'shop.order': ({ event }) =>
        timer(after, rig.time).pipe(concatMap(() => of((event.data ?? { type: 'shop.paid' }) as { type: string }))),
    },
    { stream: 'SHOP', consumer: 'billing', scheduler: rig.time },
  ).subscribe();
}

describe('requestEvent', () => {
  it('publishes a request, emits its response, and completes', async () => {
    const rig = askingRig();
    answering(rig, 100);
    const response = seen(requestEvent(rig.source, request('1'), RESPONSES));
    await rig.time.advanceBy(200);

    expect(response).toMatchObject({ values: [{ type: 'shop.paid' }], end: 'completed' });
    expect(transactionOf(rig.stored()[0] as never)).toMatch(/^tid-/);
    expect(transactionOf(response.values[0] as never)).toBe(transactionOf(rig.stored()[0] as never));
    expect(rig.source.size).toBe(0);
  });

  it('does nothing until it is subscribed to', async () => {
    const rig = askingRig();
    requestEvent(rig.source, request('1'), RESPONSES);
    await rig.time.advanceBy(10);

    expect([rig.stored().length, rig.consumers().length]).toEqual([0, 1]);
  });

  it('keeps a transaction id that the request has', async () => {
    const rig = askingRig();
    answering(rig);
    const response = seen(requestEvent(rig.source, request('1', { transactionid: 'mine' }), RESPONSES));
    await rig.time.advanceBy(10);

    expect(response.values.map(transactionOf)).toEqual(['mine']);
  });

  it('does not miss a response that is published while the request is', async () => {
    const rig = askingRig();
    const publish: typeof rig.transport.publish = (events, options) => {
      const asked = events as ReturnType<typeof request>;
      rig.publish({ type: 'shop.paid', transactionid: transactionOf(asked) });
      return rig.transport.publish(events, options);
    };
    const source = eventSource({ ...rig.transport, publish }, { stream: 'SHOP', scheduler: rig.time });
    const response = seen(requestEvent(source, request('1'), RESPONSES));
    await rig.time.advanceBy(10);

    expect(response).toMatchObject({ values: [{ type: 'shop.paid' }], end: 'completed' });
  });

  it('takes a response of any of its types, and nothing else', async () => {
    const rig = askingRig();
    const response = seen(requestEvent(rig.source, request('1', { transactionid: 'tid-1' }), RESPONSES));
    await rig.time.advanceBy(10);
    rig.publish({ type: 'shop.refused', transactionid: 'tid-2' });
    rig.publish({ type: 'shop.refused' });
    rig.publish({ type: 'shop.other', transactionid: 'tid-1' });
    await rig.time.advanceBy(10);
    expect(response.values).toEqual([]);

    rig.publish({ type: 'shop.refused', transactionid: 'tid-1' });
    await rig.time.advanceBy(10);

    expect(response.values).toMatchObject([{ type: 'shop.refused' }]);
    expect(rig.source.dropped).toBe(2);
  });

  it('counts a response that comes too late', async () => {
    const rig = askingRig();
    const wait = seen(requestEvent(rig.source, request('1', { transactionid: 'tid-1' }), RESPONSES, { timeout: 500 }));
    const keeper = seen(requestEvent(rig.source, request('2'), RESPONSES));
    await rig.time.advanceBy(501);
    rig.publish({ type: 'shop.paid', transactionid: 'tid-1' });
    await rig.time.advanceBy(10);

    expect([wait.end, wait.values.length, keeper.end, rig.source.dropped]).toEqual(['failed', 0, undefined, 1]);
  });

  it('emits several responses: so many, or until one that is the last', async () => {
    const rig = askingRig();
    const responses = (transactionid: string, options: object) =>
      seen(requestEvent(rig.source, request(transactionid, { transactionid }), ['shop.step', 'shop.done'], options));
    const three = responses('tid-1', { count: 3 });
    const untilDone = responses('tid-2', { until: ({ type }: { type: string }) => type === 'shop.done' });
    const atMost = responses('tid-3', { count: 2, until: ({ type }: { type: string }) => type === 'shop.done' });
    const all = responses('tid-4', { count: Number.POSITIVE_INFINITY, timeout: Number.POSITIVE_INFINITY });
    await rig.time.advanceBy(10);
    for (const type of ['shop.step', 'shop.step', 'shop.step', 'shop.done', 'shop.step'])
      for (const transactionid of ['tid-1', 'tid-2', 'tid-3', 'tid-4']) rig.publish({ type, transactionid });
    await rig.time.advanceBy(60_000);

    const [step, done] = ['shop.step', 'shop.done'];
    expect(three).toMatchObject({ values: [step, step, step].map((type) => ({ type })), end: 'completed' });
    expect(untilDone).toMatchObject({ values: [step, step, step, done].map((type) => ({ type })), end: 'completed' });
    expect([atMost.values.length, atMost.end]).toEqual([2, 'completed']);
    expect([all.values.length, all.end]).toEqual([5, undefined]);
  });

  it('fails when no response came in time, by default 10 s', async () => {
    const rig = askingRig();
    const response = seen(requestEvent(rig.source, request('1', { transactionid: 'tid-1' }), RESPONSES));
    await rig.time.advanceBy(9_999);
    expect(response.end).toBeUndefined();

    await rig.time.advanceBy(1);

    expect(response.error).toBeInstanceOf(ResponseTimeoutError);
    expect(response.error).toMatchObject({
      code: 'RESPONSE_TIMEOUT',
      transactionId: 'tid-1',
      types: RESPONSES,
      timeout: 10_000,
      received: 0,
      opened: true,
    });
    expect(rig.source.size).toBe(0);
  });

  it('fails when not all responses came in time', async () => {
    const rig = askingRig();
    answering(rig);
    const responses = seen(requestEvent(rig.source, request('1'), RESPONSES, { count: 2, timeout: 1_000 }));
    await rig.time.advanceBy(1_000);

    expect(responses).toMatchObject({ values: [{ type: 'shop.paid' }], end: 'failed', error: { received: 1 } });
  });

  it('fails when its request cannot be published, and waits for nothing', async () => {
    const rig = askingRig();
    const refused = new Error('refused');
    const source = eventSource(
      { ...rig.transport, ...refusing(rig.transport, () => refused) },
      { stream: 'SHOP', scheduler: rig.time },
    );
    const response = seen(requestEvent(source, request('1'), RESPONSES));
    await rig.time.advanceBy(10);

    expect([response.error, source.size]).toEqual([refused, 0]);
    const unbound = seen(requestEvent(rig.source, createEvent({ type: 'elsewhere' }), RESPONSES));
    expect(unbound.error).toMatchObject({ code: 'UNBOUND_ADDRESS' });
  });

  it('fails where there are no types, and publishes nothing', () => {
    const rig = askingRig();

    const { error } = seen(requestEvent(rig.source, request('1'), []));

    expect(error).toBeInstanceOf(InvalidListenerError);
    expect(rig.stored()).toEqual([]);
  });

  it('fails with the error of its subscription', () => {
    const { transport, time, stored } = eventsRig();
    const source = eventSource(transport, { stream: 'NOWHERE', scheduler: time });

    expect(seen(requestEvent(source, request('1'), RESPONSES)).error).toMatchObject({ code: 'STREAM_NOT_FOUND' });
    expect(stored()).toEqual([]);
  });

  it('releases everything when it is unsubscribed', async () => {
    const rig = askingRig({ linger: 0 });
    const response = seen(requestEvent(rig.source, request('1'), RESPONSES));
    await rig.time.advanceBy(10);
    expect(rig.consumers().length).toBe(2);

    response.close();

    expect([rig.source.size, rig.consumers()]).toEqual([0, ['billing']]);
    await rig.time.advanceBy(1);
    expect(rig.time.pending).toBe(0);
  });

  it('serves ten thousand at a time with one subscription and one timer', async () => {
    const rig = askingRig();
    const numbers = Array.from({ length: 10_000 }, (_, index) => `tid-${index}`);
    const timersBefore = rig.time.pending;
    const pending = numbers.map((transactionid) =>
      seen(requestEvent(rig.source, request(transactionid, { transactionid }), RESPONSES)),
    );
    await rig.time.advanceBy(0);
    expect([rig.source.size, rig.consumers().length]).toEqual([10_000, 2]);
    expect(rig.time.pending).toBeLessThan(timersBefore + 5);

    answering(rig);
    await rig.time.advanceBy(1_000);

    expect(pending.every(({ values, end }) => values.length === 1 && end === 'completed')).toBe(true);
    expect(pending.map(({ values }) => values[0]?.['transactionid'])).toEqual(numbers);
  });

  it('asks again when it is subscribed to again, with the same event: a stream stores it once', async () => {
    const rig = askingRig();
    const asked = requestEvent(rig.source, request('1'), RESPONSES, { timeout: 500 });
    const first = seen(asked);
    await rig.time.advanceBy(500);
    answering(rig, 100);
    const second = seen(asked);
    await rig.time.advanceBy(200);

    expect([first.end, second.end]).toEqual(['failed', 'completed']);
    expect(rig.stored().map(({ type }) => type)).toEqual(['shop.order', 'shop.paid']);
  });

  it('publishes as it is told to', async () => {
    const rig = askingRig();
    seen(requestEvent(rig.source, request('1'), RESPONSES, { publish: { address: 'shop.eu.order' } }));
    await rig.time.advanceBy(10);

    const { log } = rig.broker.stream('SHOP');
    expect([...log.from(1)].map(({ address }) => address)).toEqual(['shop.eu.order']);
  });

  it('asks and answers where nothing is stored, too', async () => {
    const { transport, time } = eventsRig();
    const source = eventSource(transport, { scheduler: time });
    const handlers = { 'live.order': () => from([{ type: 'live.paid', data: 1 }]) };
    listen(transport, handlers, { address: 'live.order', scheduler: time }).subscribe();
    const response = seen(requestEvent(source, createEvent({ type: 'live.order' }), ['live.paid']));
    await time.advanceBy(10);

    expect(response).toMatchObject({ values: [{ type: 'live.paid', data: 1 }], end: 'completed' });
  });

  it.each([{ timeout: 0 }, { timeout: Number.NaN }, { count: 0 }, { count: 1.5 }])('refuses %j', (options) => {
    const { source } = askingRig();

    expect(() => seen(requestEvent(source, request('1'), RESPONSES, options)).error).not.toThrow();
    expect(seen(requestEvent(source, request('1'), RESPONSES, options)).error).toBeInstanceOf(RangeError);
  });
});

describe('waitForResponse', () => {
  it('emits the response to a request that was published before', async () => {
    const rig = askingRig();
    answering(rig, 1_000);
    rig.publish(request('1', { transactionid: 'tid-1' }));
    await rig.time.advanceBy(500);
    const response = seen(waitForResponse(rig.source, 'tid-1', RESPONSES));
    await rig.time.advanceBy(1_000);

    expect(response).toMatchObject({ values: [{ type: 'shop.paid' }], end: 'completed' });
  });

  it('lets several wait for one response', async () => {
    const rig = askingRig();
    const all = [1, 2, 3].map(() => seen(waitForResponse(rig.source, 'tid-1', RESPONSES)));
    await rig.time.advanceBy(10);
    all[1]?.close();
    rig.publish({ type: 'shop.paid', transactionid: 'tid-1' });
    await rig.time.advanceBy(10);

    expect(all.map(({ values }) => values.length)).toEqual([1, 0, 1]);
    expect(rig.source.size).toBe(0);
  });

  it('fails for a transaction that nobody answers', async () => {
    const rig = askingRig();
    const response = seen(waitForResponse(rig.source, 'tid-unknown', RESPONSES, { timeout: 100 }));
    await rig.time.advanceBy(100);

    expect(response.error).toMatchObject({ code: 'RESPONSE_TIMEOUT', transactionId: 'tid-unknown' });
  });

  it('fails where types or transaction are empty', () => {
    const { source } = askingRig();

    expect(seen(waitForResponse(source, 'tid-1', [])).error).toMatchObject({ field: 'types' });
    expect(seen(waitForResponse(source, '', RESPONSES)).error).toMatchObject({ field: 'transactionId' });
  });
});
