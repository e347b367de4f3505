import {
  type FakeDelivery,
  type FaultOptions,
  type Faults,
  fakeDelivery,
  faults,
  InjectedFaultError,
  marbles,
  type VirtualTime,
  virtualTime,
} from 'millrace/testing';
import {
  catchError,
  concat,
  from,
  ignoreElements,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  Subject,
  take,
  tap,
  timer,
  toArray,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';

const some = (count: number): FakeDelivery[] =>
  Array.from({ length: count }, (_, index) => fakeDelivery({ id: String(index) }));

const ids = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ event }) => Number(event.id));

/** Puts deliveries, one each ms, through `injector.deliveries()`. */
async function through(injector: Faults, time: VirtualTime, source: readonly FakeDelivery[]): Promise<Delivery[]> {
  const result: Delivery[] = [];
  const arrivals = new Subject<Delivery>();
  arrivals.pipe(injector.deliveries()).subscribe((delivery) => result.push(delivery));
  for (const delivery of source) {
    arrivals.next(delivery);
    await time.advanceBy(1);
  }
  await time.flush();
  return result;
}

async function run(seed: number, options: FaultOptions, count = 1_000) {
  const time = virtualTime();
  const injector = faults(seed, { ...options, scheduler: time });
  const source = some(count);
  const result = await through(injector, time, source);
  return { source, result, log: injector.log, time };
}

