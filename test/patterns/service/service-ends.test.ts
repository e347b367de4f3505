import { service } from 'millrace';
import { EMPTY, NEVER, type Observable, Subject, tap, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { follow, reportsOf, serviceRig } from './rig.ts';

const boom = new Error('boom');

describe('service, when a pipeline ends on its own', () => {
  it('stops when one fails, with the error in the report', async () => {
    const { time, transport, pipeline, publish } = serviceRig();
    publish('a');
    const failing = new Subject<void>();
    const app = service(
      { pipelines: { billing: pipeline(() => timer(50, time)), failing }, transports: [transport] },
      { scheduler: time },
    );
    const run = follow(app);
    await time.advanceBy(0);

    failing.error(boom);
    await time.advanceBy(100);

    expect(run.words).toEqual([
      'started',
      'pipelineFailed failing',
      'draining',
      'pipelineCompleted billing',
      'drained millrace',
      'done',
    ]);
    expect(run.report).toMatchObject({
      ok: false,
      reason: { kind: 'pipelineFailed', pipeline: 'failing', error: boom },
      pipelines: [
        { name: 'billing', end: 'completed' },
        { name: 'failing', end: 'failed', error: boom },
      ],
      total: { received: 1, acked: 1 },
    });
  });

  it.each<[string, Observable<unknown> | (() => Observable<unknown>)]>([
    ['fails as it is subscribed', throwError(() => boom)],
    [
      'cannot be made',
      () => {
        throw boom;
      },
    ],
  ])('starts no further one when one %s', async (_, failing) => {
    const { time } = serviceRig();
    const started: string[] = [];
    const started$ = (name: string) =>
      NEVER.pipe(tap({ subscribe: () => started.push(name), unsubscribe: () => started.push(`no ${name}`) }));
    const app = service(
      { pipelines: { first: started$('first'), failing, last: started$('last') } },
      { scheduler: time, grace: 10 },
    );

    const run = follow(app);
    await time.advanceBy(10);

    expect(started).toEqual(['first', 'no first']);
    expect(run.words).toEqual(['pipelineFailed failing', 'draining', 'done']);
    expect(run.report.pipelines).toEqual([
      { name: 'first', end: 'cut' },
      { name: 'failing', end: 'failed', error: boom },
      { name: 'last', end: 'notStarted' },
    ]);
  });

  it.each([
    ['anyFails', 'second'],
    ['anyEnds', 'first'],
    ['allEnd', 'third'],
  ] as const)('with stopWhen %s stops at the %s end', async (stopWhen, at) => {
    const { time } = serviceRig();
    const ends = { first: new Subject<void>(), second: new Subject<void>(), third: new Subject<void>() };
    const app = service({ pipelines: ends }, { stopWhen, scheduler: time });
    const run = follow(app);

    ends.first.complete();
    const afterFirst = run.words.includes('draining');
    ends.second.error(boom);
    const afterSecond = run.words.includes('draining');
    ends.third.complete();
    await time.advanceBy(0);

    expect([afterFirst, afterSecond, run.words.includes('draining')]).toEqual([at === 'first', at !== 'third', true]);
    expect(run.report.reason).toMatchObject({ pipeline: at });
    expect(run.report.ok).toBe(false);
  });

  it('is done well when the last one has completed', async () => {
    const { time, transport } = serviceRig();
    const app = service({ pipelines: { a: EMPTY, b: timer(10, time) }, transports: [transport] }, { scheduler: time });

    const run = follow(app);
    await time.advanceBy(10);

    expect(run.report).toMatchObject({ ok: true, reason: { kind: 'pipelineCompleted', pipeline: 'b' }, elapsedMs: 0 });
  });

  it('keeps what fails while it stops in the report', async () => {
    const { time } = serviceRig();
    const late = () =>
      NEVER.pipe(
        tap({
          unsubscribe: () => {
            throw boom;
          },
        }),
      );
    const app = service({ pipelines: { late, other: NEVER } }, { scheduler: time, grace: 10 });
    const run = follow(app);
    reportsOf(app.drain());
    await time.advanceBy(10);

    expect(run.report.pipelines).toMatchObject([
      { name: 'late', end: 'cut' },
      { name: 'other', end: 'cut' },
    ]);
    expect(run.report.pipelines[0]?.error).toMatchObject({ errors: [boom] });
  });
});
