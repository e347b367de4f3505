import { constant, consume, createEvent, type Delivery, type Handler, type ServiceReport, service } from 'millrace';
import { ensureConsumer, ensureStream, type MemoryTransport, memoryBroker, memoryTransport } from 'millrace/memory';
import { seededRandom, virtualTime } from 'millrace/testing';
import { concatMap, EMPTY, firstValueFrom, from, mergeMap, NEVER, type Observable, tap, timer } from 'rxjs';
import { expect, it } from 'vitest';

const DRAINS = 200;
const EVENTS = 60;

/** What became of a stream of events of which one service handled some, and after its drain another one the rest. */
interface Outcome {
  readonly report: ServiceReport;
  /** How often each was handled, to its end. */
  readonly effects: ReadonlyMap<string, number>;
  /** How many effects there were when the first service had stopped, and what the consumer then still had. */
  readonly before: { readonly effects: number; readonly left: number; readonly published: number };
}

/** Drains a service at a time of the seed's choice, while events come, and lets another one do what is left. */
async function drainUnderLoad(seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  const time = virtualTime();
  const broker = memoryBroker({ scheduler: time });
  const [publisher, first, second] = ['publisher', 'first', 'second'].map((name) => memoryTransport(broker, { name }));
  await firstValueFrom(ensureStream(broker, { name: 'JOBS', subjects: ['job'] }));
  await firstValueFrom(ensureConsumer(broker, { stream: 'JOBS', name: 'worker', ackWait: 30_000 }));
  const effects = new Map<string, number>();
  const ordered = random() < 0.5;
  const slowest = upTo(120);
  let published = 0;

  /** Does its work after a while; now and then it fails instead, or in the first service never ends. */
  const handler =
    (patient: boolean) =>
    ({ event, attempt }: Delivery): Observable<unknown> => {
      const chance = random();
      if (attempt < 3 && chance < 0.05)
        return timer(upTo(slowest), time).pipe(
          mergeMap(() => {
            throw new Error('no');
          }),
        );
      if (!patient && chance < 0.08) return NEVER;
      return timer(upTo(slowest), time).pipe(tap(() => effects.set(event.id, (effects.get(event.id) ?? 0) + 1)));
    };
  const pipeline = (transport: MemoryTransport | undefined, work: Handler<unknown, unknown>) =>
    (transport as MemoryTransport).subscribe({ stream: 'JOBS', consumer: 'worker', prefetch: 1 + upTo(40) }).pipe(
      consume(work, {
        concurrency: 1 + upTo(7),
        ...(ordered ? { orderBy: (delivery: Delivery) => delivery.event.subject } : {}),
        backoff: constant(50),
        dedupe: false,
        scheduler: time,
      }),
    );
  const ids = Array.from({ length: EVENTS }, (_, index) => String(index));
  from(ids)
    .pipe(
      concatMap((id) =>
        timer(upTo(20), time).pipe(
          mergeMap(() => publisher?.publish(createEvent({ id, type: 'job', subject: `k${upTo(5)}` })) ?? EMPTY),
        ),
      ),
      tap(() => {
        published += 1;
      }),
    )
    .subscribe();

  const look = () => {
    const info = broker.stream('JOBS').consumers.get('worker')?.info();
    before.left = (info?.pending ?? 0) + (info?.unsettled ?? 0) + (info?.redelivering ?? 0);
    before.effects = effects.size;
    before.published = published;
  };
  const app = service(
    { pipelines: { jobs: pipeline(first, handler(false)) }, transports: first === undefined ? [] : [first] },
    { scheduler: time },
  );
  app.run().subscribe();
  await time.advanceBy(upTo(EVENTS * 12));
  const before = { effects: 0, left: 0, published: 0 };
  const draining = firstValueFrom(app.drain({ grace: upTo(200) }).pipe(tap(look)));
  await time.advanceBy(250);
  const report = await draining;

  pipeline(second, handler(true)).subscribe();
  await time.advanceBy(20_000);
  return { report, effects, before };
}

it(`service drains under load ${DRAINS} times: the sums match, nothing is lost and nothing is handled twice`, {
  timeout: 60_000,
}, async () => {
  const seen = { acked: 0, naked: 0, returned: 0, abandoned: 0 };
  for (let seed = 0; seed < DRAINS; seed += 1) {
    const { report, effects, before } = await drainUnderLoad(seed);
    const { received, acked, naked, termed, returned, expired, abandoned, late } = report.total;

    expect({ seed, received }).toEqual({ seed, received: acked + naked + termed + returned + expired + abandoned });
    expect({ seed, acked, termed, expired, late }).toEqual({
      seed,
      acked: before.effects,
      termed: 0,
      expired: 0,
      late: 0,
    });
    expect({ seed, published: before.published }).toEqual({ seed, published: acked + before.left });
    expect({ seed, handled: effects.size }).toEqual({ seed, handled: EVENTS });
    expect([...effects].filter(([, times]) => times !== 1)).toEqual([]);
    expect(report.ok).toBe(abandoned === 0);
    for (const kind of Object.keys(seen) as (keyof typeof seen)[]) seen[kind] += report.total[kind];
  }
  // The seeds have led to each of the ways in which a delivery can end.
  expect(
    Object.values(seen).every((count) => count > DRAINS / 4),
    JSON.stringify(seen),
  ).toBe(true);
});