describe('faults', () => {
  it('does nothing by default', async () => {
    const { source, result, log } = await run(1, {}, 100);

    expect(ids(result)).toEqual(ids(source));
    expect(result.every((delivery) => delivery.ack() && delivery.settled)).toBe(true);
    expect(source.every(({ calls }) => calls.length === 1 && calls[0]!.kind === 'ack')).toBe(true);
    expect(Object.values(log).every((count) => count === 0)).toBe(true);
  });

  it('does the same for the same seed, and something else for another', async () => {
    const options: FaultOptions = {
      drop: 0.1,
      duplicate: 0.1,
      settle: 0.1,
      delay: { probability: 0.1, max: 20 },
      reorder: { probability: 0.1 },
    };

    const [first, again, other] = await Promise.all([run(7, options), run(7, options), run(8, options)]);

    expect(ids(again.result)).toEqual(ids(first.result));
    expect(again.log).toEqual(first.log);
    expect(ids(other.result)).not.toEqual(ids(first.result));
  });

  it('keeps each kind of fault as it is when another is switched on', async () => {
    const [alone, together] = await Promise.all([
      run(3, { drop: 0.2 }),
      run(3, {
        drop: 0.2,
        duplicate: 0.3,
        settle: 0.5,
        delay: { probability: 0.3, max: 9 },
        reorder: { probability: 0.3 },
      }),
    ]);

    expect(new Set(ids(together.result))).toEqual(new Set(ids(alone.result)));
    expect(together.log.dropped).toBe(alone.log.dropped);
  });

  it('drops about as many as asked for, and leaves them unsettled', async () => {
    const { source, result, log } = await run(1, { drop: 0.2 });

    const kept = new Set(ids(result));
    const gone = source.filter(({ event }) => !kept.has(Number(event.id)));
    expect(gone).toHaveLength(log.dropped);
    expect(log.dropped).toBeGreaterThan(150);
    expect(log.dropped).toBeLessThan(250);
    expect(gone.every(({ calls, settled }) => calls.length === 0 && !settled)).toBe(true);
  });

  it('delays some, for no longer than asked for', async () => {
    const time = virtualTime();
    const injector = faults(5, { delay: { probability: 0.5, max: 40 }, scheduler: time });
    const seen: { sent: number; at: number }[] = [];
    const arrivals = new Subject<Delivery>();
    arrivals
      .pipe(injector.deliveries())
      .subscribe(({ event }) => seen.push({ sent: Number(event.id), at: time.now() }));

    for (let index = 0; index < 500; index++) {
      arrivals.next(fakeDelivery({ id: String(time.now()) }));
      await time.advanceBy(1);
    }
    await time.flush();

    const waits = seen.map(({ sent, at }) => at - sent);
    expect(seen).toHaveLength(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(40);
    expect(Math.max(...waits)).toBeGreaterThan(30);
    expect(waits.filter((wait) => wait > 0)).toHaveLength(injector.log.delayed);
  });

  it('delivers some twice, as two objects with one settlement behind them', async () => {
    const { source, result, log } = await run(1, { duplicate: 0.2 });
    const byId = groupById(result);
    const twice = [...byId.values()].filter((copies) => copies.length === 2);

    expect(result).toHaveLength(source.length + log.duplicated);
    expect(twice).toHaveLength(log.duplicated);
    expect(log.duplicated).toBeGreaterThan(150);
    for (const [first, second] of twice) {
      expect(first).not.toBe(second);
      expect(second!.ack()).toBe(true);
      expect(first!.nak(5)).toBe(false);
      expect(first!.settled).toBe(true);
    }
    expect(source.every(({ calls }) => calls.filter(({ accepted }) => accepted).length <= 1)).toBe(true);
  });

  it('loses the settlement of a duplicate together with that of the first', async () => {
    const { source, result, log } = await run(1, { duplicate: 1, settle: 1 }, 20);

    for (let index = 0; index < result.length; index += 2) {
      const [first, second] = result.slice(index, index + 2);
      expect([second!.ack(), first!.ack(), first!.settled]).toEqual([true, false, true]);
    }
    expect(source.every(({ calls }) => calls.length === 0)).toBe(true);
    expect(log.settlementsLost).toBe(20);
  });

  it('lets later ones pass some, within the window, and loses none', async () => {
    const { result, log } = await run(2, { reorder: { probability: 0.2, window: 4, wait: 1_000 } });

    const order = ids(result);
    const passedBy = order.map((id, index) => order.slice(0, index).filter((other) => other > id).length);
    expect([...order].sort((a, b) => a - b)).toEqual(order.map((_, index) => index));
    expect(Math.max(...passedBy)).toBe(4);
    expect(passedBy.filter((count) => count > 0).length).toBeGreaterThan(100);
    expect(log.reordered).toBeGreaterThan(150);
  });

  it('has a timer for each that is held back, and for no other', () => {
    const time = virtualTime();
    const injector = faults(1, { reorder: { probability: 0.5, window: 2, wait: 60_000 }, scheduler: time });
    const seen: Delivery[] = [];

    concat(from(some(100)), NEVER)
      .pipe(injector.deliveries())
      .subscribe((delivery) => seen.push(delivery));

    expect(injector.log.reordered).toBeGreaterThan(30);
    expect(time.pending).toBe(100 - seen.length);
  });

  it('waits no longer for others to pass than asked for, and not at all when the source is complete', async () => {
    const time = virtualTime();
    const seen: string[] = [];
    const note = (delivery: Delivery) => seen.push(`${delivery.event.id} at ${time.now()}`);
    const injector = faults(1, { reorder: { probability: 1, wait: 30 }, scheduler: time });

    concat(of(fakeDelivery({ id: 'alone' })), NEVER)
      .pipe(injector.deliveries())
      .subscribe(note);
    of(fakeDelivery({ id: 'last' }))
      .pipe(injector.deliveries())
      .subscribe({ next: note, complete: () => seen.push('complete') });
    expect(seen).toEqual(['last at 0', 'complete']);
    expect(time.pending).toBe(1); // the timer of the one that is complete is gone
    await time.advanceBy(100);

    expect(seen).toEqual(['last at 0', 'complete', 'alone at 30']);
  });

  it(
    'completes when what is delayed has come, passes an error at once, and stops on unsubscribe',
    marbles(({ scheduler, deliveries, expectObservable, expectSubscriptions }) => {
      const delayed = <T>(source: Observable<Delivery<T>>) =>
        source.pipe(
          faults(3, { delay: { probability: 1, max: 10 }, scheduler }).deliveries(),
          map(({ event }) => event.id),
        );
      const completing = deliveries('a|');
      const failing = deliveries('   a#');
      const never = deliveries('     a');

      expectObservable(delayed(failing)).toBe(' -#');
      expectObservable(delayed(never), '^!').toBe('--');
      expectSubscriptions(never.subscriptions).toBe('^!');
      expectObservable(delayed(completing)).toBe('----(a|)'); // 4 ms, by this seed
    }),
  );

  it('sets no timer that outlives its subscription', () => {
    const time = virtualTime();
    const injector = faults(1, { delay: { probability: 1, max: 50 }, scheduler: time });

    concat(from(some(3)), NEVER)
      .pipe(injector.deliveries())
      .subscribe()
      .unsubscribe();

    expect(time.pending).toBe(0);
  });

  it('stops a source that does not let go of the thread', () => {
    const endless = new Observable<Delivery>((subscriber) => {
      while (!subscriber.closed) subscriber.next(fakeDelivery());
    });

    const seen: Delivery[] = [];
    endless.pipe(faults(1).deliveries(), take(3)).subscribe((delivery) => seen.push(delivery));

    expect(seen).toHaveLength(3);
  });

  it('loses some settlements: the consumer is content, and the broker never hears of them', async () => {
    const { source, result, log } = await run(4, { settle: 0.3 });
    const settle = [
      (delivery: Delivery) => delivery.ack(),
      (delivery: Delivery) => delivery.nak(10),
      (delivery: Delivery) => delivery.term('why'),
    ];

    for (const [index, delivery] of result.entries()) {
      expect(settle[index % 3]!(delivery)).toBe(true);
      expect(delivery.settled).toBe(true);
      delivery.working();
      expect([delivery.ack(), delivery.nak(), delivery.term()]).toEqual([false, false, false]);
    }

    const lost = source.filter(({ settled }) => !settled);
    expect(lost).toHaveLength(log.settlementsLost);
    expect(log.settlementsLost).toBeGreaterThan(200);
    expect(lost.every(({ calls }) => calls.length === 0)).toBe(true);
  });

  it('fails to confirm an ack that is lost, and confirms the others', async () => {
    const { source, result, log } = await run(4, { settle: 0.5 }, 50);

    const unconfirmed = from(result).pipe(
      mergeMap((delivery) =>
        delivery.confirm().pipe(
          ignoreElements(),
          catchError(() => of(delivery.event.id)),
        ),
      ),
      toArray(),
    );

    expect(await lastValueFrom(unconfirmed)).toEqual(
      source.filter(({ settled }) => !settled).map(({ event }) => event.id),
    );
    expect(log.settlementsLost).toBeGreaterThan(10);
  });

  it('refuses a late nak or term as the broker would, also where the settlement was to be lost', async () => {
    const time = virtualTime();
    const delivery = fakeDelivery({ subscription: { lease: 10 } }, { scheduler: time });
    let faulty: Delivery | undefined;
    of(delivery)
      .pipe(faults(1, { settle: 1, scheduler: time }).deliveries())
      .subscribe((given) => {
        faulty = given;
      });
    await time.advanceBy(10);

    expect([faulty!.nak(), faulty!.term(), faulty!.settled]).toEqual([false, false, false]);
    expect([faulty!.ack(), faulty!.settled, delivery.settled]).toEqual([true, true, false]);
  });

  describe('crash', () => {
    /** A broker that delivers each unsettled delivery once per connection. */
    const redelivering = (deliveries: readonly FakeDelivery[]) =>
      new Observable<Delivery>((subscriber) => {
        for (const delivery of deliveries) if (!delivery.settled) subscriber.next(delivery);
      });

    it('unsubscribes the pipeline at seeded moments, subscribes it again, and at last lets it live', async () => {
      const time = virtualTime();
      const injector = faults(1, { crash: { times: 3, uptime: 100, pause: 50 }, scheduler: time });
      const lives: string[] = [];
      const pipeline = () =>
        new Observable<never>(() => {
          lives.push(`up at ${Math.round(time.now())}`);
          return () => lives.push(`down at ${Math.round(time.now())}`);
        });

      const subscription = injector.crash(pipeline).subscribe();
      await time.advanceBy(10_000);
      expect(lives).toHaveLength(7);
      expect(injector.log.crashes).toBe(3);
      subscription.unsubscribe();

      expect(lives.map((life) => life.split(' ')[0])).toEqual(['up', 'down', 'up', 'down', 'up', 'down', 'up', 'down']);
      expect(lives.at(-1)).toBe('down at 10000');

      injector.crash(pipeline).subscribe().unsubscribe();
      expect(time.pending).toBe(0);
    });

    it('abandons what is in flight: what is said about it afterwards does not reach the broker', async () => {
      const time = virtualTime();
      const source = some(3);
      const injector = faults(1, { crash: { times: 1, uptime: 10, pause: 10 }, scheduler: time });
      const first: Delivery[] = [];
      const answers: unknown[] = [];
      const pipeline = (deliveries: Faults['deliveries']) =>
        redelivering(source).pipe(
          deliveries(),
          tap((delivery) => injector.log.crashes === 0 && first.push(delivery)),
          mergeMap(
            (delivery) =>
              new Observable<string>(() => () => {
                answers.push(delivery.nak(0)); // a teardown that hands back
              }),
          ),
        );

      const subscription = injector.crash(pipeline).subscribe();
      await time.advanceBy(100);
      for (const delivery of first) delivery.working();

      expect(injector.log.crashes).toBe(1);
      expect(answers).toEqual([true, true, true]);
      expect(source.every(({ settled, calls }) => !settled && calls.length === 0)).toBe(true);
      expect(injector.log.settlementsLost).toBe(0);

      subscription.unsubscribe(); // not a crash: this one is heard
      expect(source.every(({ settled }) => settled)).toBe(true);
    });

    it('delivers again to the one that is started, and passes on what it emits', async () => {
      const time = virtualTime();
      const source = some(5);
      const injector = faults(2, { crash: { times: 2, uptime: 15, pause: 5 }, scheduler: time });
      const pipeline = (deliveries: Faults['deliveries']) =>
        redelivering(source).pipe(
          deliveries(),
          mergeMap((delivery) => timer(Number(delivery.event.id) * 8, time).pipe(map(() => delivery))),
          tap((delivery) => delivery.ack()),
        );

      const emitted: Delivery[] = [];
      injector.crash(pipeline).subscribe((delivery) => emitted.push(delivery));
      await time.advanceBy(1_000);

      expect(ids(emitted).sort()).toEqual([0, 1, 2, 3, 4]);
      expect(source.every(({ calls }) => calls.length === 1)).toBe(true);
      expect(injector.log.crashes).toBe(2);
    });

    it('lets the dead keep no lease', async () => {
      const time = virtualTime();
      const injector = faults(1, { crash: { times: 1, uptime: 1, pause: 1 }, scheduler: time });
      const source = some(1);
      const given: Delivery[] = [];
      const pipeline = (deliveries: Faults['deliveries']) =>
        concat(redelivering(source), NEVER).pipe(
          deliveries(),
          tap((delivery) => given.push(delivery)),
        );
      injector.crash(pipeline).subscribe();
      given[0]!.working();
      await time.advanceBy(10);

      given[0]!.working();
      expect(source[0]!.calls).toHaveLength(1);
      given[1]!.working();
      expect(source[0]!.calls).toHaveLength(2);
    });

    it('never confirms after the crash', async () => {
      const time = virtualTime();
      const injector = faults(1, { crash: { times: 1, uptime: 1, pause: 1 }, scheduler: time });
      const source = some(1);
      const given: Delivery[] = [];
      injector
        .crash((deliveries) =>
          redelivering(source).pipe(
            deliveries(),
            tap((delivery) => given.push(delivery)),
          ),
        )
        .subscribe();
      await time.advanceBy(10);

      let ended = false;
      given[0]!.confirm().subscribe({ complete: () => (ended = true), error: () => (ended = true) });

      expect(ended).toBe(false);
      expect(source[0]!.settled).toBe(false);
    });

    it('ends with the pipeline', async () => {
      const time = virtualTime();
      const injector = faults(1, { crash: { times: 5 }, scheduler: time });

      expect(await lastValueFrom(injector.crash(() => of('done')))).toBe('done');
      await expect(
        lastValueFrom(
          injector.crash(() => {
            throw new Error('no pipeline');
          }),
        ),
      ).rejects.toThrow('no pipeline');
      expect(time.pending).toBe(0);
    });
  });

  describe('handler', () => {
    const delivery = fakeDelivery();

    it('leaves a handler alone by default, also what it returns', () => {
      const handler = faults(1).handler(() => 'a string', {});

      expect(handler(delivery)).toBe('a string');
    });

    it('throws instead of the work', () => {
      let worked = 0;
      const injector = faults(1);
      const handler = injector.handler(() => ++worked, { throws: 0.25 });
      let thrown = 0;

      for (let index = 0; index < 1_000; index++) {
        try {
          handler(delivery);
        } catch (error) {
          expect(error).toBeInstanceOf(InjectedFaultError);
          thrown++;
        }
      }

      expect(thrown).toBeGreaterThan(200);
      expect(thrown).toBeLessThan(300);
      expect(worked).toBe(1_000 - thrown);
      expect(injector.log.handlersThrown).toBe(thrown);
    });

    it.each([
      ['a value', () => 'x'],
      ['a promise', async () => 'x'],
      ['an Observable', () => of('x')],
      ['nothing', () => undefined],
    ])('fails after the work of a handler that returns %s', async (_, work) => {
      let worked = 0;
      const injector = faults(1);
      const handler = injector.handler(
        () => {
          worked++;
          return work();
        },
        { rejects: 1 },
      );

      const emitted: unknown[] = [];
      const result = (handler(delivery) as Observable<unknown>).pipe(tap((value) => emitted.push(value)));

      await expect(lastValueFrom(result)).rejects.toThrow(InjectedFaultError);
      expect([worked, emitted]).toEqual([1, []]);
      expect(injector.log.handlersRejected).toBe(1);
    });

    it('waits before the work, and gives its result then', async () => {
      const time = virtualTime();
      const injector = faults(1, { scheduler: time });
      const workedAt: number[] = [];
      const handler = injector.handler(
        async () => {
          workedAt.push(time.now());
          return 'result';
        },
        { delay: { probability: 1, max: 50 } },
      );

      const result = lastValueFrom(handler(delivery) as Observable<string>);
      expect(workedAt).toEqual([]);
      await time.advanceBy(50);

      expect(await result).toBe('result');
      expect(workedAt[0]).toBeGreaterThan(0);
      expect(injector.log.handlersDelayed).toBe(1);
    });

    it('does not do the work of a run that is unsubscribed while it waits', async () => {
      const time = virtualTime();
      let worked = 0;
      const handler = faults(1, { scheduler: time }).handler(() => ++worked, { delay: { probability: 1, max: 50 } });

      (handler(delivery) as Observable<unknown>).subscribe().unsubscribe();
      await time.advanceBy(100);

      expect(worked).toBe(0);
      expect(time.pending).toBe(0);
    });
  });
});

function groupById(deliveries: readonly Delivery[]): Map<string, Delivery[]> {
  const groups = new Map<string, Delivery[]>();
  for (const delivery of deliveries)
    groups.set(delivery.event.id, [...(groups.get(delivery.event.id) ?? []), delivery]);
  return groups;
}
