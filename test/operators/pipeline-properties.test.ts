import fc from 'fast-check';
import { type ConsumeOptions, constant, consume, maxAttempts, type Outcome } from 'millrace';
import pLimit from 'p-limit';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { type Behaviour, behave, behaviour, CountedDelivery } from '../support/behaviours.ts';
import { memoryRig, nothing } from '../support/memory-rig.ts';

interface Plan {
  /** What the handler does with each event: on its first attempt, its second and so on, until it succeeds. */
  readonly events: readonly { readonly key: string; readonly behaviours: readonly Behaviour[] }[];
  readonly concurrency: number;
  readonly prefetch: number;
  readonly maxDeliver: number;
  readonly inOrder: boolean;
  readonly limited: boolean;
  readonly confirm: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  events: fc.array(
    fc.record({
      key: fc.constantFrom('x', 'y', 'z'),
      behaviours: fc.array(behaviour, { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 25 },
  ),
  concurrency: fc.integer({ min: 1, max: 5 }),
  prefetch: fc.integer({ min: 1, max: 12 }),
  maxDeliver: fc.constantFrom(2, 5, Number.POSITIVE_INFINITY),
  inOrder: fc.boolean(),
  limited: fc.boolean(),
  confirm: fc.boolean(),
});

/** Runs the whole pipeline until nothing is left to do. */
async function run({ events, concurrency, prefetch, maxDeliver, inOrder, limited, confirm }: Plan) {
  const rig = memoryRig({ ackWait: 200, maxDeliver });
  rig.publish(...events.map(({ key }) => key));
  const deliveries: CountedDelivery[] = [];
  const running = new Set<Delivery>();
  const outcomes: Outcome[] = [];
  const ends: unknown[] = [];
  let most = 0;

  const handler = (delivery: Delivery): unknown => {
    running.add(delivery);
    most = Math.max(most, running.size);
    const { behaviours } = events[Number(delivery.event.id) - 1] as Plan['events'][number];
    return behave(behaviours[delivery.attempt - 1] ?? { does: 'return' }, delivery, rig.time);
  };
  const options: ConsumeOptions = {
    concurrency: limited ? pLimit(concurrency) : concurrency,
    timeout: 50,
    backoff: maxAttempts(constant(20), 4),
    deadLetter: { publisher: rig.transport },
    confirm,
    scheduler: rig.time,
    ...(inOrder ? { orderBy: ({ event }) => event.subject } : {}),
  };
  const subscription = rig
    .deliveries(prefetch)
    .pipe(
      map((delivery) => {
        const counted = new CountedDelivery(delivery);
        deliveries.push(counted);
        return counted;
      }),
      consume(handler, options),
    )
    .subscribe({
      next: (outcome) => {
        running.delete(outcome.delivery);
        outcomes.push(outcome);
      },
      error: (error) => ends.push(error),
      complete: () => ends.push('complete'),
    });
  await rig.time.flush();
  const left = rig.left();
  subscription.unsubscribe();
  return { rig, deliveries, outcomes, ends, most, left };
}

describe('consume, whatever its handler does', () => {
  it('settles every delivery exactly once, and its stream never ends by a handler', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { deliveries, outcomes, ends, left } = await run(one);

        expect(ends).toEqual([]);
        expect(deliveries.length).toBeGreaterThanOrEqual(one.events.length);
        expect(deliveries.filter(({ settlements }) => settlements !== 1).map(({ event }) => event.id)).toEqual([]);
        expect(outcomes).toHaveLength(deliveries.length);
        expect(left).toEqual(nothing);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('never runs more handlers at a time than its concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { most } = await run(one);

        expect(most).toBeLessThanOrEqual(one.concurrency);
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it('loses nothing: what the broker is done with was handled, or is a dead letter, or was settled by hand', async () => {
    const byHand = new Set(['ack', 'ack and throw', 'term and emit']);

    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { rig, outcomes } = await run(one);

        const dead = new Set(rig.dead());
        const handled = new Set(
          outcomes.filter(({ kind }) => kind === 'succeeded').map(({ delivery }) => delivery.event.id),
        );
        for (const [index, { behaviours }] of one.events.entries()) {
          const id = String(index + 1);
          const settledByHand = behaviours.some(({ does }) => byHand.has(does) || does === 'nak');
          expect(handled.has(id) || dead.has(id) || settledByHand).toBe(true);
        }
      }),
      { seed: 3, numRuns: 100 },
    );
  });
});
