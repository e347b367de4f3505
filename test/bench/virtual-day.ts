// virtual-day, virtual-day-jitter: 24 hours of retries for 10,000 events, in virtual time.
//
// Every attempt fails and goes back to a broker in memory, after 1 s at first, doubling up to an hour, so that each event
// is tried 35 times in a day. The handler throws one and the same error: making one, with its stack, would take more time
// than everything else. The figure is deliveries per second of real time; what ours is to keep is a day in under 1 s.
// Without jitter the events come back together, at 35 points of time in all. With jitter, the default, each has points of
// time of its own, some 430,000 in all, and time stops at each of them to let promises settle.
//
// The peer is RxJS's VirtualTimeScheduler under the same broker and the same pipeline. It runs everything in one go and
// lets no promise settle in between, so that it does less: an async handler would never be done.
import assert from 'node:assert/strict';
import {
  type Backoff,
  type Delivery,
  dedupe,
  exponential,
  handle,
  memoryDedupeStore,
  redeliver,
  settle,
} from 'millrace';
import { virtualTime } from 'millrace/testing';
import { type SchedulerLike, VirtualTimeScheduler } from 'rxjs';
import type { Bench, Side } from './harness/bench.ts';
import { stopwatch } from './harness/stopwatch.ts';
import { consumption } from './workload/consumption.ts';
import { type Order, plainOrders } from './workload/orders.ts';
import { workQueue } from './workload/work-queue.ts';

/** A clock that is moved on to a point of time. */
interface Clock {
  readonly scheduler: SchedulerLike;
  advanceTo(time: number): Promise<void> | void;
}

const HOUR = 3_600_000;
const HOURS = 24;
const refusal = new Error('The card was refused');

function millraceClock(): Clock {
  const time = virtualTime();
  return { scheduler: time, advanceTo: time.advanceTo };
}

function rxjsClock(): Clock {
  const scheduler = new VirtualTimeScheduler();
  return {
    scheduler,
    advanceTo(time) {
      scheduler.maxFrames = time;
      scheduler.flush();
    },
  };
}

/** How many attempts a day has room for. */
function attemptsInADay(backoff: Backoff): number {
  let attempts = 1;
  for (let time = 0; ; attempts += 1) {
    time += Number(backoff(attempts, time));
    if (time > HOURS * HOUR) return attempts;
  }
}

function day(clockOf: () => Clock, jitter: number): Side {
  const backoff = exponential({ initial: 1_000, max: HOUR, jitter });
  const fewest = attemptsInADay(exponential({ initial: 1_000, max: HOUR, jitter: 0 }));

  return async function* (total) {
    const { scheduler, advanceTo } = clockOf();
    const queue = await workQueue({ scheduler, maxAckPending: total });
    const attempts = new Uint32Array(total);
    const fail = ({ event, attempt }: Delivery<Order>) => {
      attempts[event.data?.number ?? 0] = attempt;
      throw refusal;
    };
    const pipeline = queue.deliveries.pipe(
      dedupe(memoryDedupeStore({ scheduler }), { scheduler }),
      handle(fail, { scheduler }),
      redeliver(backoff, { scheduler }),
      settle({ scheduler }),
    );
    const consumer = consumption(pipeline);
    queue.publish(plainOrders(0, total));
    const watch = stopwatch();
    for (let hour = 1; hour <= HOURS; hour += 1) {
      watch.start();
      await advanceTo(hour * HOUR);
      watch.stop();
      yield;
    }

    const counted = [...attempts];
    assert.equal(await queue.left(), total);
    assert.ok(jitter > 0 || counted.every((count) => count === fewest), 'Some events were not retried all day long');
    assert.ok(
      counted.every((count) => count >= fewest),
      'Some events were not retried all day long',
    );
    const deliveries = consumer.settled;
    return {
      value: (deliveries / watch.elapsed().elapsedMs) * 1_000,
      ...watch.elapsed(),
      deliveries,
      attemptsPerEvent: deliveries / total,
    };
  };
}

export const virtualDay: Bench = {
  name: 'virtual-day',
  unit: 'deliveries/s',
  events: { full: 10_000, smoke: 100 },
  ours: day(millraceClock, 0),
  peers: { VirtualTimeScheduler: day(rxjsClock, 0) },
  limits: [{ detail: 'elapsedMs', atMost: 1_000 }],
  ratios: {},
};

export const virtualDayJitter: Bench = {
  ...virtualDay,
  name: 'virtual-day-jitter',
  ours: day(millraceClock, 0.5),
  peers: { VirtualTimeScheduler: day(rxjsClock, 0.5) },
  limits: [],
};
