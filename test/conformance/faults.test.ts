import {
  constant,
  createEvent,
  type Delivery,
  deadLetter,
  dedupe,
  type HandleOptions,
  type Handler,
  handle,
  maxAttempts,
  memoryDedupeStore,
  type Outcome,
  redeliver,
  settle,
} from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import {
  type CheckOptions,
  type FaultOptions,
  faults,
  formatHistory,
  type HandlerFaultOptions,
  type History,
  type HistoryReport,
  history,
  seededRandom,
  virtualTime,
} from 'millrace/testing';
import { filter, firstValueFrom, type MonoTypeOperatorFunction, map, type OperatorFunction, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';

/** More of them: `SEEDS=1000 npx vitest run test/conformance/faults.test.ts`. */
const SEEDS = Array.from({ length: Number(process.env['SEEDS'] ?? 8) }, (_, seed) => seed);
const EVENTS = 120;
const LEASE = 500;

interface Scenario {
  readonly faults?: FaultOptions;
  readonly handler?: HandlerFaultOptions;
  readonly handle?: HandleOptions;
  readonly dedupe?: boolean;
  readonly prefetch?: number;
  /** A bug: stands between the handler and the settlement. */
  readonly outcomes?: MonoTypeOperatorFunction<Outcome>;
  /** A bug: stands before the handler. */
  readonly deliveries?: MonoTypeOperatorFunction<Delivery>;
}

/** Runs a pipeline on the embedded broker, with faults, until all is quiet. */
async function run(
  seed: number,
  scenario: Scenario,
): Promise<{ record: History; log: ReturnType<typeof faults>['log'] }> {
  const time = virtualTime();
  const broker = memoryBroker({ scheduler: time });
  const transport = memoryTransport(broker);
  const record = history({ scheduler: time });
  const injector = faults(seed, { ...scenario.faults, scheduler: time });
  const random = seededRandom(seed);
  const store = memoryDedupeStore({ scheduler: time });
  const same = <T>(): OperatorFunction<T, T> => map((value) => value);
  await firstValueFrom(ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }));
  await firstValueFrom(ensureStream(broker, { name: 'DLQ', subjects: ['dlq'] }));
  await firstValueFrom(ensureConsumer(broker, { stream: 'SHOP', name: 'billing', ackWait: LEASE }));

  const work: Handler = async ({ event }) => {
    if (event.id.endsWith('7')) throw new Error('poison');
    await firstValueFrom(timer(Math.ceil(random() * 40), time));
  };
  const clock = { scheduler: time };
  const pipeline = (deliveries: typeof injector.deliveries) =>
    transport.subscribe({ stream: 'SHOP', consumer: 'billing', prefetch: scenario.prefetch ?? 20 }).pipe(
      record.deliveries(),
      deliveries(),
      scenario.deliveries ?? same(),
      scenario.dedupe === true ? dedupe(store, clock) : same(),
      handle(record.handler(injector.handler(work, scenario.handler ?? {})), {
        concurrency: 8,
        timeout: 5_000,
        ...scenario.handle,
        ...clock,
      }),
      redeliver(maxAttempts(constant(50), 8), clock),
      deadLetter(record.deadLetters(transport), { to: 'dlq', ...clock }),
      scenario.outcomes ?? same(),
      settle(clock),
      record.outcomes(),
    );

  injector.crash(pipeline).subscribe();
  const publisher = record.publisher(transport);
  for (let index = 0; index < EVENTS; index++) {
    const event = createEvent(
      { type: 'shop.order', id: String(index), source: '/shop', subject: `customer-${index % 7}` },
      clock,
    );
    publisher.publish(event).subscribe();
    await time.advanceBy(5);
  }
  await time.advanceBy(20_000);
  return { record, log: injector.log };
}

/** Every seed's report; the first that is not ok is what fails the test. */
async function checkSeeds(scenario: Scenario, options: CheckOptions = {}): Promise<readonly HistoryReport[]> {
  const reports: HistoryReport[] = [];
  for (const seed of SEEDS) {
    const { record } = await run(seed, scenario);
    const report = record.check(options);
    expect(report.ok, `seed ${seed}: ${formatHistory(report)}`).toBe(true);
    expect(report.published).toBe(EVENTS);
    reports.push(report);
  }
  return reports;
}

const orderBy = ({ event }: Delivery) => event.subject;

