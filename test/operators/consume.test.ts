import {
  type Arrival,
  type ConsumeOptions,
  constant,
  consume,
  DeadLetterRefusedError,
  fatal,
  maxAttempts,
  memoryDedupeStore,
  type Outcome,
  retryAt,
} from 'millrace';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, nthDelivery } from '../support/made.ts';
import { memoryRig, nothing } from '../support/memory-rig.ts';
import { operatorLaws } from '../support/operator-laws.ts';
import { recordingPublisher } from '../support/publishers.ts';
import { recordingStore } from '../support/stores.ts';

/** Consumes the rig's stream for a while. */
async function consumed(
  rig: ReturnType<typeof memoryRig>,
  handler: (delivery: Delivery) => unknown,
  options: ConsumeOptions,
  duration = 60_000,
): Promise<string[]> {
  const seen: string[] = [];
  const start = rig.time.now();
  const subscription = rig
    .deliveries()
    .pipe(consume(handler, { scheduler: rig.time, ...options }))
    .subscribe(({ kind, delivery }) => {
      seen.push(`${kind} ${delivery.event.id} (${delivery.attempt}) at ${rig.time.now() - start}`);
    });
  await rig.time.advanceBy(duration);
  subscription.unsubscribe();
  return seen;
}

describe('consume', () => {
  operatorLaws<Arrival, Outcome>(
    (scheduler) => consume(({ event }) => event.id, { dedupe: false, scheduler }),
    (n) => nthDelivery(n),
  );

  it(
    'settles each delivery by what became of it, and emits that',
    marbles(({ deliveries, scheduler, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b-c-a-|');
      const expected = '           -a-b-c-d-|';
      const handler = ({ event }: Delivery): unknown => {
        if (event.id === 'b') throw boom;
        if (event.id === 'c') throw fatal('poison');
        return 5;
      };
      const publisher = recordingPublisher();
      const result = source.pipe(consume(handler, { backoff: constant(200), deadLetter: { publisher }, scheduler }));

      expectOutcomes(result).toBe(expected, {
        a: 'succeeded a 5',
        b: 'retry b 200',
        c: 'deadLettered c',
        d: 'skipped a duplicate',
      });
      expectSettlements(source, { show: ['refused'] }).toBe('-a-b-c-a', { b: 'b nak 200', c: 'c term poison' });
    }),
  );

  it('tries again by its policy, and gives up to the dead letters', async () => {
    const rig = memoryRig();
    rig.publish('x', 'y');
    const handler = ({ event }: Delivery): unknown => (event.id === '1' ? Promise.reject(boom) : undefined);

    const seen = await consumed(rig, handler, {
      backoff: maxAttempts(constant(100), 3),
      deadLetter: { publisher: rig.transport },
    });

    expect(seen).toEqual([
      'succeeded 2 (1) at 0',
      'retry 1 (1) at 0',
      'retry 1 (2) at 100',
      'deadLettered 1 (3) at 200',
    ]);
    expect([rig.dead(), rig.left()]).toEqual([['1'], nothing]);
  });

  it('tries six times by default, 200 ms apart and more, before it gives up', async () => {
    const rig = memoryRig();
    rig.publish('x');

    const seen = await consumed(rig, () => throwError(() => boom), { deadLetter: { publisher: rig.transport } });

    const times = seen.map((line) => Number(line.match(/at (\d+)/)?.[1]));
    expect(seen.map((line) => line.split(' ')[0])).toEqual([...Array(5).fill('retry'), 'deadLettered']);
    expect(times.at(-1)).toBeGreaterThanOrEqual(3_100); // half of 200 + 400 + 800 + 1600 + 3200
    expect(times.at(-1)).toBeLessThanOrEqual(6_200);
  });

  it('goes on for ever where there is nobody to give it to', async () => {
    const rig = memoryRig();
    rig.publish('x');

    const seen = await consumed(rig, () => throwError(() => boom), { backoff: maxAttempts(constant(100), 3) }, 100_000);

    expect(seen.slice(0, 3)).toEqual(['retry 1 (1) at 0', 'retry 1 (2) at 100', 'failed 1 (3) at 200']);
    expect(seen.length).toBeGreaterThanOrEqual(3 + 100_000 / 30_000);
    expect(seen.slice(3).every((line) => line.startsWith('failed 1'))).toBe(true);
    expect(rig.left()).toMatchObject({ redelivering: 1 });
  });

  it('waits as long as the failure says', async () => {
    const rig = memoryRig();
    rig.publish('x');
    const start = rig.time.now();
    const handler = ({ attempt }: Delivery): void => {
      if (attempt === 1) throw retryAt(start + 7_000);
    };

    const seen = await consumed(rig, handler, {});

    expect(seen).toEqual(['retry 1 (1) at 0', 'succeeded 1 (2) at 7000']);
  });

  it('takes a store, and claims nothing where it is told so', () => {
    const store = recordingStore();
    const kinds: string[] = [];

    of(fakeDelivery())
      .pipe(consume(() => 5, { dedupe: store }))
      .subscribe();
    of(fakeDelivery(), fakeDelivery())
      .pipe(consume(() => 5, { dedupe: false }))
      .subscribe(({ kind }) => kinds.push(kind));

    expect(store.log).toEqual(['claim /test 1', 'commit /test 1']);
    expect(kinds).toEqual(['succeeded', 'succeeded']);
  });

  it('takes what makes events the same, with a store or without one', () => {
    const store = recordingStore();
    const kinds: string[] = [];
    const key = ({ event }: Delivery): string => event.type;

    of(nthDelivery(1))
      .pipe(consume(() => 5, { dedupe: { store, key } }))
      .subscribe();
    of(nthDelivery(2), nthDelivery(3))
      .pipe(consume(() => 5, { dedupe: { key } }))
      .subscribe(({ kind }) => kinds.push(kind));

    expect(store.log).toEqual(['claim test', 'commit test']);
    expect(kinds).toEqual(['succeeded', 'skipped']);
  });

  it('takes the delay of what is running elsewhere, and what follows from a store that fails', () => {
    const outcomes: Outcome[] = [];
    const broken = {
      claim(): never {
        throw boom;
      },
    };

    of(fakeDelivery())
      .pipe(consume(() => 5, { dedupe: { store: { claim: () => 'busy' }, busyDelay: 70 } }))
      .subscribe((outcome) => outcomes.push(outcome));
    of(fakeDelivery())
      .pipe(consume(() => 5, { dedupe: { store: broken, onStoreFailure: 'run' } }))
      .subscribe((outcome) => outcomes.push(outcome));

    expect(outcomes).toMatchObject([{ kind: 'retry', delay: 70 }, { kind: 'succeeded' }]);
  });

  it('remembers what it handled when it is subscribed again', () => {
    const kinds: string[] = [];
    const result = of(fakeDelivery()).pipe(consume(() => 5));

    for (const _ of [1, 2]) result.subscribe(({ kind }) => kinds.push(kind));

    expect(kinds).toEqual(['succeeded', 'skipped']);
  });

  it('shares no memory between two pipelines', () => {
    const kinds: string[] = [];
    const operator = consume<unknown, number>(() => 5);

    for (const _ of [1, 2]) {
      of(fakeDelivery())
        .pipe(operator)
        .subscribe(({ kind }) => kinds.push(kind));
    }

    expect(kinds).toEqual(['succeeded', 'succeeded']);
  });

  it('confirms where it is told to', () => {
    const delivery = fakeDelivery();

    of(delivery)
      .pipe(consume(() => 5, { confirm: true }))
      .subscribe();

    expect(delivery.calls.map(({ kind }) => kind)).toEqual(['confirm']);
  });

  it('runs on one clock', async () => {
    const time = virtualTime();
    const delivery = nthDelivery(1, { subscription: { lease: 300 } }, { scheduler: time });
    const store = memoryDedupeStore({ ttl: 1_000, scheduler: time });

    const subscription = concat(of(delivery), NEVER)
      .pipe(consume(() => NEVER, { timeout: 500, dedupe: store, scheduler: time }))
      .subscribe();
    await time.advanceBy(500);
    subscription.unsubscribe();

    const workings = delivery.calls.filter(({ kind }) => kind === 'working').map((call) => call.time);
    expect(workings.slice(0, 4)).toEqual([100, 200, 300, 400]);
    expect(delivery.calls.find(({ kind }) => kind === 'abort')).toMatchObject({ time: 500 });
    expect(delivery.settled).toBe(true);
    expect([store.size, time.pending]).toEqual([0, 0]);
  });

  it('sends back what its target for dead letters refuses, and loses nothing', async () => {
    const rig = memoryRig();
    rig.publish('x');
    let refusals = 0;
    const publisher = {
      publish: (...args: Parameters<typeof rig.transport.publish>) =>
        ++refusals > 4 ? rig.transport.publish(...args) : throwError(() => new Error('full')),
    };
    const errors: unknown[] = [];

    const seen = await consumed(
      rig,
      () => {
        throw fatal('poison');
      },
      { deadLetter: { publisher, backoff: maxAttempts(constant(10), 3), onRefused: (error) => errors.push(error) } },
    );

    expect(seen).toEqual(['retry 1 (1) at 20', 'deadLettered 1 (2) at 30030']);
    expect(errors).toEqual(Array.from({ length: 4 }, () => expect.any(DeadLetterRefusedError)));
    expect([rig.dead(), rig.left()]).toEqual([['1'], nothing]);
  });

  it.each<{ options: ConsumeOptions; error: Error }>([
    { options: { concurrency: 0 }, error: new RangeError("'concurrency' must be at least 1, not 0") },
    { options: { maxLanes: 5 }, error: new TypeError("'maxLanes' needs 'orderBy'") },
    {
      options: { backoff: 200 as never },
      error: new TypeError("'backoff' must be a policy such as exponential(), not number"),
    },
    {
      options: { deadLetter: { publisher: undefined as never } },
      error: new TypeError("deadLetter needs a publisher with 'publish'"),
    },
    {
      options: { dedupe: true as never },
      error: new TypeError("'dedupe' must be a store with 'claim', options such as { store, key }, or false"),
    },
    {
      options: { dedupe: { store: {} as never } },
      error: new TypeError("dedupe needs a store with 'claim', or { key }"),
    },
    { options: { dedupe: { busyDelay: 0 } }, error: new RangeError("'busyDelay' must be above 0 ms, not 0") },
  ])('refuses $options', ({ options, error }) => {
    expect(() => of(fakeDelivery()).pipe(consume(() => 5, options))).toThrow(error);
  });
});
