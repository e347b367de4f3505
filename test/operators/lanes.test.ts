import { type FakeDelivery, type FakeDeliveryInit, virtualTime } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { type LanesOptions, lanes } from '../../src/operators/lanes.ts';
import { nthDelivery } from '../support/made.ts';

/** Lanes, and what they say: `run 1`, `repeat 1`, `return 1 200`. */
function rig(options: Partial<LanesOptions> = {}, shared: FakeDeliveryInit = {}) {
  const time = virtualTime();
  const log: string[] = [];
  const ready = new Map<number, Delivery>();
  const all = lanes<unknown>(
    { maxLanes: 100, maxBlocked: () => 100, scheduler: time, ...options },
    {
      ready(delivery) {
        log.push(`run ${delivery.event.id}`);
        ready.set(Number(delivery.event.id), delivery);
      },
      repeated(delivery) {
        log.push(`repeat ${delivery.event.id}`);
        ready.set(Number(delivery.event.id), delivery);
      },
      returned(delivery, delay) {
        log.push(`return ${delivery.event.id} ${delay}`);
        delivery.nak(delay);
      },
    },
  );
  /** The nth of the stream arrives, for the given time. */
  const arrive = (n: number, key: unknown = 'key', init: FakeDeliveryInit = {}): FakeDelivery => {
    const delivery = nthDelivery(n, { subscription: { lease: 1_000 }, ...shared, ...init });
    all.arrive(key, delivery);
    return delivery;
  };
  /** The delivery that it last ran. */
  const running = (n: number): Delivery => ready.get(n) as Delivery;
  const flushLog = (): string[] => log.splice(0);
  return { time, lanes: all, arrive, running, log: flushLog };
}

