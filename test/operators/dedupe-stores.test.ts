import {
  type Arrival,
  type DedupeOptions,
  type DedupeStore,
  dedupe,
  handle,
  isOutcome,
  type Outcome,
  StoreFailedError,
  settle,
} from 'millrace';
import { type FakeDelivery, fakeDelivery, virtualTime } from 'millrace/testing';
import { NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, skipped } from '../support/made.ts';
import { promises, recordingStore, slowStore } from '../support/stores.ts';

const throws = (): never => {
  throw boom;
};

function open(store: DedupeStore, options: DedupeOptions = {}) {
  const source = new Subject<Arrival>();
  const arrivals: Arrival[] = [];
  const seen = { end: 'open' as unknown };
  const subscription = source.pipe(dedupe(store, options)).subscribe({
    next: (arrival) => arrivals.push(arrival),
    error: (error) => Object.assign(seen, { end: error }),
    complete: () => Object.assign(seen, { end: 'complete' }),
  });
  const ids = () => arrivals.map((arrival) => (isOutcome(arrival) ? arrival.delivery : arrival).event.id);
  return { source, arrivals, ids, seen, subscription };
}

/** Runs one delivery through the pipeline, by a handler that does `work`. */
async function runOne(store: DedupeStore, work: (delivery: Delivery) => unknown): Promise<[Outcome, FakeDelivery]> {
  const delivery = fakeDelivery();
  const outcome = await new Promise<Outcome>((resolve) =>
    of(delivery).pipe(dedupe(store), handle(work), settle()).subscribe(resolve),
  );
  return [outcome, delivery];
}

describe.each([
  { kind: 'promises', observable: false },
  { kind: 'Observables', observable: true },
])('dedupe, with a store of $kind', ({ observable }) => {
  it('keeps the order, however the answers come', async () => {
    const store = slowStore(observable);
    const { source, ids } = open(store);

    for (const n of [1, 2, 3]) source.next(nthDelivery(n));
    store.answer('/test 3');
    store.answer('/test 2', 'duplicate');
    await promises();
    const before = ids();
    store.answer('/test 1');
    await promises();

    expect([before, ids()]).toEqual([[], ['1', '2', '3']]);
  });

  it('keeps the place of outcomes that arrive meanwhile', async () => {
    const store = slowStore(observable);
    const { source, ids } = open(store);

    source.next(nthDelivery(1));
    source.next(skipped(nthDelivery(2)));
    const before = ids();
    store.answer('/test 1');
    await promises();

    expect([before, ids()]).toEqual([[], ['1', '2']]);
  });

  it.each(['complete', boom])('waits for the last answer before it ends with %s', async (end) => {
    const store = slowStore(observable);
    const { source, ids, seen } = open(store);

    source.next(nthDelivery(1));
    if (end === boom) source.error(boom);
    else source.complete();
    const before = seen.end;
    store.answer('/test 1');
    await promises();

    expect([before, ids(), seen.end]).toEqual(['open', ['1'], end]);
  });

  it('hands back what has no answer yet when it is unsubscribed, and what waits behind it', async () => {
    const store = slowStore(observable);
    const { source, subscription } = open(store);
    const sent = [1, 2, 3].map((n) => nthDelivery(n));

    for (const delivery of sent) source.next(delivery);
    source.next(skipped(nthDelivery(4)));
    store.answer('/test 2');
    await promises();
    subscription.unsubscribe();
    await promises();

    for (const { calls } of sent)
      expect(calls.filter(({ accepted }) => accepted)).toMatchObject([{ kind: 'nak', delay: 0 }]);
    expect(store.log).toEqual(['claim /test 2', 'release /test 2']);
  });

  it('hands back an outcome that waits for its turn when it is unsubscribed', () => {
    const store = slowStore(observable);
    const { source, subscription } = open(store);
    const late = nthDelivery(2);

    source.next(nthDelivery(1));
    source.next(skipped(late));
    subscription.unsubscribe();

    expect(late.calls).toMatchObject([{ kind: 'nak', delay: 0, accepted: true }]);
  });

  it('makes a delivery fail whose claim fails in time', async () => {
    const store = slowStore(observable);
    const { source, arrivals, seen } = open(store);
    const delivery = fakeDelivery();

    source.next(delivery);
    store.answer('/test 1', boom);
    await promises();

    expect(arrivals).toEqual([failed(delivery, new StoreFailedError('claim', '/test 1', { cause: boom }))]);
    expect(seen.end).toBe('open');
  });

  it('keeps the leases of what waits for the store, and lets them go on unsubscribe', async () => {
    const time = virtualTime();
    const { source, subscription } = open(slowStore(observable), { scheduler: time });
    const delivery = fakeDelivery({ subscription: { lease: 300 } }, { scheduler: time });

    source.next(delivery);
    await time.advanceBy(1_000);
    const { calls, lost } = delivery;
    const kept = calls.map((call) => call.time);
    subscription.unsubscribe();

    expect(lost).toBe(false);
    expect(kept).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
    expect(time.pending).toBe(0);
  });
});

