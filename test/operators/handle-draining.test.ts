import { getEventListeners } from 'node:events';
import { type Arrival, type DrainReport, type HandleOptions, handle, type Outcome, settle } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import { concat, merge, NEVER, of, Subject, tap, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { nthDelivery } from '../support/made.ts';
import { memoryRig, nothing } from '../support/memory-rig.ts';

/** Deliveries of two transports, of which each can drain; a handler ends when it is told to. */
function twoTransports(options: HandleOptions) {
  const drains = [new AbortController(), new AbortController()] as const;
  const source = new Subject<Arrival>();
  const works = new Map<string, Subject<never>>();
  const seen: string[] = [];
  const outcomes: Outcome[] = [];
  const handler = ({ event }: Delivery): Subject<never> => {
    const work = new Subject<never>();
    works.set(event.id, work);
    return work;
  };
  const subscription = source
    .pipe(handle(handler, { scheduler: virtualTime(), ...options }), settle())
    .subscribe((outcome) => {
      outcomes.push(outcome);
      seen.push(`${outcome.kind} ${outcome.delivery.event.id}`);
    });
  return {
    drains,
    seen,
    outcomes,
    subscription,
    running: () => [...works.keys()],
    send(transport: 0 | 1, ...ns: number[]): void {
      for (const n of ns) {
        const { signal } = drains[transport];
        const init = { id: `${transport}:${n}`, position: { stream: `S${transport}`, sequence: n } };
        source.next(nthDelivery(n, { ...init, subscription: { draining: signal } }));
      }
    },
    finish(id: string): void {
      works.get(id)?.complete();
      works.delete(id);
    },
  };
}

describe('handle, while a transport drains', () => {
  it.each([
    { order: 'without an order', options: { concurrency: 1 } },
    { order: 'in a lane', options: { orderBy: () => 'key' } },
  ])('hands back what has not been started, at once, and lets run what was: $order', ({ options }) => {
    const { drains, send, seen, outcomes, finish, subscription } = twoTransports(options);
    send(0, 1, 2, 3);

    drains[0].abort();
    const handedBack = [...seen];
    finish('0:1');

    expect(handedBack).toEqual(['retry 0:2', 'retry 0:3']);
    expect(outcomes[0]).toMatchObject({ delay: 0, error: { code: 'DRAINING' } });
    expect(seen.slice(2)).toEqual(['succeeded 0:1']);
    subscription.unsubscribe();
  });

  it('leaves those of other transports where they wait', () => {
    const { drains, send, seen, running, finish, subscription } = twoTransports({ concurrency: 1 });
    send(1, 1);
    send(0, 2);
    send(1, 3, 4);
    send(0, 5);

    drains[0].abort();
    const steps = [running().join()];
    for (const id of ['1:1', '1:3', '1:4']) {
      finish(id);
      steps.push(running().join());
    }

    expect(steps).toEqual(['1:1', '1:3', '1:4', '']);
    expect(seen.slice(0, 2)).toEqual(['retry 0:2', 'retry 0:5']);
    subscription.unsubscribe();
  });

  it('leaves those of other transports in their lanes', () => {
    const orderBy = ({ position }: Delivery): unknown => position?.stream;
    const { drains, send, seen, running, finish, subscription } = twoTransports({ orderBy });
    send(1, 1, 3);
    send(0, 2, 5);

    drains[0].abort();
    const before = running();
    finish('1:1');

    expect([before, running()]).toEqual([
      ['1:1', '0:2'],
      ['0:2', '1:3'],
    ]);
    expect(seen).toEqual(['retry 0:5', 'succeeded 1:1']);
    subscription.unsubscribe();
  });

  it('hands back at once even what is on its last attempt', () => {
    const draining = new AbortController();
    const init = { attempt: 3, subscription: { maxDeliver: 3, draining: draining.signal } };
    const seen: Outcome[] = [];

    const subscription = concat(of(nthDelivery(1, init), nthDelivery(2, init)), NEVER)
      .pipe(handle(() => NEVER, { concurrency: 1, scheduler: virtualTime() }))
      .subscribe((outcome) => seen.push(outcome));
    draining.abort();

    expect(seen).toMatchObject([{ kind: 'retry', delay: 0, delivery: { event: { id: '2' } } }]);
    subscription.unsubscribe();
  });

  it('hands back what arrives after that', () => {
    const { drains, send, seen, running, subscription } = twoTransports({});

    send(0, 1);
    drains[0].abort();
    send(0, 2);
    send(1, 1);

    expect([seen, running()]).toEqual([['retry 0:2'], ['0:1', '1:1']]);
    subscription.unsubscribe();
  });

  it('hands back all of them when the source had completed before, and completes', () => {
    const draining = new AbortController();
    const seen: string[] = [];
    const deliveries = [1, 2, 3].map((n) => nthDelivery(n, { subscription: { draining: draining.signal } }));
    const work = new Subject<never>();

    of(...deliveries)
      .pipe(handle(() => work, { concurrency: 1, scheduler: virtualTime() }))
      .subscribe({ next: ({ kind }) => seen.push(kind), complete: () => seen.push('complete') });
    draining.abort();
    work.complete();

    expect(seen).toEqual(['retry', 'retry', 'succeeded', 'complete']);
  });

  it('hands back nothing any more when it was unsubscribed', () => {
    const draining = new AbortController();
    const delivery = nthDelivery(1, { subscription: { draining: draining.signal } });

    const subscription = concat(of(delivery), NEVER)
      .pipe(handle(() => NEVER, { scheduler: virtualTime() }))
      .subscribe();
    const listening = getEventListeners(draining.signal, 'abort').length;
    subscription.unsubscribe();

    expect([listening, getEventListeners(draining.signal, 'abort').length]).toEqual([1, 0]);
  });

  it('listens once, however many deliveries come', () => {
    const draining = new AbortController();
    const other = new AbortController();
    const deliveries = Array.from({ length: 100 }, (_, n) =>
      nthDelivery(n + 1, { subscription: { draining: (n % 2 === 0 ? draining : other).signal } }),
    );

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(handle(() => 5))
      .subscribe();

    expect(getEventListeners(draining.signal, 'abort')).toHaveLength(1);
    subscription.unsubscribe();
  });
});

describe('handle, on a broker that drains', () => {
  it('accounts for every delivery: acked, handed back and abandoned', async () => {
    const { time, transport, publish, deliveries, left } = memoryRig();
    publish(...Array.from({ length: 20 }, (_, n) => `key ${n % 5}`));
    const reports: DrainReport[] = [];
    const ended: string[] = [];

    deliveries(10)
      .pipe(
        handle(({ position }) => (position?.sequence === 3 ? NEVER : timer(100, time)), {
          concurrency: 3,
          orderBy: ({ event }) => event.subject,
          scheduler: time,
        }),
        settle(),
      )
      .subscribe({ complete: () => ended.push('complete') });
    await time.advanceBy(50);
    transport.drain({ grace: 500 }).subscribe((report) => reports.push(report));
    await time.advanceBy(1_000);

    expect(reports).toMatchObject([
      { received: 10, acked: 2, returned: 7, abandoned: 1, naked: 0, termed: 0, expired: 0, elapsedMs: 500 },
    ]);
    expect(left()).toMatchObject({ pending: 10, unsettled: 0, redelivering: 8 });
    expect(ended).toEqual([]);
  });

  it('lets another transport go on with what it left', async () => {
    const { time, broker, transport, publish, deliveries, left } = memoryRig();
    const other = memoryTransport(broker);
    const handled: string[] = [];
    publish('a', 'a', 'a', 'b', 'b');
    const handler = ({ event }: Delivery): unknown => timer(100, time).pipe(tap(() => handled.push(event.id)));
    const work = handle(handler, { orderBy: ({ event }) => event.subject, scheduler: time });

    merge(deliveries(2), other.subscribe({ stream: 'SHOP', consumer: 'billing', prefetch: 2 }))
      .pipe(work, settle())
      .subscribe();
    transport.drain().subscribe();
    await time.advanceBy(1_000);

    expect(handled.filter((id) => id < '4')).toEqual(['1', '2', '3']);
    expect(handled.filter((id) => id >= '4')).toEqual(['4', '5']);
    expect(left()).toEqual(nothing);
  });
});