describe('lanes', () => {
  it('runs the deliveries of a key one after the other, each when the one before it is settled', () => {
    const { arrive, running, log, lanes: all } = rig();

    for (const n of [1, 2, 3]) arrive(n);
    const first = log();
    running(1).ack();
    const second = log();
    running(2).term();

    expect([first, second, log()]).toEqual([['run 1'], ['run 2'], ['run 3']]);
    expect(all.held).toBe(0);
  });

  it('runs different keys side by side', () => {
    const { arrive, log, lanes: all } = rig();

    for (const [n, key] of [undefined, null, 0, '', Number.NaN, {}].entries()) arrive(n + 1, key);

    expect(log()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `run ${n}`));
    expect([all.size, all.held]).toEqual([6, 0]);
  });

  it('says whether it holds a delivery, and how many', () => {
    const { lanes: all } = rig();

    const answers = [1, 2, 3].map((n) => all.arrive('key', nthDelivery(n)));

    expect(answers).toEqual([false, true, true]);
    expect([all.size, all.held]).toEqual([1, 2]);
  });

  it('costs nothing when it is idle', () => {
    const { arrive, running, lanes: all, time } = rig();

    for (let n = 1; n <= 50; n += 1) arrive(n, n);
    const busy = all.size;
    for (let n = 1; n <= 50; n += 1) running(n).ack();

    expect([busy, all.size, all.held, time.pending]).toEqual([50, 0, 0, 0]);
  });

  it('holds the others while the first waits for its retry, and runs that one first', () => {
    const { arrive, running, log, lanes: all } = rig();

    for (const n of [1, 2, 3]) arrive(n);
    running(1).nak(200);
    const waiting = log();
    arrive(4);
    const held = all.held;
    arrive(1, 'key', { attempt: 2 });
    const again = log();
    running(1).ack();
    running(2).ack();
    running(3).ack();
    running(4).ack();

    expect([waiting, held, again]).toEqual([['run 1'], 3, ['run 1']]);
    expect(log()).toEqual(['run 2', 'run 3', 'run 4']);
    expect(all.size).toBe(0);
  });

  it('holds up no other key', () => {
    const { arrive, running, log } = rig();

    arrive(1, 'a');
    arrive(2, 'a');
    arrive(3, 'b');
    running(1).nak(200);
    running(3).ack();
    arrive(4, 'b');

    expect(log()).toEqual(['run 1', 'run 3', 'run 4']);
  });

  it('runs what was handed back in the order of the stream, however it returns', () => {
    const { arrive, running, log, lanes: all } = rig({ maxBlocked: () => 2 });

    for (const n of [1, 2, 3]) arrive(n);
    running(1).nak(200);
    arrive(4);
    arrive(5);
    const returned = log();
    for (const n of [5, 4, 1]) arrive(n, 'key', { attempt: 2 });
    const again = log();
    for (const n of [1, 2, 3]) running(n).ack();
    const rest = log();
    arrive(5, 'key', { attempt: 3 });
    const held = all.held;
    arrive(4, 'key', { attempt: 3 });
    running(4).ack();
    running(5).ack();

    expect(returned).toEqual(['run 1', 'return 4 200', 'return 5 200']);
    expect(again).toEqual(['return 5 200', 'return 4 200', 'run 1']);
    expect([rest, held]).toEqual([['run 2', 'run 3'], 1]);
    expect(log()).toEqual(['run 4', 'run 5']);
    expect([all.size, all.held]).toEqual([0, 0]);
  });

  it('hands back more than may wait behind a retry, until the retry is due', async () => {
    const { arrive, running, log, time, lanes: all } = rig({ maxBlocked: (prefetch) => prefetch / 50 });

    for (const n of [1, 2]) arrive(n);
    running(1).nak(300);
    await time.advanceBy(100);
    arrive(3);
    arrive(4);

    expect(log()).toEqual(['run 1', 'return 4 200']);
    expect(all.held).toBe(2);
  });

  it('hands back what waited behind one that ran, when that one fails and it is more than may be blocked', () => {
    const { arrive, running, log, lanes: all } = rig({ maxBlocked: () => 2 });

    for (const n of [1, 2, 3, 4, 5]) arrive(n);
    const before = log();
    running(1).nak(200);

    expect([before, log(), all.held]).toEqual([['run 1'], ['return 5 200', 'return 4 200'], 2]);
  });

  it('holds what is on its last attempt beyond that, but for the room of the retry itself', () => {
    const { arrive, running, log, lanes: all } = rig({ maxBlocked: () => 0 });
    const last = { attempt: 3, subscription: { maxDeliver: 3, lease: 1_000, prefetch: 3 } };

    arrive(1);
    running(1).nak(200);
    for (const n of [2, 3, 4]) arrive(n, 'key', last);

    expect([log(), all.held]).toEqual([['run 1', 'return 4 200'], 2]);
  });

  it('hands back nothing that comes before what it waits for', () => {
    const { arrive, running, log, lanes: all } = rig({ maxBlocked: () => 0 });

    arrive(1);
    arrive(2);
    running(1).nak(200);
    arrive(3);
    arrive(1, 'key', { attempt: 2 });
    const before = log();
    arrive(2, 'key', { attempt: 2 });

    expect(before).toEqual(['run 1', 'return 2 200', 'return 3 200', 'run 1']);
    expect([log(), all.held]).toEqual([[], 1]);
  });

  it('holds as many as come behind a first one that runs', () => {
    const { arrive, log, lanes: all } = rig({ maxBlocked: () => 0 });

    for (let n = 1; n <= 50; n += 1) arrive(n);

    expect([log(), all.held]).toEqual([['run 1'], 49]);
  });

  it('hands back where there are as many lanes as there may be', () => {
    const { arrive, running, log, lanes: all } = rig({ maxLanes: 2 });

    arrive(1, 'a');
    arrive(2, 'b');
    const refused = arrive(3, 'c');
    arrive(4, 'a');
    running(2).ack();
    arrive(5, 'd');

    expect(log()).toEqual(['run 1', 'run 2', 'return 3 1000', 'run 5']);
    expect(refused.settled).toBe(true);
    expect(all.size).toBe(2);
  });

  it('waits for a retry that never returns for its delay and one lease, and no longer', async () => {
    const { arrive, running, log, time, lanes: all } = rig();

    for (const n of [1, 2]) arrive(n);
    running(1).nak(200);
    await time.advanceBy(1_199);
    const before = log();
    await time.advanceBy(1);

    expect([before, log()]).toEqual([['run 1'], ['run 2']]);
    running(2).ack();
    expect([all.size, time.pending]).toEqual([0, 0]);
  });

  it('waits for each retry as long as its own source says', async () => {
    const { arrive, running, log, time } = rig();

    arrive(1, 'a', { subscription: { lease: 60_000 } });
    arrive(2, 'b', { subscription: { lease: 100 } });
    arrive(3, 'b', { subscription: { lease: 100 } });
    running(1).nak(0);
    running(2).nak(0);
    log();
    await time.advanceBy(100);

    expect(log()).toEqual(['run 3']);
  });

  it('waits half a minute longer where there is no lease to go by', async () => {
    const { arrive, running, log, time } = rig({}, { subscription: {} });

    for (const n of [1, 2]) arrive(n);
    running(1).nak(200);
    log();
    await time.advanceBy(30_199);
    const before = log();
    await time.advanceBy(1);

    expect([before, log()]).toEqual([[], ['run 2']]);
  });

  it('forgets a lane whose only retry never returns', async () => {
    const { arrive, running, time, lanes: all } = rig();

    arrive(1);
    running(1).nak(200);
    const waiting = all.size;
    await time.advanceBy(1_200);

    expect([waiting, all.size, time.pending]).toEqual([1, 0, 0]);
  });

  it.each([
    { what: 'on its last attempt', init: { attempt: 3, subscription: { lease: 1_000, maxDeliver: 3 } } },
    { what: 'that nothing stores', init: { position: undefined } },
  ])('does not wait for one $what: nothing comes again', ({ init }) => {
    const { arrive, running, log } = rig();

    arrive(1, 'key', init);
    arrive(2, 'key', init);
    running(1).nak(200);

    expect(log()).toEqual(['run 1', 'run 2']);
  });
});

