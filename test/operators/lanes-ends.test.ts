import { type FakeDelivery, virtualTime } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { lanes } from '../../src/operators/lanes.ts';
import { lanesRig } from '../support/lanes-rig.ts';
import { nthDelivery } from '../support/made.ts';

describe('lanes, when a lease is lost', () => {
  const lost = (delivery: FakeDelivery): void => {
    Object.defineProperty(delivery, 'lost', { value: true });
    Object.assign(delivery, { nak: () => false, term: () => false });
  };

  it('skips a copy of what was acked late', () => {
    const { arrive, running, log, lanes: all } = lanesRig();

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
    const { arrive, running, log } = lanesRig();

    lost(arrive(1));
    arrive(2);
    arrive(1, 'key', { attempt: 2 });
    settle(running(1));

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('waits for the copy that has not come yet', async () => {
    const { arrive, running, log, time } = lanesRig();

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
    const { arrive, running, log } = lanesRig();

    arrive(1, 'key', { position: { stream: 'A', sequence: 1 } });
    arrive(1, 'key', { position: { stream: 'B', sequence: 1 } });
    running(1).ack();

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('takes no delivery for a copy of one of another consumer', () => {
    const { arrive, running, log } = lanesRig();

    arrive(1, 'key', { subscription: { consumer: 'billing' } });
    arrive(1, 'key', { subscription: { consumer: 'audit' } });
    running(1).ack();

    expect(log()).toEqual(['run 1', 'run 1']);
  });

  it('still waits for the retry of one when another stream has the same sequence', () => {
    const { arrive, running, log } = lanesRig();

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
    const { arrive, running, log, lanes: all, time } = lanesRig();

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
    const { arrive, running, log, lanes: all, time } = lanesRig();

    for (const n of [1, 2, 3]) arrive(n);
    all.close();
    const before = log();
    running(1).nak(200);

    expect([before, log()]).toEqual([['run 1'], ['return 2 0', 'return 3 0']]);
    expect([all.size, all.held, time.pending]).toEqual([0, 0, 0]);
  });

  it('takes out what it holds', () => {
    const { arrive, lanes: all } = lanesRig();
    for (const [n, key] of [1, 2, 3, 4].entries()) arrive(n + 1, key % 2);

    const drained = all.drain().map(({ event }) => event.id);

    expect([drained, all.held]).toEqual([['3', '4'], 0]);
  });

  it('takes out what it is asked for, and holds the rest in its order', () => {
    const { arrive, running, log, lanes: all } = lanesRig();
    for (const n of [1, 2, 3, 4]) arrive(n);

    const drained = all.drain(({ event }) => event.id === '3').map(({ event }) => event.id);
    log();
    running(1).ack();
    running(2).ack();

    expect([drained, log()]).toEqual([['3'], ['run 2', 'run 4']]);
  });

  it('sets no timer any more when it was stopped', () => {
    const { arrive, running, lanes: all, time } = lanesRig();
    arrive(1);

    all.stop();
    running(1).nak(200);

    expect(time.pending).toBe(0);
  });
});
