import fc from 'fast-check';
import { constant, deadLetter, dedupe, handle, maxAttempts, memoryDedupeStore, redeliver, settle } from 'millrace';
import { map, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClaimResult, DedupeStore } from '../../src/core/dedupe-store.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { type Behaviour, behave, DeafDelivery, failure, success } from '../support/behaviours.ts';
import { boom } from '../support/made.ts';
import { memoryRig, nothing } from '../support/memory-rig.ts';

const RETRY_DELAY = 10_000;

/** Long enough for a retry that is due to find a slot; what waits for a retry, and is not kept, loses it. */
const LEASE = 6_000;

interface Plan {
  /** What the handler does with each event before it succeeds, and how it succeeds; whether its lease is lost at first. */
  readonly events: readonly {
    readonly key: string;
    readonly failures: readonly Behaviour[];
    readonly success: Behaviour;
    readonly deaf: boolean;
    readonly unclaimed: boolean;
  }[];
  readonly concurrency: number;
  readonly prefetch: number;
  readonly maxDeliver: number;
  readonly maxAttempts: number;
  /** How long the store takes to answer; undefined for one that answers at once. */
  readonly latency: number | undefined;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  events: fc.array(
    fc.record({
      key: fc.constantFrom('w', 'x', 'y', 'z'),
      failures: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(failure, { maxLength: 5 }) },
      ),
      success,
      deaf: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      unclaimed: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  concurrency: fc.integer({ min: 1, max: 5 }),
  prefetch: fc.integer({ min: 1, max: 16 }),
  maxDeliver: fc.constantFrom(3, Number.POSITIVE_INFINITY),
  maxAttempts: fc.constantFrom(2, 1_000),
  latency: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
});

interface Handled {
  readonly key: string;
  readonly id: number;
  readonly at: number;
}

/** Runs the pipeline in lanes until nothing is left to do; tells what was handled with success, in that order. */
async function run({ events, concurrency, prefetch, maxDeliver, maxAttempts: attempts, latency }: Plan) {
  const rig = memoryRig({ ackWait: LEASE, maxDeliver });
  rig.publish(...events.map(({ key }) => key));
  const start = rig.time.now();
  const planOf = ({ event }: Delivery) => events[Number(event.id) - 1] as Plan['events'][number];
  const tries = new Map<string, number>();
  const claims = new Map<string, number>();
  const handled: Handled[] = [];
  const running = new Map<unknown, number>();
  let mostOfOneKey = 0;

  const handler = (delivery: Delivery): unknown => {
    const { id, subject } = delivery.event;
    const tried = tries.get(id) ?? 0;
    tries.set(id, tried + 1);
    running.set(subject, (running.get(subject) ?? 0) + 1);
    mostOfOneKey = Math.max(mostOfOneKey, running.get(subject) ?? 0);
    const { failures, success: last } = planOf(delivery);
    return behave(failures[tried] ?? last, delivery, rig.time);
  };
  const inner = memoryDedupeStore({ scheduler: rig.time });
  const flaky: DedupeStore = {
    claim(key) {
      const count = claims.get(key) ?? 0;
      claims.set(key, count + 1);
      const { unclaimed } = events[Number(key.split(' ')[1]) - 1] ?? { unclaimed: false };
      if (unclaimed && count === 0) throw boom;
      if (latency === undefined) return inner.claim(key);
      return timer(latency, rig.time).pipe(map(() => inner.claim(key) as ClaimResult));
    },
  };
  const subscription = rig
    .deliveries(prefetch)
    .pipe(
      map((delivery) => (planOf(delivery).deaf && delivery.attempt === 1 ? new DeafDelivery(delivery) : delivery)),
      dedupe(flaky, { scheduler: rig.time }),
      handle(handler, { concurrency, timeout: 50, orderBy: ({ event }) => event.subject, scheduler: rig.time }),
      redeliver(maxAttempts(constant(RETRY_DELAY), attempts), { scheduler: rig.time }),
      map((outcome) => {
        const { id, subject } = outcome.delivery.event;
        if (outcome.kind === 'succeeded') {
          handled.push({ key: String(subject), id: Number(id), at: rig.time.now() - start });
        }
        if ((tries.get(id) ?? 0) > 0) running.set(subject, Math.max(0, (running.get(subject) ?? 0) - 1));
        return outcome;
      }),
      deadLetter(rig.transport, { scheduler: rig.time }),
      settle({ scheduler: rig.time }),
    )
    .subscribe();
  await rig.time.flush();
  const left = rig.left();
  subscription.unsubscribe();
  return { handled, left, dead: rig.dead().map(Number), mostOfOneKey };
}

const inOrderOfStream = (ids: readonly number[]): boolean => ids.every((id, index) => id > (ids[index - 1] ?? 0));

describe('handle, with an order, whatever fails', () => {
  it('handles those of each key in the order of the stream, each once, and leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { handled, left, dead } = await run(one);

        for (const key of ['w', 'x', 'y', 'z']) {
          const ids = handled.filter((entry) => entry.key === key).map(({ id }) => id);
          expect({ key, ids, inOrder: inOrderOfStream(ids) }).toEqual({ key, ids, inOrder: true });
        }
        const accounted = [...handled.map(({ id }) => id), ...dead];
        expect([...new Set(accounted)].toSorted((a, b) => a - b)).toEqual(one.events.map((_, index) => index + 1));
        expect(left).toEqual(nothing);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('lets no key be held up by another one', async () => {
    const lively = plan.map(({ events, ...rest }) => ({
      ...rest,
      maxDeliver: Number.POSITIVE_INFINITY,
      maxAttempts: 1_000,
      prefetch: Math.max(2, rest.prefetch),
      // w fails and fails; the others never do
      events: events.map((event) => ({
        ...event,
        deaf: false,
        unclaimed: false,
        failures: event.key === 'w' ? [{ does: 'throw' } as const, ...event.failures] : [],
      })),
    }));

    await fc.assert(
      fc.asyncProperty(lively, async (one) => {
        const { handled } = await run(one);

        expect(one.events.length * 103).toBeLessThan(RETRY_DELAY);
        const others = handled.filter(({ key }) => key !== 'w');
        expect(others).toHaveLength(one.events.filter(({ key }) => key !== 'w').length);
        const last = Math.max(0, ...others.map(({ at }) => at));
        expect(last).toBeLessThanOrEqual(one.events.length * 103); // one after the other, at the very worst, with two claims each
      }),
      { seed: 2, numRuns: 100 },
    );
  });
});
