import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { virtualTime } from 'millrace/testing';
import {
  asapScheduler,
  concatMap,
  debounceTime,
  delay,
  EMPTY,
  firstValueFrom,
  from,
  interval,
  map,
  mergeMap,
  observeOn,
  of,
  range,
  type SchedulerAction,
  Subject,
  scheduled,
  subscribeOn,
  take,
  throwError,
  timeout,
  timer,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

describe('virtualTime', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it('starts at the epoch, or where it is told to, and stands still', () => {
    expect(virtualTime().now()).toBe(0);
    expect(virtualTime({ start: 1_700_000_000_000 }).now()).toBe(1_700_000_000_000);
  });

  it('runs nothing until it is moved', async () => {
    const time = virtualTime();
    const ran: string[] = [];

    time.schedule(() => ran.push('now'));
    time.schedule(() => ran.push('at 10'), 10);
    expect(ran).toEqual([]);

    await time.advanceBy(0);
    expect(ran).toEqual(['now']);
    await time.advanceBy(9);
    expect(ran).toEqual(['now']);
    await time.advanceBy(1);
    expect(ran).toEqual(['now', 'at 10']);
  });

  it('runs any set of schedules by time, then by order of scheduling, at the time of each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40)),
        fc.array(fc.nat(40), { minLength: 1 }),
        fc.nat(1_000),
        async (delays, steps, start) => {
          const time = virtualTime({ start });
          const ran: { order: number; at: number }[] = [];
          for (const [order, wait] of delays.entries()) {
            time.schedule(() => ran.push({ order, at: time.now() }), wait);
          }

          for (const step of steps) await time.advanceBy(step);

          const end = start + steps.reduce((sum, step) => sum + step, 0);
          const due = delays.map((wait, order) => ({ order, at: start + wait })).filter(({ at }) => at <= end);
          expect(ran).toEqual(due.sort((a, b) => a.at - b.at || a.order - b.order));
          expect(time.now()).toBe(end);
          expect(time.pending).toBe(delays.length - due.length);
        },
      ),
    );
  });

  it('never runs what was cancelled, however many there are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ wait: fc.nat(20), cancel: fc.nat(3).map((n) => n > 0) }), { maxLength: 400, size: 'max' }),
        async (plan) => {
          const time = virtualTime();
          const ran: number[] = [];
          const actions = plan.map(({ wait }, index) => time.schedule(() => ran.push(index), wait));

          for (const [index, { cancel }] of plan.entries()) if (cancel) actions[index]!.unsubscribe();
          expect(time.pending).toBe(plan.filter(({ cancel }) => !cancel).length);
          await time.advanceBy(20);

          const kept = plan.map(({ wait, cancel }, index) => ({ wait, cancel, index })).filter(({ cancel }) => !cancel);
          expect(ran).toEqual(kept.sort((a, b) => a.wait - b.wait || a.index - b.index).map(({ index }) => index));
          expect(time.pending).toBe(0);
        },
      ),
    );
  });

  it('lets an action cancel another at the same time, and itself', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    const first = time.schedule(() => {
      ran.push('first');
      first.unsubscribe();
      second.unsubscribe();
    }, 5);
    const second = time.schedule(() => ran.push('second'), 5);

    await time.advanceBy(10);

    expect(ran).toEqual(['first']);
    expect(time.pending).toBe(0);
  });

  it('runs what an action schedules within the horizon, at its own time', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    const note = (what: string) => ran.push(`${what} at ${time.now()}`);
    time.schedule(() => {
      note('outer');
      time.schedule(() => note('same time'));
      time.schedule(() => note('later'), 7);
      time.schedule(() => note('beyond'), 95);
    }, 10);
    time.schedule(() => note('between'), 12);

    await time.advanceBy(100);

    expect(ran).toEqual(['outer at 10', 'same time at 10', 'between at 12', 'later at 17']);
    expect(time.pending).toBe(1);
  });

  it('hands the state on, and lets an action schedule itself again', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    function countDown(this: SchedulerAction<number>, state?: number): void {
      ran.push(`${state} at ${time.now()}`);
      if (state! > 0) this.schedule(state! - 1, 10);
    }

    time.schedule(countDown, 5, 2);
    await time.advanceBy(100);

    expect(ran).toEqual(['2 at 5', '1 at 15', '0 at 25']);
  });

  it('replaces the plan of an action that is scheduled twice, and ignores a closed one', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    const action = time.schedule<string>(
      (state) => ran.push(`${state} at ${time.now()}`),
      5,
      'a',
    ) as SchedulerAction<string>;

    action.schedule('b', 8);
    await time.advanceBy(10);
    action.unsubscribe();
    action.schedule('c', 1);
    await time.advanceBy(10);

    expect(ran).toEqual(['b at 8']);
    expect(time.pending).toBe(0);
  });

  it('treats a negative or absurd delay as none, and one without end as never', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    time.schedule(() => ran.push('negative'), -5);
    time.schedule(() => ran.push('absurd'), Number.NaN);
    time.schedule(() => ran.push('never'), Number.POSITIVE_INFINITY);

    await time.flush();

    expect(ran).toEqual(['negative', 'absurd']);
    expect(time.now()).toBe(0);
    expect(time.pending).toBe(1);
  });

  it('lets promises settle before the first point of time, between two and after the last', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    const chain = async (name: string) => {
      for (let step = 0; step < 20; step++) await Promise.resolve();
      ran.push(`${name} at ${time.now()}`);
    };
    void chain('before');
    time.schedule(() => void chain('first'), 10);
    time.schedule(() => void chain('second'), 20);

    await time.advanceBy(30);

    expect(ran).toEqual(['before at 0', 'first at 10', 'second at 20']);
  });

  it('settles promises when nothing is due', async () => {
    const time = virtualTime();
    let settled = false;
    void Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => {
        settled = true;
      });

    await time.advanceBy(0);

    expect(settled).toBe(true);
  });

  it('runs what promises schedule, at the time at which they do', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    const sleep = (ms: number) => firstValueFrom(timer(ms, time));
    async function worker(): Promise<void> {
      for (const wait of [10, 0, 25]) {
        await sleep(wait);
        ran.push(`after ${wait} at ${time.now()}`);
      }
    }

    void worker();
    await time.advanceBy(35);

    expect(ran).toEqual(['after 10 at 10', 'after 0 at 10', 'after 25 at 35']);
  });

  it('works with async handlers in a stream', async () => {
    const time = virtualTime();
    const results: string[] = [];
    const handler = async (n: number) => {
      await firstValueFrom(timer(100, time));
      return `${n} at ${time.now()}`;
    };

    range(1, 3)
      .pipe(concatMap(handler))
      .subscribe((result) => results.push(result));
    await time.advanceBy(250);
    expect(results).toEqual(['1 at 100', '2 at 200']);
    await time.advanceBy(50);

    expect(results).toEqual(['1 at 100', '2 at 200', '3 at 300']);
  });

  it.each<[string, (time: ReturnType<typeof virtualTime>) => ReturnType<typeof of<unknown[]>>, string[]]>([
    ['timer', (time) => timer(30, 20, time).pipe(take(3)), ['0 at 30', '1 at 50', '2 at 70', 'complete at 70']],
    ['timer at a date', (time) => timer(new Date(1_040), time), ['0 at 40', 'complete at 40']],
    ['interval', (time) => interval(20, time).pipe(take(2)), ['0 at 20', '1 at 40', 'complete at 40']],
    ['delay', (time) => of('a').pipe(delay(15, time)), ['a at 15', 'complete at 15']],
    ['observeOn', (time) => of('a').pipe(observeOn(time, 5)), ['a at 5', 'complete at 5']],
    ['subscribeOn', (time) => of('a').pipe(subscribeOn(time, 5)), ['a at 5', 'complete at 5']],
    ['scheduled', (time) => scheduled(['a', 'b'], time), ['a at 0', 'b at 0', 'complete at 0']],
    ['range', (time) => range(1, 2, time), ['1 at 0', '2 at 0', 'complete at 0']],
    ['asap inside', () => of('a').pipe(observeOn(asapScheduler)), ['a at 0', 'complete at 0']],
    [
      'timeout',
      (time) => new Subject().pipe(timeout({ each: 25, scheduler: time, with: () => of('late') })),
      ['late at 25', 'complete at 25'],
    ],
    [
      'timeout in time',
      (time) => timer(20, time).pipe(timeout({ first: 25, scheduler: time })),
      ['0 at 20', 'complete at 20'],
    ],
    [
      'debounceTime',
      (time) =>
        from([0, 10, 40]).pipe(
          mergeMap((at) => timer(at, time).pipe(map(() => at))),
          debounceTime(20, time),
        ),
      ['10 at 30', '40 at 40', 'complete at 40'],
    ],
    ['an error', (time) => timer(5, time).pipe(mergeMap(() => throwError(() => 'boom'))), ['boom at 5']],
    ['nothing', () => EMPTY, ['complete at 0']],
  ])('drives %s', async (_, make, expected) => {
    const time = virtualTime({ start: 1_000 });
    const seen: string[] = [];
    const note = (what: unknown) => seen.push(`${what} at ${time.now() - 1_000}`);

    make(time).subscribe({ next: note, error: note, complete: () => note('complete') });
    await time.advanceBy(500);

    expect(seen).toEqual(expected);
    expect(time.pending).toBe(0);
  });

  it('forgets a timer that is unsubscribed', async () => {
    const time = virtualTime();
    const subscription = interval(10, time).subscribe();
    await time.advanceBy(25);

    subscription.unsubscribe();

    expect(time.pending).toBe(0);
  });

  it('rejects with the error of an action, at its time, and goes on from there', async () => {
    const time = virtualTime();
    const boom = new Error('boom');
    const ran: string[] = [];
    const failing = time.schedule(() => {
      throw boom;
    }, 10);
    time.schedule(() => ran.push(`same time at ${time.now()}`), 10);
    time.schedule(() => ran.push(`later at ${time.now()}`), 20);

    await expect(time.advanceBy(50)).rejects.toBe(boom);
    expect(time.now()).toBe(10);
    expect(time.pending).toBe(2);
    expect(failing.closed).toBe(true);
    expect(ran).toEqual([]);
    await time.advanceBy(40);

    expect(ran).toEqual(['same time at 10', 'later at 20']);
    expect(time.now()).toBe(50);
  });

  it('takes calls in turn, also one made by an action, and after one that failed', async () => {
    const time = virtualTime();
    const ran: string[] = [];
    let nested: Promise<void> | undefined;
    time.schedule(() => {
      nested = time.advanceBy(5).then(() => void ran.push(`nested at ${time.now()}`));
    }, 10);
    time.schedule(() => {
      throw new Error('boom');
    }, 25);

    const first = time.advanceBy(20).then(() => ran.push(`first at ${time.now()}`));
    const second = time.advanceBy(10).then(
      () => ran.push('second'),
      () => ran.push(`second failed at ${time.now()}`),
    );
    const third = time.advanceTo(40).then(() => ran.push(`third at ${time.now()}`));
    await Promise.all([first, second, third]);
    await nested;

    expect(ran).toEqual(['first at 20', 'second failed at 25', 'third at 40', 'nested at 45']);
  });

  it('refuses to go back, nowhere, or for ever', async () => {
    const time = virtualTime({ start: 100 });

    await expect(time.advanceTo(99)).rejects.toThrow(RangeError);
    await expect(time.advanceBy(-1)).rejects.toThrow('Time cannot move from 100 to 99');
    await expect(time.advanceBy(Number.NaN)).rejects.toThrow(RangeError);
    await expect(time.advanceBy(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError);
    expect(time.now()).toBe(100);
  });

  it('flushes until nothing is scheduled, and stays at the last action', async () => {
    const time = virtualTime();
    const ran: number[] = [];
    interval(1_000, time)
      .pipe(take(3))
      .subscribe(() => ran.push(time.now()));
    void firstValueFrom(timer(5, time)).then(() => time.schedule(() => ran.push(time.now()), 7_000));

    await time.flush();

    expect(ran).toEqual([1_000, 2_000, 3_000, 7_005]);
    expect(time.now()).toBe(7_005);
    expect(time.pending).toBe(0);
  });

  it('gives up a flush that does not end, and says what is still scheduled', async () => {
    const time = virtualTime();
    function heartbeat(this: SchedulerAction<undefined>): void {
      this.schedule(undefined, 15_000);
    }
    time.schedule<undefined>(heartbeat, 15_000);
    for (let index = 0; index < 7; index++) time.schedule(() => undefined, 10_000_000);

    await expect(time.flush({ limit: 10 })).rejects.toThrow(
      "Ran 10 actions until 150000; still scheduled: 'heartbeat' in 15000 ms, 'anonymous' in 9850000 ms, " +
        "'anonymous' in 9850000 ms, 'anonymous' in 9850000 ms, 'anonymous' in 9850000 ms, 3 more",
    );
    expect(time.pending).toBe(8);
  });

  it('notices that time stands still', async () => {
    const time = virtualTime({ limit: 1_000 });
    time.schedule(function spin(this: SchedulerAction<unknown>) {
      this.schedule();
    });

    await expect(time.advanceBy(1)).rejects.toThrow(
      /^Time stands still at 0: 1000 actions ran at it; .*'spin' in 0 ms$/,
    );
  });

  it('lets go of what is cancelled, though its time has not come', async () => {
    const time = virtualTime();
    time.schedule(() => undefined, 500); // before all of them
    const held = Array.from({ length: 10_000 }, (_, index) => {
      const work = () => index;
      time.schedule(work, 1_000 + index).unsubscribe();
      return new WeakRef(work);
    });
    setFlagsFromString('--expose-gc');

    await time.advanceBy(0); // what this turn of the event loop has seen cannot be collected within it
    runInNewContext('gc')();

    expect(held.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(100);
    expect(time.pending).toBe(1);
  });

  it('does not care for fake timers that were installed after it was loaded', async () => {
    vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'setInterval', 'Date', 'queueMicrotask'] });
    const time = virtualTime();
    const ran: number[] = [];
    interval(10, time)
      .pipe(take(2))
      .subscribe((n) => ran.push(n));

    await time.advanceBy(20);

    expect(ran).toEqual([0, 1]);
  });

  it('works where there is no setImmediate', async () => {
    vi.stubGlobal('setImmediate', undefined);
    vi.resetModules();
    const { virtualTime: browserTime } = await import('millrace/testing');
    const time = browserTime();
    const ran: number[] = [];
    interval(10, time)
      .pipe(
        mergeMap(async (n) => n),
        take(2),
      )
      .subscribe((n) => ran.push(n));

    await time.advanceBy(30);

    expect(ran).toEqual([0, 1]);
  });

  it('is fast: a day of retries of 10,000 events is a matter of a second', async () => {
    const time = virtualTime();
    let attempts = 0;
    for (let event = 0; event < 10_000; event++) {
      time.schedule<number>(function retry(attempt = 1) {
        attempts++;
        const wait = 200 * 2 ** attempt;
        if (wait < 86_400_000) this.schedule(attempt + 1, wait);
      }, event % 50);
    }

    await time.advanceBy(86_400_000);

    expect(attempts).toBe(10_000 * 18);
  });

  it('collects what RxJS collects', async () => {
    const time = virtualTime();
    const result = firstValueFrom(interval(1, time).pipe(take(3), toArray()));

    await time.flush();

    expect(await result).toEqual([0, 1, 2]);
  });
});
