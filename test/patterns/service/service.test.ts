import { createEvent, NotClosedError, service } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import {
  bufferTime,
  defer,
  EMPTY,
  filter,
  interval,
  mergeMap,
  NEVER,
  Subject,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { follow, reportsOf, serviceRig } from './rig.ts';

describe('service', () => {
  it('does nothing until it is run', async () => {
    const { time, pipeline, publish, left } = serviceRig();
    publish('a');

    service({ pipelines: { billing: pipeline(() => undefined) } }, { scheduler: time });
    await time.advanceBy(1_000);

    expect(left().pending).toBe(1);
  });

  it('runs its pipelines, and says what happens until all is closed', async () => {
    const { time, transport, pipeline, publish } = serviceRig();
    const stop = new Subject<string>();
    const handled: string[] = [];
    const app = service(
      {
        pipelines: { billing: pipeline(({ event }) => timer(100, time).pipe(tap(() => handled.push(event.id)))) },
        transports: [transport],
        resources: { connection: { close: () => timer(30, time) }, pool: { close: () => timer(20, time) } },
      },
      { stopOn: stop, scheduler: time },
    );
    publish('a', 'b', 'c', 'd', 'e');

    const run = follow(app);
    await time.advanceBy(150);
    stop.next('SIGTERM');
    await time.advanceBy(49);
    expect(handled).toEqual(['1', '2']);
    expect(run.words).toEqual(['started', 'draining']);
    await time.advanceBy(1_000);

    expect(handled).toEqual(['1', '2', '3', '4']);
    expect(run.words.slice(2)).toEqual([
      'pipelineCompleted billing',
      'drained millrace',
      'closing pool',
      'closed pool',
      'closing connection',
      'closed connection',
      'done',
    ]);
    const total = { received: 5, acked: 4, naked: 0, termed: 0, returned: 1, expired: 0, abandoned: 0, late: 0 };
    expect(run.report).toEqual({
      ok: true,
      reason: { kind: 'stopOn', value: 'SIGTERM' },
      forced: false,
      pipelines: [{ name: 'billing', end: 'completed' }],
      transports: [{ name: 'millrace', report: { ...total, elapsedMs: 50 }, errors: [], elapsedMs: 50 }],
      total,
      resources: [
        { name: 'pool', ok: true, elapsedMs: 20 },
        { name: 'connection', ok: true, elapsedMs: 30 },
      ],
      elapsedMs: 100,
    });
    expect(time.pending).toBe(0);
  });

  it('gives what was not started to others at once', async () => {
    const { time, broker, transport, pipeline, publish, left } = serviceRig();
    publish('a', 'b', 'c', 'd', 'e', 'f');
    const app = service(
      { pipelines: { billing: pipeline(() => timer(10_000, time)) }, transports: [transport] },
      { scheduler: time },
    );
    follow(app);
    await time.advanceBy(10);
    expect(left()).toEqual({ pending: 0, unsettled: 6, redelivering: 0 });

    reportsOf(app.drain());
    const others: string[] = [];
    pipeline(({ event }) => others.push(event.id), memoryTransport(broker)).subscribe();
    await time.advanceBy(1);

    expect(others).toEqual(['3', '4', '5', '6']);
  });

  it('aborts and hands back what runs when grace is over, and unsubscribes it', async () => {
    const { time, transport, pipeline, publish, left } = serviceRig();
    publish('a', 'b', 'c');
    const torn: string[] = [];
    const app = service(
      {
        pipelines: {
          billing: pipeline(({ event, signal }) => {
            signal.addEventListener('abort', () => torn.push(`aborted ${event.id}`));
            return NEVER.pipe(tap({ unsubscribe: () => torn.push(`unsubscribed ${event.id}`) }));
          }),
        },
        transports: [transport],
      },
      { grace: 500, scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(0);
    reportsOf(app.drain());
    await time.advanceBy(499);
    expect(torn).toEqual([]);
    await time.advanceBy(1);

    expect(torn).toEqual(['aborted 1', 'aborted 2', 'unsubscribed 1', 'unsubscribed 2']);
    expect(run.report).toMatchObject({
      ok: false,
      reason: { kind: 'asked' },
      forced: false,
      pipelines: [{ name: 'billing', end: 'cut' }],
      total: { received: 3, returned: 1, abandoned: 2 },
      elapsedMs: 500,
    });
    expect(left()).toEqual({ pending: 0, unsettled: 0, redelivering: 3 });
    expect(time.pending).toBe(0);
  });

  it('keeps every transport open until the last handler of any of them is done', async () => {
    const { time, broker, transport, pipeline, publish, dead } = serviceRig();
    const other = memoryTransport(broker, { name: 'other' });
    publish('a');
    const event = createEvent({ type: 'shop.dlq', source: '/test', id: 'sent' });
    const handler = () => timer(200, time).pipe(mergeMap(() => other.publish(event)));
    const app = service(
      { pipelines: { billing: pipeline(handler) }, transports: [other, transport] },
      { scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(0);

    reportsOf(app.drain());
    await time.advanceBy(300);

    expect(dead()).toEqual(['sent']);
    expect(run.report.ok).toBe(true);
    expect(run.report.transports.map(({ name }) => name).sort()).toEqual(['millrace', 'other']);
    expect(run.report.elapsedMs).toBe(200);
  });

  it('waits for a pipeline that has more to do when its deliveries are settled', async () => {
    const { time, broker, transport, pipeline, publish, dead } = serviceRig();
    const other = memoryTransport(broker, { name: 'other' });
    publish('a', 'b');
    const summary = (ids: readonly unknown[]) =>
      other.publish(createEvent({ type: 'shop.dlq', source: '/test', id: `sum of ${ids.length}` }));
    const billing = pipeline(() => 'done').pipe(
      bufferTime(60_000, null, 100, time),
      filter((outcomes) => outcomes.length > 0),
      mergeMap((outcomes) => timer(50, time).pipe(mergeMap(() => summary(outcomes)))),
    );
    const app = service({ pipelines: { billing }, transports: [transport, other] }, { scheduler: time });
    const run = follow(app);
    await time.advanceBy(10);

    reportsOf(app.drain());
    await time.advanceBy(60);

    expect(dead()).toEqual(['sum of 2']);
    expect(run.report).toMatchObject({ ok: true, elapsedMs: 50 });
  });

  it('tells a pipeline that has no end when to end itself, after the transports have stopped', async () => {
    const { time, transport, pipeline, publish } = serviceRig();
    const ticks: number[] = [];
    const seen: string[] = [];
    publish('a');
    const app = service(
      {
        pipelines: {
          billing: pipeline(({ subscription }) => {
            subscription.draining.addEventListener('abort', () => seen.push('transport'));
            return timer(100, time);
          }),
          ticks: (draining) =>
            interval(10, time).pipe(
              tap((tick) => ticks.push(tick)),
              takeUntil(draining.pipe(tap(() => seen.push('ticks')))),
            ),
        },
        transports: [transport],
      },
      { scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(35);

    reportsOf(app.drain());
    await time.advanceBy(100);

    expect(ticks).toEqual([0, 1, 2]);
    expect(seen).toEqual(['transport', 'ticks']);
    expect(run.words.slice(0, 4)).toEqual([
      'started',
      'draining',
      'pipelineCompleted ticks',
      'pipelineCompleted billing',
    ]);
    expect(run.report.ok).toBe(true);
  });

  it('does not hang on what hangs, leaves no step out, and reports every error', async () => {
    const { time, transport, pipeline } = serviceRig();
    const closed: string[] = [];
    const app = service(
      {
        pipelines: { billing: pipeline(() => undefined) },
        transports: [
          { name: 'hangs', drain: () => NEVER },
          {
            name: 'throws',
            drain: () => {
              throw new Error('no drain');
            },
          },
          { name: 'fails', drain: () => throwError(() => new Error('failed drain')) },
          { name: 'says nothing', drain: () => EMPTY },
          transport,
        ],
        resources: {
          first: { close: () => closed.push('first') },
          hangs: { close: () => new Promise(() => undefined) },
          throws: {
            close: () => {
              throw new Error('no close');
            },
          },
          rejects: { close: () => Promise.reject(new Error('failed close')) },
          rejectsWithNothing: { close: () => Promise.reject(undefined) },
          observable: { close: () => defer(() => timer(5, time).pipe(tap(() => closed.push('observable')))) },
          disposable: {
            close: () => closed.push('not this one'),
            [Symbol.asyncDispose]: async () => void closed.push('disposable'),
          },
        },
      },
      { grace: 100, closeTime: 1_000, scheduler: time },
    );
    const run = follow(app);
    reportsOf(app.drain());

    await time.advanceBy(2_105);

    const { report } = run;
    expect(report.ok).toBe(false);
    expect(report.elapsedMs).toBe(2_105);
    expect(report.transports.map(({ name }) => name)).toEqual(['throws', 'fails', 'says nothing', 'millrace', 'hangs']);
    expect(report.transports.map(({ errors }) => errors.map(String))).toEqual([
      ['Error: no drain'],
      ['Error: failed drain'],
      ['EmptyError: no elements in sequence'],
      [],
      [
        "NotClosedError: 'hangs' was not waited for until it was closed: it took more than 1000 ms longer than its handlers had",
      ],
    ]);
    expect(closed).toEqual(['disposable', 'observable', 'first']);
    expect(report.resources).toEqual([
      { name: 'disposable', ok: true, elapsedMs: 0 },
      { name: 'observable', ok: true, elapsedMs: 5 },
      { name: 'rejectsWithNothing', ok: false, error: undefined, elapsedMs: 0 },
      { name: 'rejects', ok: false, error: new Error('failed close'), elapsedMs: 0 },
      { name: 'throws', ok: false, error: new Error('no close'), elapsedMs: 0 },
      { name: 'hangs', ok: false, error: new NotClosedError('hangs', 'it took more than 1000 ms'), elapsedMs: 1_000 },
      { name: 'first', ok: true, elapsedMs: 0 },
    ]);
    expect(time.pending).toBe(0);
  });

  it('sums the deliveries of all transports', async () => {
    const { time, broker, transport, pipeline, publish } = serviceRig();
    const other = memoryTransport(broker, { name: 'other' });
    publish(...Array.from({ length: 9 }, () => 'a'));
    const app = service(
      {
        pipelines: {
          one: pipeline(() => timer(10, time), transport, 3),
          two: pipeline(() => NEVER, other, 4),
        },
        transports: [transport, other],
      },
      { scheduler: time, grace: 100 },
    );
    const run = follow(app);
    await time.advanceBy(5);
    reportsOf(app.drain());
    await time.advanceBy(200);

    const { total, transports } = run.report;
    expect(transports.map(({ name, report }) => [name, report?.received])).toEqual([
      ['millrace', 3],
      ['other', 4],
    ]);
    expect(total).toMatchObject({ received: 7, acked: 2, returned: 3, abandoned: 2 });
  });
});
