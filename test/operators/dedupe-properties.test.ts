import fc from 'fast-check';
import { constant, createEvent, dedupe, handle, memoryDedupeStore, redeliver, settle } from 'millrace';
import { map, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClaimResult, DedupeStore } from '../../src/core/dedupe-store.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { type Behaviour, behave, DeafDelivery, failure, success } from '../support/behaviours.ts';
import { boom } from '../support/made.ts';
import { type MemoryRig, memoryRig, nothing } from '../support/memory-rig.ts';

interface Plan {
  /** The events, in the order in which they are published: the same one several times. */
  readonly published: readonly number[];
  /** How the runs of each event end, by its number, until one succeeds. */
  readonly failures: readonly (readonly Behaviour[])[];
  readonly success: Behaviour;
  /** Which deliveries lose their lease while they run: by their place among all. */
  readonly deaf: readonly boolean[];
  /** Whether the store answers at once, how long it takes, and which of its claims fail. */
  readonly store: { readonly latency: number | undefined; readonly failures: readonly boolean[] };
  readonly concurrency: number;
  readonly prefetch: number;
}

const EVENTS = 4;

const plan: fc.Arbitrary<Plan> = fc.record({
  published: fc.array(fc.nat(EVENTS - 1), { minLength: 1, maxLength: 25 }),
  failures: fc.array(fc.array(failure, { maxLength: 3 }), { minLength: EVENTS, maxLength: EVENTS }),
  success,
  deaf: fc.array(
    fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    { maxLength: 40 },
  ),
  store: fc.record({
    latency: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
    failures: fc.array(
      fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      { maxLength: 20 },
    ),
  }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  prefetch: fc.integer({ min: 1, max: 12 }),
});

/** A store that takes its time, or fails to claim, as planned. */
function plannedStore({ latency, failures }: Plan['store'], { time }: MemoryRig): DedupeStore {
  const store = memoryDedupeStore({ scheduler: time });
  let claims = 0;
  return {
    claim(key) {
      const fails = failures[claims++] ?? false;
      if (latency === undefined) {
        if (fails) throw boom;
        return store.claim(key);
      }
      const answer = timer(latency, time).pipe(map(() => store.claim(key) as ClaimResult));
      return fails ? throwError(() => boom) : answer;
    },
  };
}

/** Runs the pipeline until nothing is left to do; tells how often each event was handled with success. */
async function run(one: Plan) {
  const rig = memoryRig({ ackWait: 30 });
  for (const event of one.published) {
    const id = String(event);
    rig.transport.publish(createEvent({ type: 'shop', source: '/test', id }), { messageId: false }).subscribe();
  }
  const tries = new Map<string, number>();
  const successes = new Map<string, number>();
  const running = new Map<string, number>();
  let [arrivals, mostOfOneEvent] = [0, 0];

  const handler = (delivery: Delivery): unknown => {
    const { id } = delivery.event;
    const tried = tries.get(id) ?? 0;
    tries.set(id, tried + 1);
    running.set(id, (running.get(id) ?? 0) + 1);
    mostOfOneEvent = Math.max(mostOfOneEvent, running.get(id) ?? 0);
    return behave(one.failures[Number(id)]?.[tried] ?? one.success, delivery, rig.time);
  };
  const subscription = rig
    .deliveries(one.prefetch)
    .pipe(
      map((delivery) => (one.deaf[arrivals++] ? new DeafDelivery(delivery) : delivery)),
      dedupe(plannedStore(one.store, rig), { busyDelay: 20, scheduler: rig.time }),
      handle(handler, { concurrency: one.concurrency, timeout: 100, scheduler: rig.time }),
      map((outcome) => {
        const { id } = outcome.delivery.event;
        if (outcome.kind === 'succeeded') successes.set(id, (successes.get(id) ?? 0) + 1);
        if (outcome.kind === 'succeeded' || outcome.kind === 'failed') {
          running.set(id, Math.max(0, (running.get(id) ?? 0) - 1));
        }
        return outcome;
      }),
      redeliver(constant(10), { scheduler: rig.time }),
      settle({ scheduler: rig.time }),
    )
    .subscribe();
  await rig.time.flush();
  const left = rig.left();
  subscription.unsubscribe();
  return { successes, left, mostOfOneEvent };
}

describe('dedupe, in a pipeline', () => {
  it('has each event handled with success exactly once, however often and in whatever order it comes', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { successes, left } = await run(one);

        const expected = [...new Set(one.published)].toSorted().map((event) => [String(event), 1]);
        expect([...successes].toSorted()).toEqual(expected);
        expect(left).toEqual(nothing);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('never has two deliveries of one event handled at a time', async () => {
    const sound = plan.map(({ store, ...rest }) => ({ ...rest, store: { ...store, failures: [] } }));

    await fc.assert(
      fc.asyncProperty(sound, async (one) => {
        const { mostOfOneEvent } = await run(one);

        expect(mostOfOneEvent).toBe(1);
      }),
      { seed: 2, numRuns: 100 },
    );
  });
});
