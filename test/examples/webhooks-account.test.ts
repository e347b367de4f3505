import {
  consume,
  createEvent,
  type Delivery,
  type Event,
  eventKey,
  fatal,
  HandlerTimeoutError,
  type Outcome,
  redrive,
  redriveCount,
} from 'millrace';
import {
  consumerInfo,
  deleteMessage,
  ensureConsumer,
  ensureStream,
  type MemoryBroker,
  memoryBroker,
  memoryTransport,
  purgeStream,
  streamInfo,
} from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import { concat, filter, lastValueFrom, type MonoTypeOperatorFunction, type Observable, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Account, type OpenAccount, openAccount } from '../../docs/examples/webhooks/account.ts';
import type { Backlog } from '../../docs/examples/webhooks/broker.ts';
import { problemsOf } from '../../docs/examples/webhooks/verdict.ts';

const COUNT = 10;
const POISONED = 4;
/** The event that something happens to: the last one, so that it is out of nobody's order. */
const VICTIM = 9;
/** The event whose handler hangs, where a test has it time out: the last one of the other lane. */
const HUNG = 8;

const events: readonly Event[] = Array.from({ length: COUNT }, (_, number) =>
  createEvent({
    type: 'github.push',
    source: '/test',
    id: String(number),
    sequence: String(number),
    partitionkey: number % 2 === 0 ? 'even' : 'odd',
  }),
);

/** What goes wrong in a world; by default nothing does. */
interface Sabotage {
  /** Between the broker and the pipeline. */
  readonly deliveries?: MonoTypeOperatorFunction<Delivery>;
  /** Between the pipeline and the account. */
  readonly outcomes?: MonoTypeOperatorFunction<Outcome>;
  /** In place of telling the account that the work is done. */
  readonly work?: (delivery: Delivery, account: OpenAccount) => void;
  /** When all is published, and nothing is delivered yet. */
  readonly published?: (broker: MemoryBroker) => Observable<unknown>;
  /** When the dead letters are stored, and before they are sent back. */
  readonly handled?: (broker: MemoryBroker) => Observable<unknown>;
}

const pass = <T>(source: Observable<T>): Observable<T> => source;

/** Ten events, each published twice, one of them poisoned until it is sent back. */
async function runWith(sabotage: Sabotage): Promise<{ account: Account; problems: string[] }> {
  const time = virtualTime();
  const broker = memoryBroker({ scheduler: time });
  const transport = memoryTransport(broker);
  const account = openAccount((delivery) => numberOf(delivery) === HUNG);
  await lastValueFrom(
    concat(
      ensureStream(broker, { name: 'WORK', subjects: ['github.>'], retention: 'workqueue' }),
      ensureConsumer(broker, { stream: 'WORK', name: 'worker' }),
      ensureStream(broker, { name: 'DEAD', subjects: ['dead.>'], retention: 'workqueue' }),
      ensureConsumer(broker, { stream: 'DEAD', name: 'redrive' }),
    ),
  );

  for (const messageId of [eventKey, (event: Event) => `again ${eventKey(event)}`]) {
    const receipts = await lastValueFrom(transport.publish(events, { messageId }).pipe(toArray()));
    for (const [index, receipt] of receipts.entries()) account.published(events[index]!, receipt);
  }
  if (sabotage.published !== undefined) await lastValueFrom(sabotage.published(broker));

  const work = sabotage.work ?? ((delivery) => account.worked(delivery));
  const handler = (delivery: Delivery): void => {
    if (numberOf(delivery) === POISONED && redriveCount(delivery.headers) === 0) throw fatal('poisoned');
    work(delivery, account);
  };
  transport
    .subscribe({ stream: 'WORK', consumer: 'worker' })
    .pipe(
      sabotage.deliveries ?? pass,
      consume(handler, { scheduler: time, deadLetter: { publisher: transport, to: 'dead.push' } }),
      sabotage.outcomes ?? pass,
    )
    .subscribe(account.became);
  await time.advanceBy(1_000);
  if (sabotage.handled !== undefined) await lastValueFrom(sabotage.handled(broker));

  redrive(transport, { from: { stream: 'DEAD', consumer: 'redrive' }, scheduler: time }).subscribe(account.sentBack);
  await time.advanceBy(1_000);

  const draining = lastValueFrom(transport.drain());
  await time.flush();
  const closed = account.close({
    work: await backlogOf(broker, 'WORK', 'worker'),
    dead: await backlogOf(broker, 'DEAD', 'redrive'),
    drain: await draining,
  });
  return { account: closed, problems: problemsOf(closed, { complete: true }) };
}

async function backlogOf(broker: MemoryBroker, stream: string, consumer: string): Promise<Backlog> {
  const { messages } = await lastValueFrom(streamInfo(broker, stream));
  return { messages, ...(await lastValueFrom(consumerInfo(broker, stream, consumer))) };
}

function numberOf({ event }: Delivery): number {
  return Number(event.id);
}

