import { type Arrival, constant, dedupe, handle, redeliver, settle } from 'millrace';
import { virtualTime } from 'millrace/testing';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { DedupeStore } from '../../src/core/dedupe-store.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, nthDelivery } from '../support/made.ts';
import { promises, recordingStore, slowStore } from '../support/stores.ts';

/** Lanes by subject behind a store; handlers end when they are told to. */
function rig(store: DedupeStore, concurrency = 16, draining = new AbortController().signal) {
  const time = virtualTime();
  const source = new Subject<Arrival>();
  const works = new Map<string, Subject<never>>();
  const seen: string[] = [];
  const handler = ({ event }: Delivery): Subject<never> => {
    const work = new Subject<never>();
    works.set(event.id, work);
    return work;
  };
  const orderBy = ({ event }: Delivery): unknown => event.subject;
  const subscription = source
    .pipe(
      dedupe(store, { scheduler: time }),
      handle(handler, { orderBy, concurrency, scheduler: time }),
      redeliver(constant(200), { scheduler: time }),
      settle({ scheduler: time }),
    )
    .subscribe({
      next: ({ kind, delivery }) => seen.push(`${kind} ${delivery.event.id}`),
      complete: () => seen.push('complete'),
    });
  return {
    time,
    source,
    seen,
    subscription,
    running: () => [...works.keys()],
    send(n: number, subject: string) {
      const delivery = nthDelivery(n, { subject, subscription: { lease: 300, draining } });
      source.next(delivery);
      return delivery;
    },
    async end(id: string, error?: unknown): Promise<void> {
      const work = works.get(id);
      works.delete(id);
      if (error === undefined) work?.complete();
      else work?.error(error);
      await promises();
    },
    async answer(slow: ReturnType<typeof slowStore>, ...ids: string[]): Promise<void> {
      for (const id of ids) slow.answer(`/test ${id}`);
      await promises();
    },
  };
}

describe('handle, with an order, of what is claimed', () => {
  it('gives up the claim of what waits for its turn, and takes it again then', async () => {
    const store = recordingStore();
    const { send, end, subscription } = rig(store);

    send(1, 'x');
    send(2, 'x');
    const waiting = [...store.log];
    await end('1');

    expect(waiting).toEqual(['claim /test 1', 'claim /test 2', 'release /test 2']);
    expect(store.log.slice(3)).toEqual(['commit /test 1', 'claim /test 2']);
    subscription.unsubscribe();
  });

  it('gives up the claim of what was settled elsewhere while it waited for a slot', async () => {
    const store = recordingStore();
    const { send, end, seen, subscription } = rig(store, 1);
    send(1, 'x');
    const second = send(2, 'y');

    second.ack();
    await end('1');

    expect(seen).toEqual(['succeeded 1', 'skipped 2']);
    expect(store.log.slice(2)).toEqual(['commit /test 1', 'release /test 2']);
    subscription.unsubscribe();
  });

  it('runs on when the claim is had again, and what waited for a slot meanwhile', async () => {
    const store = slowStore();
    const { send, end, answer, running, seen, subscription } = rig(store, 1);
    send(1, 'x');
    send(2, 'x');
    await answer(store, '1', '2');
    await end('1');

    send(3, 'y'); // it finds no slot while the store is asked for the second
    await answer(store, '3');
    await answer(store, '2');
    await end(running()[0] ?? '');
    await end(running()[0] ?? '');

    expect(seen.toSorted()).toEqual(['succeeded 1', 'succeeded 2', 'succeeded 3']);
    subscription.unsubscribe();
  });

  it.each([
    { said: 'duplicate' as const, outcome: 'skipped 2' },
    { said: 'busy' as const, outcome: 'retry 2' },
    { said: boom, outcome: 'retry 2' },
  ])('asks the store once more when the turn comes: $said then', async ({ said, outcome }) => {
    const store = slowStore();
    const { send, end, answer, running, seen, subscription } = rig(store);
    send(1, 'x');
    send(2, 'x');
    await answer(store, '1', '2');

    await end('1');
    store.answer('/test 2', said);
    await promises();

    expect([running(), seen]).toEqual([[], ['succeeded 1', outcome]]);
    subscription.unsubscribe();
  });

  it('hands back what asks the store while its transport begins to drain', async () => {
    const store = slowStore();
    const draining = new AbortController();
    const { send, end, answer, running, seen, subscription } = rig(store, 16, draining.signal);
    send(1, 'x');
    send(2, 'x');
    await answer(store, '1', '2');
    await end('1');

    draining.abort();
    await answer(store, '2');

    expect([running(), seen]).toEqual([[], ['succeeded 1', 'retry 2']]);
    expect(store.log.slice(-2)).toEqual(['claim /test 2', 'release /test 2']);
    subscription.unsubscribe();
  });

  it('completes only when the store has answered, and the last one was handled', async () => {
    const store = slowStore();
    const { send, source, end, answer, seen } = rig(store);
    send(1, 'x');
    send(2, 'x');
    await answer(store, '1', '2');

    source.complete();
    await end('1');
    const before = [...seen];
    await answer(store, '2');
    await end('2');

    expect([before, seen]).toEqual([['succeeded 1'], ['succeeded 1', 'succeeded 2', 'complete']]);
  });

  it('hands back what asks the store when it is unsubscribed, and gives back a claim that comes too late', async () => {
    const store = slowStore();
    const { send, end, answer, running, subscription, time } = rig(store);
    send(1, 'x');
    const second = send(2, 'x');
    await answer(store, '1', '2');
    await end('1');

    subscription.unsubscribe();
    await answer(store, '2');

    expect(second.calls.filter(({ kind }) => kind !== 'working')).toMatchObject([{ kind: 'nak', delay: 0 }]);
    expect(store.log.slice(-2)).toEqual(['claim /test 2', 'release /test 2']);
    expect([running(), time.pending]).toEqual([[], 0]);
  });
});
