import fc from 'fast-check';
import { constant, consume, type Outcome } from 'millrace';
import { concat, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom } from '../support/made.ts';
import { memoryRig, nothing } from '../support/memory-rig.ts';

interface Plan {
  readonly keys: readonly string[];
  /** How long each subscription lives, in ms. */
  readonly lives: readonly number[];
  /** How long each handler takes; a negative one fails after that time. */
  readonly works: readonly number[];
  readonly promises: boolean;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly inOrder: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  keys: fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1, maxLength: 30 }),
  lives: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }),
  works: fc.array(fc.integer({ min: -20, max: 30 }), { maxLength: 10 }).map((works) => [...works, 5]),
  promises: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 5 }),
  prefetch: fc.integer({ min: 1, max: 12 }),
  inOrder: fc.boolean(),
});

/** Subscribes and unsubscribes as planned, and then lets one subscription live. */
async function run({ keys, lives, works, promises, concurrency, prefetch, inOrder }: Plan) {
  const rig = memoryRig({ ackWait: 10_000 });
  rig.publish(...keys);
  const outcomes: Outcome[] = [];
  const heldAfter: number[] = [];
  const timersAfter: number[] = [];
  let started = 0;

  const handler = (): unknown => {
    const work = works[started++ % works.length] as number;
    if (promises) {
      return new Promise<void>((resolve, reject) =>
        timer(Math.abs(work), rig.time).subscribe(() => (work < 0 ? reject(boom) : resolve())),
      );
    }
    if (work === 0) return undefined;
    return work < 0
      ? concat(
          timer(-work, rig.time),
          throwError(() => boom),
        )
      : timer(work, rig.time);
  };
  const options = {
    concurrency,
    backoff: constant(15),
    scheduler: rig.time,
    ...(inOrder ? { orderBy: ({ event }: Delivery) => event.subject } : {}),
  };
  const results = () => rig.deliveries(prefetch).pipe(consume(handler, options));

  for (const life of lives) {
    const subscription = results().subscribe((outcome) => outcomes.push(outcome));
    await rig.time.advanceBy(life);
    subscription.unsubscribe();
    if (promises) await rig.time.advanceBy(40); // until what could not be stopped has settled
    heldAfter.push(rig.left().unsettled);
    timersAfter.push(rig.time.pending);
  }
  const last = results().subscribe((outcome) => outcomes.push(outcome));
  await rig.time.flush();
  const left = rig.left();
  last.unsubscribe();
  return { outcomes, heldAfter, timersAfter, left };
}

describe('consume, unsubscribed at any point', () => {
  it('leaves nothing unsettled, and a later subscription handles all the rest', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const { outcomes, heldAfter, timersAfter, left } = await run(one);

        expect(heldAfter).toEqual(one.lives.map(() => 0));
        expect(timersAfter).toEqual(one.lives.map(() => 0));
        const handled = outcomes.filter(({ kind }) => kind === 'succeeded').map(({ delivery }) => delivery.event.id);
        expect(new Set(handled).size).toBe(one.keys.length);
        expect(left).toEqual(nothing);
      }),
      { seed: 1, numRuns: 150 },
    );
  });
});