describe('dedupe, with a store that answers too late', () => {
  it('gives the claim back, for whoever gets the event next', async () => {
    const store = slowStore();
    const { source, subscription } = open(store);
    const delivery = fakeDelivery();

    source.next(delivery);
    subscription.unsubscribe();
    store.answer('/test 1');
    await promises();

    expect(delivery.calls).toMatchObject([{ kind: 'nak', delay: 0, accepted: true }]);
    expect(store.log).toEqual(['claim /test 1', 'release /test 1']);
  });

  it('cancels the question where it can', () => {
    const answer = new Subject<'busy'>();
    const { source, subscription } = open({ claim: () => answer });

    source.next(fakeDelivery());
    const before = answer.observed;
    subscription.unsubscribe();

    expect([before, answer.observed]).toEqual([true, false]);
  });

  it('takes an answer that never comes for one of another delivery', async () => {
    const { source, arrivals } = open({ claim: () => of() });

    source.next(fakeDelivery());
    await promises();

    expect(arrivals).toMatchObject([{ kind: 'retry', delay: 1_000 }]);
  });
});

describe('dedupe, with a store that fails', () => {
  it.each([
    { how: 'at once', claim: throws },
    { how: 'by a rejection', claim: () => Promise.reject(boom) },
    { how: 'by an Observable error', claim: () => throwError(() => boom) },
  ])('to claim $how, loses nothing: the delivery fails, and goes back', async ({ claim }) => {
    let ran = false;

    const [outcome, delivery] = await runOne({ claim }, () => {
      ran = true;
    });

    expect(outcome).toEqual(failed(delivery, new StoreFailedError('claim', '/test 1', { cause: boom })));
    expect(delivery.calls.map(({ kind }) => kind)).toEqual(['nak']);
    expect(ran).toBe(false);
  });

  it('to claim, runs the delivery all the same where it is told to', () => {
    const { source, arrivals } = open({ claim: throws }, { onStoreFailure: 'run' });
    const delivery = fakeDelivery();

    source.next(delivery);

    expect(arrivals).toEqual([delivery]);
  });

  it.each([
    { how: 'at once', commit: throws },
    { how: 'by a rejection', commit: () => Promise.reject(boom) },
    { how: 'by an Observable error', commit: () => throwError(() => boom) },
  ])('to commit $how, sends the ack all the same, and says so', async ({ commit }) => {
    const [outcome, delivery] = await runOne(recordingStore({ commit }), () => 5);

    const settleError = new StoreFailedError('commit', '/test 1', { cause: boom });
    expect(outcome).toMatchObject({ kind: 'succeeded', value: 5, settleError });
    expect(outcome.settleError).toHaveProperty('cause', boom);
    expect(delivery.calls.map(({ kind }) => kind)).toEqual(['ack']);
  });

  it.each([
    { how: 'at once', release: throws },
    { how: 'by a rejection', release: () => Promise.reject(boom) },
    { how: 'by an Observable error', release: () => throwError(() => boom) },
  ])('to release $how, hands the delivery back all the same, and says so', async ({ release }) => {
    const [outcome, delivery] = await runOne(recordingStore({ release }), throws);

    const settleError = new StoreFailedError('release', '/test 1', { cause: boom });
    expect(outcome).toMatchObject({ kind: 'failed', error: boom, settleError });
    expect(delivery.calls.map(({ kind }) => kind)).toEqual(['nak']);
  });

  it.each([
    { how: 'at once', commit: throws },
    { how: 'by a rejection', commit: () => Promise.reject(boom) },
  ])('to commit $how, confirms all the same, and says so', async ({ commit }) => {
    const delivery = fakeDelivery();

    const outcome = await new Promise<Outcome>((resolve) =>
      of(delivery)
        .pipe(
          dedupe(recordingStore({ commit })),
          handle(() => 5),
          settle({ confirm: true }),
        )
        .subscribe(resolve),
    );

    expect(outcome).toMatchObject({ kind: 'succeeded', settleError: new StoreFailedError('commit', '/test 1') });
    expect(delivery.calls.map(({ kind }) => kind)).toEqual(['confirm']);
  });

  it.each([
    { how: 'a claim that is none', store: { claim: () => undefined as never } },
    { how: 'no end of a claim', store: recordingStore({ commit: () => NEVER }) },
  ])('by $how, never stops the stream', async ({ store }) => {
    const { source, arrivals, seen } = open(store);

    source.next(nthDelivery(1));
    source.next(nthDelivery(2));
    for (const arrival of arrivals) if (!isOutcome(arrival)) arrival.ack();
    await promises();

    expect([arrivals.length, seen.end]).toEqual([2, 'open']);
  });

  it('waits with the ack until the commit is done', async () => {
    const commit = new Subject<void>();
    const delivery = fakeDelivery();
    const { source, arrivals } = open(recordingStore({ commit: () => commit }));

    source.next(delivery);
    const [arrival] = arrivals as [Delivery];
    const answers = [arrival.ack(), arrival.settled, delivery.settled, arrival.nak()];
    commit.complete();

    expect(answers).toEqual([true, true, false, false]);
    expect(delivery.calls).toMatchObject([{ kind: 'ack' }]);
  });
});
