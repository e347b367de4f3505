import { handle, type Outcome } from 'millrace';
import { type FakeDelivery, virtualTime } from 'millrace/testing';
import pLimit, { type LimitFunction } from 'p-limit';
import { NEVER, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/core/outcome.ts';
import { boom, failed, nthDelivery } from '../support/made.ts';
import { promises } from '../support/stores.ts';

/** A stream of deliveries whose handlers are done when they are told to. */
function stream(limiter: LimitFunction, name: string, work?: () => unknown, options = {}) {
  const time = virtualTime();
  const source = new Subject<Arrival>();
  const running = new Map<string, Subject<never>>();
  const seen: string[] = [];
  const outcomes: Outcome[] = [];
  const run = ({ event }: { event: { id: string } }): unknown => {
    if (work !== undefined) return work();
    const subject = new Subject<never>();
    running.set(event.id, subject);
    return subject;
  };
  const subscription = source.pipe(handle(run, { concurrency: limiter, scheduler: time, ...options })).subscribe({
    next: (outcome) => {
      outcomes.push(outcome);
      seen.push(`${outcome.kind} ${outcome.delivery.event.id}`);
    },
    error: (error) => seen.push(`error ${error.message}`),
    complete: () => seen.push('complete'),
  });
  return {
    time,
    source,
    seen,
    outcomes,
    subscription,
    running: () => [...running.keys()],
    send: (...ns: number[]): FakeDelivery[] =>
      ns.map((n) => {
        const delivery = nthDelivery(n, { id: `${name}${n}` });
        source.next(delivery);
        return delivery;
      }),
    async finish(id: string): Promise<void> {
      running.get(id)?.complete();
      running.delete(id);
      await promises();
    },
  };
}

describe('handle, with a limiter that several streams share', () => {
  it('runs no more of all streams together than the limiter lets', async () => {
    const limiter = pLimit(2);
    const [a, b] = [stream(limiter, 'a'), stream(limiter, 'b')];

    a.send(1, 2);
    b.send(1, 2);
    await promises();
    const first = [...a.running(), ...b.running()];
    await a.finish('a1');
    const second = [...a.running(), ...b.running()];
    await b.finish('b1');
    await a.finish('a2');
    await b.finish('b2');

    expect([first, second]).toEqual([
      ['a1', 'a2'],
      ['a2', 'b1'],
    ]);
    expect([a.seen, b.seen]).toEqual([
      ['succeeded a1', 'succeeded a2'],
      ['succeeded b1', 'succeeded b2'],
    ]);
    expect([limiter.activeCount, limiter.pendingCount]).toEqual([0, 0]);
  });

  it('runs no more of one stream than the limiter lets, however many wait', async () => {
    const { send, running, finish } = stream(pLimit(1), 'a');

    send(1, 2, 3);
    await promises();
    const first = running();
    await finish('a1');

    expect([first, running()]).toEqual([['a1'], ['a2']]);
  });

  it.each([
    { does: 'returns', work: () => 5, kind: 'succeeded' },
    {
      does: 'throws',
      work: () => {
        throw boom;
      },
      kind: 'failed',
    },
    { does: 'fails', work: () => throwError(() => boom), kind: 'failed' },
    { does: 'rejects', work: () => Promise.reject(boom), kind: 'failed' },
  ])('gives the slot back when a handler $does', async ({ work, kind }) => {
    const limiter = pLimit(1);
    const { send, seen } = stream(limiter, 'a', work);

    send(1, 2, 3);
    for (let turn = 0; turn < 5; turn += 1) await promises();

    expect(seen).toEqual([1, 2, 3].map((n) => `${kind} a${n}`));
    expect(limiter.activeCount).toBe(0);
  });

  it('gives the slot back of what was decided before it came', async () => {
    const limiter = pLimit(1);
    const { source, seen } = stream(limiter, 'a', () => 5, { orderBy: () => 'key' });

    source.next(failed(nthDelivery(1)));
    for (let turn = 0; turn < 3; turn += 1) await promises();

    expect(seen).toEqual(['failed 1']);
    expect(limiter.activeCount).toBe(0);
  });

  it('gives the slot back when a handler times out', async () => {
    const limiter = pLimit(1);
    const { send, seen, time } = stream(limiter, 'a', () => NEVER, { timeout: 10 });

    send(1);
    await time.advanceBy(10);
    await promises();

    expect(seen).toEqual(['failed a1']);
    expect(limiter.activeCount).toBe(0);
  });

  it('gives the slots back of what it runs when it is unsubscribed', async () => {
    const limiter = pLimit(2);
    const [a, b] = [stream(limiter, 'a'), stream(limiter, 'b')];

    const sent = a.send(1, 2, 3);
    await promises();
    b.send(1);
    a.subscription.unsubscribe();
    await promises();

    expect(b.running()).toEqual(['b1']);
    expect(sent.map(({ calls }) => calls.filter(({ kind }) => kind === 'nak').length)).toEqual([1, 1, 1]);
    expect(limiter.activeCount).toBe(1);
  });

  it('keeps the slot of a promise until it settles, for it runs on, and gives it back then', async () => {
    const limiter = pLimit(1);
    let settle: (() => void) | undefined;
    const work = () =>
      new Promise<void>((resolve) => {
        settle = resolve;
      });
    const { send, subscription } = stream(limiter, 'a', work);

    const [delivery] = send(1);
    await promises();
    subscription.unsubscribe();
    await promises();
    const before = [limiter.activeCount, delivery?.settled];
    settle?.();
    await promises();

    expect([before, limiter.activeCount, delivery?.settled]).toEqual([[1, false], 0, true]);
  });

  it('runs nothing that was handed back before its turn', async () => {
    const limiter = pLimit(1);
    const [a, b] = [stream(limiter, 'a'), stream(limiter, 'b')];

    a.send(1);
    await promises();
    const [waiting] = b.send(1);
    b.subscription.unsubscribe();
    await a.finish('a1');

    expect(b.running()).toEqual([]);
    expect(waiting?.calls).toMatchObject([{ kind: 'nak', delay: 0 }]);
    expect([limiter.activeCount, limiter.pendingCount]).toEqual([0, 0]);
  });

  it('completes when what waits is done', async () => {
    const limiter = pLimit(1);
    const { send, source, seen, finish } = stream(limiter, 'a');

    send(1, 2);
    source.complete();
    await promises();
    await finish('a1');
    await finish('a2');

    expect(seen).toEqual(['succeeded a1', 'succeeded a2', 'complete']);
  });

  it('completes when the last one that waits was settled elsewhere', async () => {
    const limiter = pLimit(1);
    const [a, b] = [stream(limiter, 'a'), stream(limiter, 'b')];

    a.send(1);
    await promises();
    const [waiting] = b.send(1);
    b.source.complete();
    waiting?.ack();
    await a.finish('a1');

    expect(b.seen).toEqual(['skipped b1', 'complete']);
    expect(limiter.activeCount).toBe(0);
  });

  it('hands back all that waits when its source fails while another stream has the slots', async () => {
    const limiter = pLimit(1);
    const [a, b] = [stream(limiter, 'a'), stream(limiter, 'b')];

    a.send(1);
    await promises();
    b.send(1, 2, 3);
    b.source.error(boom);
    await promises();

    expect(b.seen).toEqual(['retry b1', 'retry b2', 'retry b3', 'error boom']);
    expect(b.outcomes).toMatchObject([1, 2, 3].map(() => ({ kind: 'retry', delay: 0, error: boom })));
  });
});