describe('a pipeline under faults', () => {
  it('loses nothing, and does nothing twice, without any', async () => {
    await checkSeeds({ handle: { orderBy }, prefetch: EVENTS }, { orderBy });
  });

  it('loses nothing when the transport misbehaves and the consumer crashes, and handles again only what it must', async () => {
    const reports = await checkSeeds(
      {
        faults: {
          drop: 0.03,
          duplicate: 0.03,
          settle: 0.03,
          delay: { probability: 0.05, max: 300 },
          reorder: { probability: 0.1 },
          crash: { times: 3, uptime: 400, pause: 200 },
        },
        handler: { throws: 0.1, rejects: 0.03, delay: { probability: 0.05, max: 700 } },
      },
      { allow: ['duplicated', 'settledLate'] },
    );

    const duplicated = reports.reduce((sum, report) => sum + report.duplicated.length, 0);
    expect(duplicated).toBeGreaterThan(0);
    expect(duplicated).toBeLessThan(SEEDS.length * EVENTS * 0.2);
  });

  it('handles nothing twice where dedupe remembers what the broker was never told', async () => {
    await checkSeeds({
      dedupe: true,
      faults: { settle: 0.1, delay: { probability: 0.1, max: 300 }, reorder: { probability: 0.1 } },
      handler: { throws: 0.1 },
    });
  });

  it('keeps the order of each key, whatever its handlers do and whatever becomes of the acks', async () => {
    await checkSeeds(
      {
        handle: { orderBy },
        prefetch: EVENTS,
        faults: { settle: 0.05 },
        handler: { throws: 0.15, delay: { probability: 0.3, max: 200 } },
      },
      { orderBy, allow: ['duplicated'] },
    );
  });

  it('keeps order and handles nothing twice when deliveries come twice', async () => {
    const scenario = { faults: { duplicate: 0.05 }, handler: { throws: 0.1 }, prefetch: EVENTS };

    await checkSeeds({ ...scenario, dedupe: true });
    await checkSeeds({ ...scenario, handle: { orderBy } }, { orderBy });
  });

  it('sends nothing to and fro while an ordering key waits for its retry', async () => {
    const reports = await checkSeeds({ handle: { orderBy }, prefetch: 20 }, { orderBy });

    for (const { received } of reports) expect(received).toBeLessThan(EVENTS * 5);
  });

  it('repeats itself for a seed', async () => {
    const scenario: Scenario = {
      faults: { drop: 0.05, duplicate: 0.05, reorder: { probability: 0.1 }, crash: { times: 2, uptime: 300 } },
      handler: { throws: 0.2 },
    };
    const tell = ({ entries }: History) => entries.map(({ kind, at, event }) => `${kind} ${event.id} at ${at}`);

    const [first, second, other] = [await run(11, scenario), await run(11, scenario), await run(12, scenario)];

    expect(tell(second.record)).toEqual(tell(first.record));
    expect(second.log).toEqual(first.log);
    expect(tell(other.record)).not.toEqual(tell(first.record));
  });
});

describe('a broken pipeline under faults', () => {
  const handlerFaults = { throws: 0.2 };
  const mapOutcome = (change: (outcome: Outcome) => Outcome) => map(change);

  it.each<[string, keyof HistoryReport, Scenario]>([
    [
      'acks what failed',
      'lost',
      {
        outcomes: mapOutcome((outcome) =>
          outcome.kind === 'retry' ? { ...outcome, kind: 'succeeded', value: undefined } : outcome,
        ),
      },
    ],
    [
      'gives up what failed',
      'lost',
      {
        outcomes: mapOutcome((outcome) => {
          if (outcome.kind === 'retry') outcome.delivery.term();
          return outcome;
        }),
      },
    ],
    [
      'hands back what succeeded',
      'duplicated',
      {
        outcomes: mapOutcome((outcome) =>
          outcome.kind === 'succeeded' && outcome.delivery.attempt < 2
            ? { ...outcome, kind: 'retry', error: 'why', delay: 1 }
            : outcome,
        ),
      },
    ],
    [
      'settles before it is done, and then again',
      'lost',
      { deliveries: map((delivery) => (delivery.ack() ? delivery : delivery)) },
    ],
    [
      'leaves a delivery behind',
      'neverSettled',
      { outcomes: (source) => source.pipe(filter(({ delivery }) => delivery.event.id !== '5')) },
    ],
    ['does not keep its order', 'orderViolations', { handle: { concurrency: 8 } }],
  ])('that %s is found out', async (_, anomaly, scenario) => {
    const { record } = await run(1, { ...scenario, handler: handlerFaults });

    const report = record.check({ orderBy });

    expect(report[anomaly], formatHistory(report)).not.toEqual([]);
  });
});
