import {
  AlreadyRunningError,
  type Arrival,
  type DedupeOptions,
  dedupe,
  isOutcome,
  memoryDedupeStore,
  settle,
} from 'millrace';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClaimResult, DedupeStore } from '../../src/core/dedupe-store.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, retried, skipped, succeeded } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';
import { recordingStore } from '../support/stores.ts';

/** Lets through what is new as handled: an outcome, as `handle` would make. */
const handled = map((arrival: Arrival) => (isOutcome(arrival) ? arrival : succeeded(arrival)));

function collect(store: DedupeStore, options: DedupeOptions, ...sent: Arrival[]): Arrival[] {
  const arrivals: Arrival[] = [];
  of(...sent)
    .pipe(dedupe(store, options))
    .subscribe((arrival) => arrivals.push(arrival));
  return arrivals;
}

/** The one delivery that came out. */
function claimed(store: DedupeStore, delivery: Delivery, options = {}): Delivery {
  const [arrival] = collect(store, options, delivery);
  if (arrival === undefined || isOutcome(arrival)) throw new Error('it was not claimed');
  return arrival;
}

describe('dedupe', () => {
  operatorLaws<Arrival, Arrival>(
    (scheduler) => dedupe(recordingStore(), { scheduler }),
    (n) => nthDelivery(n),
  );

  it(
    'skips what was handled before',
    marbles(({ deliveries, scheduler, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b-a-(cab)-|');
      const expected = '           -a-b-c-(def)-|';
      const store = memoryDedupeStore({ scheduler });

      expectOutcomes(source.pipe(dedupe(store), handled, settle())).toBe(expected, {
        c: 'skipped a duplicate',
        d: 'succeeded c',
        e: 'skipped a duplicate',
        f: 'skipped b duplicate',
      });
      expectSettlements(source).toBe('-a-b-a-(cab)-');
    }),
  );

  it(
    'hands back, for a while, what is being handled',
    marbles(({ deliveries, scheduler, expectOutcomes }) => {
      const source = deliveries('  -a-a-b-|');
      const expected = '           -a-c-b-|';
      const store = memoryDedupeStore({ scheduler });

      expectOutcomes(source.pipe(dedupe(store), handled)).toBe(expected, { c: 'retry a 1000' });
    }),
  );

  it('says why a delivery goes back, and for how long it was told to', () => {
    const delivery = fakeDelivery({ id: '7' });

    const [, second] = collect(memoryDedupeStore(), { busyDelay: 5 }, fakeDelivery({ id: '7' }), delivery);

    expect(second).toEqual(retried(delivery, 5, new AlreadyRunningError('/test 7')));
  });

  it.each([
    { what: 'fails', init: { attempt: 3, subscription: { maxDeliver: 3 } }, kind: 'failed' },
    { what: 'goes back before', init: { attempt: 2, subscription: { maxDeliver: 3 } }, kind: 'retry' },
    {
      what: 'goes back where nothing is stored',
      init: { position: undefined, subscription: { maxDeliver: 1 } },
      kind: 'retry',
    },
  ])('loses nothing by handing back on the last attempt what is being handled: it $what', ({ init, kind }) => {
    const [, second] = collect(memoryDedupeStore(), {}, fakeDelivery(), fakeDelivery(init));

    expect(second).toMatchObject({ kind, error: new AlreadyRunningError('/test 1') });
  });

  it(
    'settles nothing itself',
    marbles(({ deliveries, scheduler, expectOutcomes, expectSettlements }) => {
      const source = deliveries('-a-a-|');

      expectOutcomes(source.pipe(dedupe(memoryDedupeStore({ scheduler })), handled)).toBe('-a-b-|', {
        b: 'retry a 1000',
      });
      expectSettlements(source, { show: ['refused', 'working', 'abort'] }).toBe('');
    }),
  );

  it('takes source and id for what an event is, and how often it was sent back', () => {
    const store = recordingStore();
    const redriven = { 'millrace-redriven': '2' };

    collect(store, {}, fakeDelivery({ id: '1' }), fakeDelivery({ id: '1', source: '/other' }));
    collect(store, {}, fakeDelivery({ id: '1', headers: redriven }));

    expect(store.log).toEqual(['claim /test 1', 'claim /other 1', 'claim /test 1 redriven 2']);
  });

  it('takes an event that was sent back from the dead letters for another one', () => {
    const headers = { 'millrace-redriven': '1' };
    const sent = [fakeDelivery(), fakeDelivery(), fakeDelivery({ headers }), fakeDelivery({ headers })];

    const arrivals = collect(memoryDedupeStore(), {}, ...sent);

    expect(arrivals.map(isOutcome)).toEqual([false, true, false, true]);
  });

  it('takes another key', () => {
    const store = memoryDedupeStore();
    const options = { key: (delivery: Delivery) => String(delivery.event.data) };

    const arrivals = collect(
      store,
      options,
      fakeDelivery({ id: '1', data: 'x' }),
      fakeDelivery({ id: '2', data: 'x' }),
    );

    expect(arrivals.map(isOutcome)).toEqual([false, true]);
  });

  it('lets outcomes pass, and claims nothing for them', () => {
    const store = recordingStore();
    const outcomes = [skipped(fakeDelivery()), failed(fakeDelivery()), retried(fakeDelivery())];

    expect(collect(store, {}, ...outcomes)).toEqual(outcomes);
    expect(store.log).toEqual([]);
  });

  it('refuses what is no store', () => {
    const message = "dedupe needs a store with 'claim', or { key }";

    expect(() => dedupe({} as never)).toThrow(new TypeError(message));
    expect(() => dedupe(undefined as never)).toThrow(new TypeError(message));
    expect(() => dedupe({ key: 'id' } as never)).toThrow(new TypeError(message));
  });

  it('refuses to hand back without a delay', () => {
    expect(() => dedupe(memoryDedupeStore(), { busyDelay: 0 })).toThrow(
      new RangeError("'busyDelay' must be above 0 ms, not 0"),
    );
  });
});

describe('dedupe, when a delivery is settled', () => {
  it.each([
    { name: 'ack', settle: (d: Delivery) => d.ack(), operation: 'commit', call: { kind: 'ack' } },
    {
      name: 'term',
      settle: (d: Delivery) => d.term('why'),
      operation: 'commit',
      call: { kind: 'term', reason: 'why' },
    },
    { name: 'nak', settle: (d: Delivery) => d.nak(7), operation: 'release', call: { kind: 'nak', delay: 7 } },
  ])('ends the claim first, then the delivery, each once: $name', ({ settle, operation, call }) => {
    const delivery = fakeDelivery({}, { onCall: ({ kind }) => store.log.push(kind) });
    const store = recordingStore();

    const arrival = claimed(store, delivery);
    const answers = [arrival.settled, settle(arrival), arrival.settled, settle(arrival)];

    expect(answers).toEqual([false, true, true, false]);
    expect(store.log).toEqual(['claim /test 1', `${operation} /test 1`, call.kind]);
    expect(delivery.calls).toMatchObject([{ ...call, accepted: true }]);
  });

  it('commits before it confirms, and only when somebody subscribes', () => {
    const delivery = fakeDelivery({}, { onCall: ({ kind }) => store.log.push(kind) });
    const store = recordingStore();
    const ends: string[] = [];

    const arrival = claimed(store, delivery);
    const confirmation = arrival.confirm();
    const before = [...store.log];
    confirmation.subscribe({ next: () => ends.push('next'), complete: () => ends.push('complete') });

    expect(before).toEqual(['claim /test 1']);
    expect(store.log).toEqual(['claim /test 1', 'commit /test 1', 'confirm']);
    expect([ends, arrival.settled, arrival.ack()]).toEqual([['complete'], true, false]);
  });

  it('confirms what was acked already, and commits it once', () => {
    const store = recordingStore();
    const ends: string[] = [];

    const arrival = claimed(store, fakeDelivery());
    arrival.ack();
    arrival.confirm().subscribe({ complete: () => ends.push('complete') });

    expect(store.log).toEqual(['claim /test 1', 'commit /test 1']);
    expect(ends).toEqual(['complete']);
  });

  it('releases the claim of a delivery whose lease was lost, though its nak is refused, and commits a late ack', async () => {
    const time = virtualTime();
    const store = recordingStore();
    const lost = () => fakeDelivery({ subscription: { lease: 10 } }, { scheduler: time });
    const [first, second] = [claimed(store, lost()), claimed(store, lost())];
    await time.advanceBy(10);

    const answers = [first.nak(5), second.ack()];

    expect(answers).toEqual([false, true]);
    expect(store.log.slice(2)).toEqual(['release /test 1', 'commit /test 1']);
  });

  it('ends the claim of a delivery that was settled elsewhere', () => {
    const delivery = fakeDelivery();
    const store = recordingStore();

    const arrival = claimed(store, delivery);
    delivery.ack();

    expect([arrival.settled, arrival.nak(), arrival.ack()]).toEqual([true, false, false]);
    expect(store.log).toEqual(['claim /test 1', 'release /test 1']);
  });
});

describe('dedupe, with a store that says', () => {
  const saying = (result: ClaimResult): DedupeStore => ({ claim: () => result });

  it.each([
    { result: 'duplicate' as const, kind: 'skipped' },
    { result: 'busy' as const, kind: 'retry' },
  ])('$result, makes the delivery $kind', ({ result, kind }) => {
    const delivery = fakeDelivery();

    expect(collect(saying(result), {}, delivery)).toMatchObject([{ kind, delivery }]);
  });
});

describe('dedupe, with a key', () => {
  it('that throws, makes the delivery fail with its error, and asks no store', () => {
    const store = recordingStore();
    const delivery = fakeDelivery();
    const key = () => {
      throw boom;
    };

    expect(collect(store, { key, onStoreFailure: 'run' }, delivery)).toEqual([failed(delivery, boom)]);
    expect(store.log).toEqual([]);
  });

  it.each([undefined, null, 5])(
    'that is %s, makes the delivery fail: it would be taken for a duplicate of others',
    (key) => {
      const store = recordingStore();
      const delivery = fakeDelivery();
      const error = new TypeError(`'key' of dedupe must return a text, not ${String(key)}`);

      expect(collect(store, { key: () => key as never }, delivery)).toEqual([failed(delivery, error)]);
      expect(store.log).toEqual([]);
    },
  );
});