/** Takes the first delivery of the victim out of the stream by `settle`, and nobody else ever sees it. */
function withhold(settle: (delivery: Delivery) => void): MonoTypeOperatorFunction<Delivery> {
  let done = false;
  return filter((delivery) => {
    if (done || numberOf(delivery) !== VICTIM) return true;
    done = true;
    settle(delivery);
    return false;
  });
}

describe('the account of docs/examples/webhooks', () => {
  it('adds up when nothing goes wrong', async () => {
    const { account, problems } = await runWith({});

    expect(problems).toEqual([]);
    expect(account).toMatchObject({ published: 20, handled: 9, duplicates: 10, deadLettered: 1, redriven: 1, lost: 0 });
  });

  it('sees an event as lost that was acked, though nobody did its work', async () => {
    const { account, problems } = await runWith({
      work: (delivery, open) => numberOf(delivery) === VICTIM || open.worked(delivery),
    });

    expect(account.lost).toBe(1);
    expect(problems).toEqual(['lost events: 1', 'work done = handled + redriven does not hold: 9 ≠ 9 + 1']);
  });

  it('sees an event as lost that was acked on its way to the handler, both times', async () => {
    const { account, problems } = await runWith({
      deliveries: filter((delivery) => numberOf(delivery) !== VICTIM || !delivery.ack()),
    });

    expect(account.lost).toBe(1);
    expect(problems).toEqual(expect.arrayContaining(['lost events: 1', expect.stringContaining('published = ')]));
  });

  it('sees that a copy was acked on its way to the handler, though the other one was handled', async () => {
    const { account, problems } = await runWith({ deliveries: withhold((delivery) => delivery.ack()) });

    expect(account.lost).toBe(0);
    expect(problems).toEqual([
      expect.stringContaining('published = '),
      expect.stringContaining("the broker's acks = "),
    ]);
  });

  it('sees what was given up without a dead letter', async () => {
    const { problems } = await runWith({ deliveries: withhold((delivery) => delivery.term()) });

    expect(problems).toContain('given up at the broker = dead letters does not hold: 2 ≠ 1 + 0');
  });

  it('sees what was taken and never settled', async () => {
    const { problems } = await runWith({ deliveries: withhold(() => undefined) });

    expect(problems).toContain('left in the streams: 1');
  });

  it('sees an event as lost whose messages vanish from the stream', async () => {
    const { account } = await runWith({
      published: (broker) =>
        concat(deleteMessage(broker, 'WORK', VICTIM + 1), deleteMessage(broker, 'WORK', VICTIM + 1 + COUNT)),
    });

    expect(account.lost).toBe(1);
  });

  it('sees an event as lost whose dead letter vanishes', async () => {
    const { account, problems } = await runWith({ handled: (broker) => purgeStream(broker, 'DEAD') });

    expect(account.lost).toBe(1);
    expect(problems).toContain('dead letters = sent back + left does not hold: 1 ≠ 0 + 0');
  });

  it('sees that an outcome is missing', async () => {
    const { problems } = await runWith({ outcomes: filter(({ delivery }) => numberOf(delivery) !== VICTIM) });

    expect(problems).toContain(
      'published = handled + duplicates + deadLettered (+ still in the stream) does not hold: 20 ≠ 8 + 9 + 1 + 0',
    );
  });

  it('sees that work was done twice', async () => {
    const { account, problems } = await runWith({
      work(delivery, open) {
        open.worked(delivery);
        if (numberOf(delivery) === VICTIM) open.worked(delivery);
      },
    });

    expect(account.handledTwice).toBe(1);
    expect(problems).toContain('events handled twice: 1');
  });

  it('sees that a lane is out of order', async () => {
    const late: Delivery[] = [];
    const { problems } = await runWith({
      work(delivery, open) {
        if (numberOf(delivery) === 3) late.push(delivery);
        else open.worked(delivery);
        if (numberOf(delivery) === 9) for (const one of late) open.worked(one);
      },
    });

    expect(problems).toEqual(['events out of order: 1']);
  });

  it('counts a handler’s own error apart from a delivery that went back unseen', async () => {
    let failed = false;
    const { account, problems } = await runWith({
      work(delivery, open) {
        if (numberOf(delivery) === VICTIM && !failed) {
          failed = true;
          throw new Error('once');
        }
        open.worked(delivery);
      },
    });

    expect(account.failures).toMatchObject({ other: 1, fatal: 1 });
    expect(problems).toEqual([]);
  });

  it('counts what was made to hang apart from what a busy machine did not run in time', async () => {
    const failed = new Set<number>();
    const { account, problems } = await runWith({
      work(delivery, open) {
        const number = numberOf(delivery);
        if ((number === HUNG || number === VICTIM) && !failed.has(number)) {
          failed.add(number);
          throw new HandlerTimeoutError(400);
        }
        open.worked(delivery);
      },
    });

    expect(account.failures).toMatchObject({ timedOut: 1, slow: 1, fatal: 1 });
    expect(problems).toEqual([]);
  });
});
