import { constant, handle, type Outcome, redeliver, settle } from 'millrace';
import {
  concat,
  ignoreElements,
  map,
  NEVER,
  type Observable,
  Subject,
  type Subscription,
  throwError,
  timer,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { DeafDelivery } from '../support/behaviours.ts';
import { boom } from '../support/made.ts';
import { type MemoryRig, memoryRig, nothing } from '../support/memory-rig.ts';

const bySubject = ({ event }: Delivery): unknown => event.subject;

interface LaneRun {
  /** `run 1@5`: the delivery of the first event ran at 5 ms. */
  readonly log: string[];
  readonly outcomes: Outcome[];
  readonly subscription: Subscription;
}

/** Runs the pipeline in lanes; `work` does what the handler does. */
function run(
  { time, deliveries }: MemoryRig,
  work: (delivery: Delivery) => unknown,
  { prefetch = 256, retryDelay = 200, maxBlocked = undefined as number | undefined } = {},
): LaneRun {
  const start = time.now();
  const log: string[] = [];
  const outcomes: Outcome[] = [];
  const handler = (delivery: Delivery): unknown => {
    log.push(`run ${delivery.event.id}@${time.now() - start}`);
    return work(delivery);
  };
  const bound = maxBlocked === undefined ? {} : { maxBlocked };
  const subscription = deliveries(prefetch)
    .pipe(
      handle(handler, { orderBy: bySubject, scheduler: time, ...bound }),
      redeliver(constant(retryDelay), { scheduler: time }),
      settle({ scheduler: time }),
    )
    .subscribe((outcome) => outcomes.push(outcome));
  return { log, outcomes, subscription };
}

const failing =
  (id: string, times: number) =>
  ({ event, attempt }: Delivery): unknown =>
    event.id === id && attempt <= times ? throwError(() => boom) : undefined;

describe('handle, with an order, on a broker', () => {
  it('holds a key back while its first delivery waits for its retry, and no other key', async () => {
    const rig = memoryRig();
    rig.publish('x', 'x', 'y', 'x', 'y');

    const { log, subscription } = run(rig, failing('1', 2));
    await rig.time.advanceBy(1_000);

    expect(log).toEqual(['run 1@0', 'run 3@0', 'run 5@0', 'run 1@200', 'run 1@400', 'run 2@400', 'run 4@400']);
    expect(rig.left()).toEqual(nothing);
    subscription.unsubscribe();
  });

  it('keeps the leases of what it holds, however long that takes', async () => {
    const rig = memoryRig({ ackWait: 300 });
    rig.publish('x', 'x', 'x');
    const lost: string[] = [];
    rig.transport.status$.subscribe(({ kind }) => lost.push(kind));

    const { log, subscription } = run(rig, failing('1', 1), { retryDelay: 5_000 });
    await rig.time.advanceBy(10_000);

    expect(log).toEqual(['run 1@0', 'run 1@5000', 'run 2@5000', 'run 3@5000']);
    expect(lost).not.toContain('leaseLost');
    subscription.unsubscribe();
  });

  it('hands back what exceeds the room behind a retry, so that other keys go on, and keeps the order', async () => {
    const rig = memoryRig();
    rig.publish(...Array.from({ length: 12 }, () => 'x'), ...Array.from({ length: 12 }, () => 'y'));

    const { log, outcomes, subscription } = run(rig, failing('1', 3), { prefetch: 4 });
    await rig.time.advanceBy(10_000);

    const ran = (from: number, to: number): number[] =>
      log.map((entry) => Number(entry.match(/run (\d+)@/)?.[1])).filter((n) => n >= from && n <= to);
    const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
    expect(ran(1, 12)).toEqual([1, 1, 1, ...count(1, 12)]);
    expect(ran(13, 24)).toEqual(count(13, 24));
    expect(log.findIndex((entry) => entry.startsWith('run 24@'))).toBeLessThan(log.indexOf('run 2@600'));
    expect(outcomes.filter(({ kind }) => kind === 'retry').length).toBeGreaterThan(3);
    expect(rig.left()).toEqual(nothing);
    subscription.unsubscribe();
  });

  it('never holds so many that the retry itself finds no room, whatever it was told', async () => {
    const rig = memoryRig();
    rig.publish('x', 'x', 'x', 'x', 'x', 'x');

    const { log, subscription } = run(rig, failing('1', 1), { prefetch: 3, maxBlocked: 1_000 });
    await rig.time.advanceBy(10_000);

    const first = log.slice(0, 3);
    expect(first).toEqual(['run 1@0', 'run 1@200', 'run 2@200']);
    expect(log.map((entry) => entry.match(/run (\d+)@/)?.[1])).toEqual(['1', '1', '2', '3', '4', '5', '6']);
    subscription.unsubscribe();
  });

  it('waits for a retry that went elsewhere for its delay and one lease, and no longer', async () => {
    const rig = memoryRig();
    rig.publish('x', 'x');

    const { log, subscription } = run(rig, failing('1', 1));
    await rig.time.advanceBy(100);
    rig.broker.stream('SHOP').remove(1); // nobody will get it
    await rig.time.advanceBy(10_000);

    expect(log).toEqual(['run 1@0', 'run 2@1200']);
    expect(rig.left()).toEqual(nothing);
    subscription.unsubscribe();
  });

  it('goes on when the last attempt has failed: the broker gives it up', async () => {
    const rig = memoryRig({ maxDeliver: 2 });
    rig.publish('x', 'x');

    const { log, subscription } = run(rig, failing('1', 9));
    await rig.time.advanceBy(1_000);

    expect(log.slice(0, 3)).toEqual(['run 1@0', 'run 1@200', 'run 2@200']);
    subscription.unsubscribe();
  });

  it('runs a copy of what was lost while it ran only if that one failed', async () => {
    const rig = memoryRig({ ackWait: 300 });
    rig.publish('x', 'x', 'y', 'y');
    const start = rig.time.now();
    const log: string[] = [];
    const works: Record<string, () => Observable<unknown>> = {
      '1': () => timer(500, rig.time),
      '3': () =>
        concat(
          timer(500, rig.time).pipe(ignoreElements()),
          throwError(() => boom),
        ),
    };
    const handler = ({ event, attempt }: Delivery): unknown => {
      log.push(`run ${event.id}@${rig.time.now() - start}`);
      return attempt === 1 ? works[event.id]?.() : undefined;
    };

    const subscription = rig
      .deliveries()
      .pipe(
        map((delivery) => (Number(delivery.event.id) % 2 === 1 ? new DeafDelivery(delivery) : delivery)),
        handle(handler, { orderBy: bySubject, scheduler: rig.time }),
        redeliver(constant(50), { scheduler: rig.time }),
        settle({ scheduler: rig.time }),
      )
      .subscribe();
    await rig.time.advanceBy(3_000);

    expect(log).toEqual(['run 1@0', 'run 3@0', 'run 2@500', 'run 3@500', 'run 4@500']);
    expect(rig.left()).toEqual(nothing);
    subscription.unsubscribe();
  });

  it('hands everything back on unsubscribe, in lanes or not, and the next subscriber handles it', async () => {
    const rig = memoryRig();
    rig.publish('x', 'x', 'y', 'y', 'x');

    const first = run(rig, () => NEVER);
    await rig.time.advanceBy(10);
    first.subscription.unsubscribe();
    const between = rig.left();
    const second = run(rig, () => undefined);
    await rig.time.advanceBy(10);

    expect(first.log).toEqual(['run 1@0', 'run 3@0']);
    expect(between).toEqual({ pending: 0, unsettled: 0, redelivering: 5 });
    expect(second.log.map((entry) => entry.slice(4, 5))).toEqual(['1', '2', '3', '4', '5']);
    expect(rig.left()).toEqual(nothing);
    second.subscription.unsubscribe();
  });

  it('completes when the source has, and hands back what waited behind a retry', async () => {
    const rig = memoryRig();
    rig.publish('x', 'x', 'x', 'y');
    const seen: string[] = [];
    const source = new Subject<Delivery>();
    source
      .pipe(
        handle(failing('1', 1), { orderBy: bySubject, scheduler: rig.time }),
        redeliver(constant(200), { scheduler: rig.time }),
        settle({ scheduler: rig.time }),
      )
      .subscribe({
        next: ({ kind, delivery }) => seen.push(`${kind} ${delivery.event.id}`),
        complete: () => seen.push('complete'),
      });

    const feed = rig.deliveries().subscribe((delivery) => source.next(delivery));
    await rig.time.advanceBy(10);
    feed.unsubscribe();
    source.complete();

    expect(seen).toEqual(['retry 1', 'succeeded 4', 'retry 2', 'retry 3', 'complete']);
    expect(rig.left()).toEqual({ pending: 0, unsettled: 0, redelivering: 3 });
  });
});
