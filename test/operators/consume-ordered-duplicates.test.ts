import { type ConsumeOptions, constant, consume, createEvent, type Handler, maxAttempts, type Outcome } from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

async function scenario(handler: Handler, options: ConsumeOptions, prefetch = 64) {
  const time = virtualTime();
  const broker = memoryBroker({ scheduler: time });
  const transport = memoryTransport(broker);
  await firstValueFrom(ensureStream(broker, { name: 'WORK', subjects: ['work'] }));
  await firstValueFrom(ensureStream(broker, { name: 'DEAD', subjects: ['dead'] }));
  await firstValueFrom(ensureConsumer(broker, { stream: 'WORK', name: 'worker' }));
  const outcomes: Outcome[] = [];
  const pipeline = consume(handler, {
    orderBy: () => 'one lane',
    deadLetter: { publisher: transport, to: 'dead' },
    scheduler: time,
    ...options,
  });
  transport
    .subscribe({ stream: 'WORK', consumer: 'worker', prefetch })
    .pipe(pipeline)
    .subscribe((outcome) => outcomes.push(outcome));
  const publish = (id: string) =>
    transport.publish(createEvent({ type: 'work', source: '/s', id }), { messageId: false }).subscribe();
  return { time, outcomes, publish };
}

function tell(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map(({ kind, delivery }) => `${kind} ${delivery.event.id} at ${delivery.position?.sequence}`);
}

describe('consume, with order and duplicates', () => {
  it('lets a retry go before the duplicate that came while it was away', async () => {
    let failures = 1;
    const failOnce: Handler = ({ event }) => {
      if (event.id === 'a' && failures-- > 0) throw new Error('once');
    };
    const { time, outcomes, publish } = await scenario(failOnce, { backoff: constant(50) });

    publish('a');
    await time.advanceBy(10);
    publish('b');
    publish('a');
    await time.advanceBy(100);

    expect(tell(outcomes)).toEqual(['retry a at 1', 'succeeded a at 1', 'succeeded b at 2', 'skipped a at 3']);
  });

  it('counts no attempt for what goes back only because there is no room behind a retry', async () => {
    const runs = new Map<string, number>();
    const failFirst: Handler = async ({ event }) => {
      const run = (runs.get(event.id) ?? 0) + 1;
      runs.set(event.id, run);
      if (run === 1) throw new Error('once');
    };
    const { time, outcomes, publish } = await scenario(failFirst, { backoff: maxAttempts(constant(20), 3) }, 8);

    for (let index = 0; index < 40; index += 1) publish(String(index));
    await time.advanceBy(120_000);

    const done = outcomes.filter(({ kind }) => kind === 'succeeded').map(({ delivery }) => Number(delivery.event.id));
    expect(done).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(outcomes.filter(({ kind }) => kind === 'deadLettered')).toEqual([]);
  });
});
