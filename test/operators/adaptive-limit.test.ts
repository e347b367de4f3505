import fc from 'fast-check';
import { type AdaptiveOptions, adaptiveStep, fatal, handle } from 'millrace';
import { virtualTime } from 'millrace/testing';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Arrival } from '../../src/core/outcome.ts';
import { boom, nthDelivery } from '../support/made.ts';

const acked = { succeeded: 1, failed: 0 };
const rejected = { succeeded: 0, failed: 1 };

const ones = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** From 1 up to 50 by a tenth, and down again by 15 %, each at least by 1: reference/seeds-semantics.md §6.4, row 4.6. */
const up = [...ones(1, 20), 22, 24, 26, 28, 30, 33, 36, 39, 42, 46, 50, 50];
const down = [50, 43, 37, 32, 28, 24, 21, 18, 16, 14, 12, ...ones(1, 11).reverse(), 1];

describe('adaptiveStep', () => {
  it('grows by a tenth of the limit in each interval that saw successes only', () => {
    const step = adaptiveStep(50);
    const series = [1];

    while (series.length < up.length) series.push(step(series.at(-1) as number, acked));

    expect(series).toEqual(up);
  });

  it.each([
    [50, 43],
    [43, 37],
    [3, 2],
    [1, 1],
  ])('shrinks from %i to %i in an interval that saw a failure', (limit, next) => {
    expect(adaptiveStep(50)(limit, rejected)).toBe(next);
  });

  it('shrinks by one failure among many successes', () => {
    expect(adaptiveStep(50)(20, { succeeded: 1_000, failed: 1 })).toBe(17);
  });

  it('stays where nothing happened', () => {
    expect(adaptiveStep(50)(20, { succeeded: 0, failed: 0 })).toBe(20);
  });

  it('takes other shares', () => {
    const step = adaptiveStep(1_000, { increase: 1, decrease: 0.5 });

    expect([step(10, acked), step(10, rejected)]).toEqual([20, 5]);
  });

  it('never leaves its bounds, and always moves within them', () => {
    const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(199), share, share, (max, below, increase, decrease) => {
        const limit = Math.max(1, max - below);
        const step = adaptiveStep(max, { increase, decrease });
        const [grown, shrunk] = [step(limit, acked), step(limit, rejected)];

        expect(grown > limit || (limit === max && grown === max)).toBe(true);
        expect(grown).toBeLessThanOrEqual(max);
        expect(shrunk < limit || (limit === 1 && shrunk === 1)).toBe(true);
        expect(shrunk).toBeGreaterThanOrEqual(1);
      }),
      { seed: 1 },
    );
  });
});

describe('handle, with an adaptive limit', () => {
  /** A backlog without end, and handlers that end when they are told to. */
  function backlog(concurrency: number, adaptive: AdaptiveOptions = {}) {
    const time = virtualTime();
    const source = new Subject<Arrival>();
    const running = new Set<Subject<never>>();
    const handler = (): Subject<never> => {
      const work = new Subject<never>();
      running.add(work);
      return work;
    };
    const options = { concurrency, adaptive, timeout: Number.POSITIVE_INFINITY, scheduler: time };
    const subscription = source.pipe(handle(handler, options)).subscribe();
    let sent = 0;
    const send = (count: number): void => {
      for (let index = 0; index < count; index += 1) source.next(nthDelivery(++sent));
    };

    return {
      time,
      send,
      subscription,
      running: () => running.size,
      /** Ends everything that runs, by an error if one is given, and moves to the end of the interval. */
      async round(error?: unknown, interval = 100): Promise<number> {
        for (const work of [...running]) {
          running.delete(work);
          if (error === undefined) work.complete();
          else work.error(error);
        }
        await time.advanceBy(interval);
        return running.size;
      },
    };
  }

  it('runs as many handlers as the limit of each interval says: up, and down again', async () => {
    const { send, running, round, subscription } = backlog(50);
    send(3_000);

    const series = [running()];
    while (series.length < up.length) series.push(await round());
    const fall = [series.at(-1)];
    while (fall.length < down.length) {
      await round(boom);
      fall.push(await settled(round));
    }

    expect(series).toEqual(up);
    expect(fall).toEqual(down);
    subscription.unsubscribe();

    /** What goes on running when the limit has shrunk is more than it for as long as it takes. */
    async function settled(next: typeof round): Promise<number> {
      await next(fatal('counts neither way'), 0);
      return running();
    }
  });

  it('begins with another limit, and keeps another interval', async () => {
    const { send, running, round, subscription } = backlog(50, { initial: 10, interval: 20 });
    send(200);

    const before = running();
    const early = await round(undefined, 19);
    const late = await round(undefined, 1);

    expect([before, early, late]).toEqual([10, 10, 11]);
    subscription.unsubscribe();
  });

  it('begins with one handler at a time', () => {
    const { send, running, subscription } = backlog(50);

    send(5);

    expect(running()).toBe(1);
    subscription.unsubscribe();
  });

  it('counts each interval by itself', async () => {
    const { send, round, running, subscription } = backlog(50, { initial: 20 });
    send(500);

    await round(boom);
    const shrunk = await round();

    expect([shrunk, running()]).toEqual([18, 18]); // 20, 17 and, since there was no failure any more, 18
    subscription.unsubscribe();
  });

  it('does not shrink for failures that no rest can mend', async () => {
    const { send, round, running, subscription } = backlog(50, { initial: 20 });
    send(100);

    await round(fatal('poison'));

    expect(running()).toBe(20);
    subscription.unsubscribe();
  });

  it('sets a timer only while work is done', async () => {
    const { send, round, time, subscription } = backlog(50);

    const idle = time.pending;
    send(1);
    const started = time.pending;
    await round(undefined, 99);
    const done = time.pending;
    await time.advanceBy(1);

    expect([idle, started, done, time.pending]).toEqual([0, 0, 1, 0]);
    subscription.unsubscribe();
  });

  it('stops with its subscriber', async () => {
    const { send, round, time, subscription } = backlog(50);
    send(2);

    await round(undefined, 50);
    subscription.unsubscribe();

    expect(time.pending).toBe(0);
  });
});
