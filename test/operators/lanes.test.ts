import { describe, expect, it } from 'vitest';
import { lanesRig } from '../support/lanes-rig.ts';
import { nthDelivery } from '../support/made.ts';

describe('lanes', () => {
  it('runs the deliveries of a key one after the other, each when the one before it is settled', () => {
    const { arrive, running, log, lanes: all } = lanesRig();

    for (const n of [1, 2, 3]) arrive(n);
    const first = log();
    running(1).ack();
    const second = log();
    running(2).term();

    expect([first, second, log()]).toEqual([['run 1'], ['run 2'], ['run 3']]);
    expect(all.held).toBe(0);
  });

  it('runs different keys side by side', () => {
    const { arrive, log, lanes: all } = lanesRig();

    for (const [n, key] of [undefined, null, 0, '', Number.NaN, {}].entries()) arrive(n + 1, key);

    expect(log()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `run ${n}`));
    expect([all.size, all.held]).toEqual([6, 0]);
  });

  it('says whether it holds a delivery, and how many', () => {
    const { lanes: all } = lanesRig();

    const answers = [1, 2, 3].map((n) => all.arrive('key', nthDelivery(n)));

    expect(answers).toEqual([false, true, true]);
    expect([all.size, all.held]).toEqual([1, 2]);
  });

  it('costs nothing when it is idle', () => {
    const { arrive, running, lanes: all, time } = lanesRig();

    for (let n = 1; n <= 50; n += 1) arrive(n, n);
    const busy = all.size;
    for (let n = 1; n <= 50; n += 1) running(n).ack();

    expect([busy, all.size, all.held, time.pending]).toEqual([50, 0, 0, 0]);
  });

  it('holds the others while the first waits for its retry, and runs that one first', () => {
    const { arrive, running, log, lanes: all } = lanesRig();

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
    const { arrive, running, log } = lanesRig();

    arrive(1, 'a');
    arrive(2, 'a');
    arrive(3, 'b');
    running(1).nak(200);
    running(3).ack();
    arrive(4, 'b');

    expect(log()).toEqual(['run 1', 'run 3', 'run 4']);
  });

  it('runs what was handed back in the order of the stream, however it returns', () => {
    const { arrive, running, log, lanes: all } = lanesRig({ maxBlocked: () => 2 });

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
    const { arrive, running, log, time, lanes: all } = lanesRig({ maxBlocked: (prefetch) => prefetch / 50 });

    for (const n of [1, 2]) arrive(n);
    running(1).nak(300);
    await time.advanceBy(100);
    arrive(3);
    arrive(4);

    expect(log()).toEqual(['run 1', 'return 4 200']);
    expect(all.held).toBe(2);
  });

  it('hands back what waited behind one that ran, when that one fails and it is more than may be blocked', () => {
    const { arrive, running, log, lanes: all } = lanesRig({ maxBlocked: () => 2 });

    for (const n of [1, 2, 3, 4, 5]) arrive(n);
    const before = log();
    running(1).nak(200);

    expect([before, log(), all.held]).toEqual([['run 1'], ['return 5 200', 'return 4 200'], 2]);
  });

  it('holds what is on its last attempt beyond that, but for the room of the retry itself', () => {
    const { arrive, running, log, lanes: all } = lanesRig({ maxBlocked: () => 0 });
    const last = { attempt: 3, subscription: { maxDeliver: 3, lease: 1_000, prefetch: 3 } };

    arrive(1);
    running(1).nak(200);
    for (const n of [2, 3, 4]) arrive(n, 'key', last);

    expect([log(), all.held]).toEqual([['run 1', 'return 4 200'], 2]);
  });

  it('hands back nothing that comes before what it waits for', () => {
    const { arrive, running, log, lanes: all } = lanesRig({ maxBlocked: () => 0 });

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
    const { arrive, log, lanes: all } = lanesRig({ maxBlocked: () => 0 });

    for (let n = 1; n <= 50; n += 1) arrive(n);

    expect([log(), all.held]).toEqual([['run 1'], 49]);
  });

  it('hands back where there are as many lanes as there may be', () => {
    const { arrive, running, log, lanes: all } = lanesRig({ maxLanes: 2 });

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
    const { arrive, running, log, time, lanes: all } = lanesRig();

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
    const { arrive, running, log, time } = lanesRig();

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
    const { arrive, running, log, time } = lanesRig({}, { subscription: {} });

    for (const n of [1, 2]) arrive(n);
    running(1).nak(200);
    log();
    await time.advanceBy(30_199);
    const before = log();
    await time.advanceBy(1);

    expect([before, log()]).toEqual([[], ['run 2']]);
  });

  it('forgets a lane whose only retry never returns', async () => {
    const { arrive, running, time, lanes: all } = lanesRig();

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
    const { arrive, running, log } = lanesRig();

    arrive(1, 'key', init);
    arrive(2, 'key', init);
    running(1).nak(200);

    expect(log()).toEqual(['run 1', 'run 2']);
  });
});