describe('lanes, when a lease is lost', () => {
  const lost = (delivery: FakeDelivery): void => {
    Object.defineProperty(delivery, 'lost', { value: true });
    Object.assign(delivery, { nak: () => false, term: () => false });
  };

  it('skips a copy of what was acked late', () => {
    const { arrive, running, log, lanes: all } = rig();

    lost(arrive(1));
    arrive(2);
    arrive(1, 'key', { attempt: 2 });
    running(1).ack();
    const after = log();
    running(1).ack();

    expect([after, log()]).toEqual([['run 1', 'repeat 1'], ['run 2']]);
    running(2).ack();
    expect(all.size).toBe(0);
  });

  it.each([
    { how: 'handed back', settle: (delivery: Delivery) => delivery.nak(5_000) },
    { how: 'given up', settle: (delivery: Delivery) => delivery.term() },
  ])('runs the copy of what was $how: the broker did not take that', ({ settle }) => {
    const { arrive, running, log } = rig();

    lost(arrive(1));
    arrive(2);
    arrive(1, 'key', { attempt: 2 });
    settle(running(1));

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('waits for the copy that has not come yet', async () => {
    const { arrive, running, log, time } = rig();

    lost(arrive(1));
    arrive(2);
    running(1).nak(200);
    await time.advanceBy(500);
    arrive(1, 'key', { attempt: 2 });
    running(1).ack();

    expect(log()).toEqual(['run 1', 'run 1', 'run 2']);
  });
});

describe('lanes, of several sources', () => {
  it('takes no delivery for a copy of one of another stream', () => {
    const { arrive, running, log } = rig();

    arrive(1, 'key', { position: { stream: 'A', sequence: 1 } });
    arrive(1, 'key', { position: { stream: 'B', sequence: 1 } });
    running(1).ack();

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('takes no delivery for a copy of one of another consumer', () => {
    const { arrive, running, log } = rig();

    arrive(1, 'key', { subscription: { consumer: 'billing' } });
    arrive(1, 'key', { subscription: { consumer: 'audit' } });
    running(1).ack();

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('still waits for the retry of one when another stream has the same sequence', () => {
    const { arrive, running, log } = rig();

    arrive(1, 'key', { position: { stream: 'A', sequence: 1 } });
    running(1).nak(200);
    arrive(1, 'key', { position: { stream: 'B', sequence: 1 } });
    running(1).ack();
    arrive(2, 'key', { position: { stream: 'A', sequence: 2 } });

    expect(log()).toEqual(['run 1', 'run 1']);
  });
});

describe('lanes, at the end', () => {
  it('hands back what waits behind a retry when nothing more arrives, all of it', () => {
    const { arrive, running, log, lanes: all, time } = rig();

    for (const n of [1, 2, 3]) arrive(n);
    arrive(4, 'other');
    arrive(5, 'other');
    running(1).nak(200);
    all.close();
    const returned = log();
    running(4).ack();
    running(5).ack();

    expect(returned).toEqual(['run 1', 'run 4', 'return 2 0', 'return 3 0']);
    expect(log()).toEqual(['run 5']);
    expect([all.size, all.held, time.pending]).toEqual([0, 0, 0]);
  });

  it('counts what it hands back one by one, so that the last is known to be the last', () => {
    const left: number[] = [];
    const all = lanes<unknown>(
      { maxLanes: 100, maxBlocked: () => 100, scheduler: virtualTime() },
      {
        ready: (delivery) => delivery.nak(200),
        repeated: () => undefined,
        returned: () => left.push(all.held),
      },
    );

    for (const n of [1, 2, 3, 4]) all.arrive('key', nthDelivery(n));
    all.close();

    expect(left).toEqual([2, 1, 0]);
  });

  it('hands back what waits behind one that fails after that', () => {
    const { arrive, running, log, lanes: all, time } = rig();

    for (const n of [1, 2, 3]) arrive(n);
    all.close();
    const before = log();
    running(1).nak(200);

    expect([before, log()]).toEqual([['run 1'], ['return 2 0', 'return 3 0']]);
    expect([all.size, all.held, time.pending]).toEqual([0, 0, 0]);
  });

  it('takes out what it holds', () => {
    const { arrive, lanes: all } = rig();
    for (const [n, key] of [1, 2, 3, 4].entries()) arrive(n + 1, key % 2);

    const drained = all.drain().map(({ event }) => event.id);

    expect([drained, all.held]).toEqual([['3', '4'], 0]);
  });

  it('takes out what it is asked for, and holds the rest in its order', () => {
    const { arrive, running, log, lanes: all } = rig();
    for (const n of [1, 2, 3, 4]) arrive(n);

    const drained = all.drain(({ event }) => event.id === '3').map(({ event }) => event.id);
    log();
    running(1).ack();
    running(2).ack();

    expect([drained, log()]).toEqual([['3'], ['run 2', 'run 4']]);
  });

  it('sets no timer any more when it was stopped', () => {
    const { arrive, running, lanes: all, time } = rig();
    arrive(1);

    all.stop();
    running(1).nak(200);

    expect(time.pending).toBe(0);
  });
});
