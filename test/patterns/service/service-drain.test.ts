import { service } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import { delay, EMPTY, map, NEVER, Subject, takeUntil } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { follow, reportsOf, serviceRig } from './rig.ts';

const boom = new Error('boom');

describe('service, when it is drained', () => {
  it('drains once: later calls join the first, and one with less grace brings the end forward', async () => {
    const { time, transport, pipeline, publish } = serviceRig();
    publish('a');
    const app = service(
      { pipelines: { billing: pipeline(() => NEVER) }, transports: [transport] },
      { scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(0);

    const all = [
      reportsOf(app.drain({ grace: 10_000 })),
      reportsOf(app.drain()),
      reportsOf(app.drain({ grace: 60_000 })),
    ];
    await time.advanceBy(1_000);
    all.push(reportsOf(app.drain({ grace: 500 })));
    await time.advanceBy(499);
    expect(all.flat()).toEqual([]);
    await time.advanceBy(1);
    all.push(reportsOf(app.drain()));

    expect(all.map((reports) => reports[0])).toEqual(Array(5).fill(run.report));
    expect(run.report).toMatchObject({ elapsedMs: 1_500, forced: false, reason: { kind: 'asked' } });
    expect(run.words.filter((word) => word === 'draining')).toHaveLength(1);
  });

  it('is not hurried by a later call that names no grace', async () => {
    const { time } = serviceRig();
    const app = service({ pipelines: { a: () => NEVER } }, { scheduler: time, grace: 100 });
    const run = follow(app);

    reportsOf(app.drain({ grace: 1_000 }));
    reportsOf(app.drain());
    await time.advanceBy(999);
    expect(run.completed).toBe(false);
    await time.advanceBy(1);

    expect(run.report.elapsedMs).toBe(1_000);
  });

  it.each([
    { ok: true, signals: 1, abandoned: 0 },
    { ok: false, signals: 1, abandoned: 1 },
    { ok: false, signals: 2, abandoned: 0 },
  ])('is $ok to be well after $signals signals with $abandoned abandoned', async ({ ok, signals, abandoned }) => {
    const { time, transport } = serviceRig();
    const stopOn = new Subject<number>();
    const slow = {
      name: 'slow',
      drain: () =>
        transport.drain().pipe(
          delay(50, time),
          map((report) => ({ ...report, abandoned })),
        ),
    };
    const run = follow(
      service({ pipelines: { a: NEVER.pipe(takeUntil(stopOn)) }, transports: [slow] }, { stopOn, scheduler: time }),
    );

    for (let signal = 0; signal < signals; signal += 1) stopOn.next(signal);
    await time.advanceBy(50);

    expect([run.report.ok, run.report.total.abandoned]).toEqual([ok, abandoned]);
  });

  it('does not drain until the drain is subscribed to, nor stop because a drain is unsubscribed', async () => {
    const { time, transport } = serviceRig();
    const app = service({ pipelines: { a: () => NEVER }, transports: [transport] }, { scheduler: time, grace: 100 });
    const run = follow(app);

    const drain = app.drain();
    await time.advanceBy(1_000);
    expect(run.words).toEqual(['started']);
    drain.subscribe().unsubscribe();
    await time.advanceBy(100);

    expect(run.report.pipelines).toEqual([{ name: 'a', end: 'cut' }]);
  });

  it('closes what it has when it is drained before it runs, and never starts', async () => {
    const { time, transport, publish, left, pipeline } = serviceRig();
    publish('a');
    const closed: string[] = [];
    const app = service(
      {
        pipelines: { billing: pipeline(() => undefined) },
        transports: [transport],
        resources: { pool: { close: () => closed.push('pool') } },
      },
      { scheduler: time },
    );

    const reports = reportsOf(app.drain());
    const run = follow(app);
    await time.advanceBy(0);

    expect(reports).toMatchObject([{ ok: true, pipelines: [{ name: 'billing', end: 'notStarted' }] }]);
    expect([closed, left().pending]).toEqual([['pool'], 1]);
    expect(run.words).toEqual(['draining', 'drained millrace', 'closing pool', 'closed pool', 'done']);
  });

  it('drains a transport once that is listed twice, and joins one that drains already', async () => {
    const { time, broker, transport } = serviceRig();
    const other = memoryTransport(broker, { name: 'other' });
    other.drain().subscribe();
    let calls = 0;
    const counted = {
      name: 'counted',
      drain: () => {
        calls += 1;
        return transport.drain();
      },
    };
    const app = service({ pipelines: { a: EMPTY }, transports: [counted, other, counted] }, { scheduler: time });

    const run = follow(app);
    await time.advanceBy(0);

    expect(calls).toBe(1);
    expect(run.report.transports.map(({ name }) => name)).toEqual(['counted', 'other']);
    expect(run.report.ok).toBe(true);
  });

  it('drains when it is disposed of', async () => {
    const { transport } = serviceRig();
    const app = service({ pipelines: { a: (draining) => NEVER.pipe(takeUntil(draining)) }, transports: [transport] });
    const run = follow(app);

    await app[Symbol.asyncDispose]();

    expect(run.report.reason).toEqual({ kind: 'asked' });
  });

  it('reports an error that a transport tells while it drains', async () => {
    const { time } = serviceRig();
    const statuses = new Subject<{ kind: 'error'; error: unknown } | { kind: 'closed' }>();
    const { transport } = serviceRig();
    const flushFails = {
      name: 'flush fails',
      status$: statuses,
      drain: () => {
        statuses.next({ kind: 'error', error: boom });
        statuses.next({ kind: 'closed' });
        return transport.drain();
      },
    };
    const app = service({ pipelines: { a: EMPTY }, transports: [flushFails] }, { scheduler: time });

    const run = follow(app);
    await time.advanceBy(0);

    expect(run.report).toMatchObject({ ok: false, transports: [{ errors: [boom], report: { received: 0 } }] });
    expect(statuses.observed).toBe(false);
  });
});
