import { service } from 'millrace';
import { lastValueFrom, NEVER, Subject, take, tap, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { follow, reportsOf, serviceRig } from './rig.ts';

const boom = new Error('boom');

describe('service, when it is forced', () => {
  it('aborts, hands back and closes at once at the second signal', async () => {
    const { time, transport, pipeline, publish, left } = serviceRig();
    const signals = new Subject<string>();
    publish('a', 'b', 'c');
    const app = service(
      {
        pipelines: { billing: pipeline(() => new Promise(() => undefined)) },
        transports: [transport],
        resources: { pool: { close: () => timer(20, time) } },
      },
      { stopOn: signals, scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(0);
    signals.next('SIGTERM');
    await time.advanceBy(1_000);

    signals.next('SIGINT');
    await time.advanceBy(20);

    expect(run.words).toEqual([
      'started',
      'draining',
      'forced',
      'drained millrace',
      'closing pool',
      'closed pool',
      'done',
    ]);
    expect(run.report).toMatchObject({
      ok: false,
      forced: true,
      reason: { kind: 'stopOn', value: 'SIGTERM' },
      total: { received: 3, returned: 1, abandoned: 2 },
      elapsedMs: 1_020,
    });
    expect(left()).toEqual({ pending: 0, unsettled: 0, redelivering: 3 });
    expect([signals.observed, time.pending]).toEqual([false, 0]);
  });

  it('takes the first signal for no force where it stops already', async () => {
    const { time } = serviceRig();
    const signals = new Subject<string>();
    const app = service({ pipelines: { a: () => NEVER } }, { stopOn: signals, scheduler: time, grace: 1_000 });
    const run = follow(app);
    reportsOf(app.drain());
    await time.advanceBy(500);

    signals.next('SIGTERM');
    await time.advanceBy(499);
    expect(run.completed).toBe(false);
    await time.advanceBy(1);

    expect(run.report.forced).toBe(false);
  });

  it('gives up on the resource that is being closed, and goes on to the next', async () => {
    const { time } = serviceRig();
    const signals = new Subject<string>();
    const closed: string[] = [];
    const app = service(
      {
        pipelines: { a: () => NEVER },
        resources: {
          last: { close: () => timer(10, time).pipe(tap(() => closed.push('last'))) },
          hangs: { close: () => NEVER },
        },
      },
      { stopOn: signals, scheduler: time, grace: 0 },
    );
    const run = follow(app);
    signals.next('SIGTERM');
    await time.advanceBy(100);
    signals.next('SIGTERM');
    await time.advanceBy(10);

    expect(closed).toEqual(['last']);
    expect(run.report).toMatchObject({
      forced: true,
      resources: [
        { name: 'hangs', ok: false },
        { name: 'last', ok: true },
      ],
    });
    expect(run.report.elapsedMs).toBe(110);
  });

  it('stops by force when its last listener leaves, and undoes the pipelines at once', async () => {
    const { time, transport, pipeline, publish, left } = serviceRig();
    const torn: string[] = [];
    const closed: string[] = [];
    publish('a', 'b', 'c');
    const app = service(
      {
        pipelines: { billing: pipeline(({ event }) => NEVER.pipe(tap({ unsubscribe: () => torn.push(event.id) }))) },
        transports: [transport],
        resources: { pool: { close: () => timer(20, time).pipe(tap(() => closed.push('pool'))) } },
      },
      { stopOn: NEVER, scheduler: time },
    );
    const [first, second] = [follow(app), follow(app)];
    await time.advanceBy(0);
    expect(second.words).toEqual(first.words);

    first.leave();
    expect(torn).toEqual([]);
    second.leave();
    expect(torn).toEqual(['1', '2']);
    await time.advanceBy(20);

    expect(closed).toEqual(['pool']);
    expect(left()).toEqual({ pending: 0, unsettled: 0, redelivering: 3 });
    const afterwards = follow(app).report;
    expect(afterwards).toMatchObject({ ok: false, forced: true, reason: { kind: 'unsubscribed' }, elapsedMs: 20 });
    expect(afterwards.total.received).toBe(3);
    expect(time.pending).toBe(0);
  });

  it('does not start twice, and can be left as it starts', async () => {
    const { time } = serviceRig();
    let runs = 0;
    const app = service(
      {
        pipelines: {
          a: () => {
            runs += 1;
            return NEVER;
          },
        },
      },
      { scheduler: time, grace: 50 },
    );

    const started = await lastValueFrom(app.run().pipe(take(1)));
    await time.advanceBy(50);

    expect([started.kind, runs]).toEqual(['started', 1]);
    expect(follow(app).report).toMatchObject({ forced: true, reason: { kind: 'unsubscribed' } });
    expect(runs).toBe(1);
  });

  it('stops when what it is told to stop by fails', async () => {
    const { time } = serviceRig();
    const run = follow(
      service({ pipelines: { a: () => NEVER } }, { stopOn: throwError(() => boom), scheduler: time, grace: 0 }),
    );
    await time.advanceBy(0);

    expect(run.report).toMatchObject({ reason: { kind: 'stopOn', value: boom }, pipelines: [{ end: 'notStarted' }] });
  });
});
