import {
  constant,
  consume,
  deadLetterHeaders,
  fatal,
  type Outcome,
  type Receipt,
  type RedriveOptions,
  redrive,
} from 'millrace';
import { ensureConsumer, ensureStream, type MemorySubscribeOptions, memoryTransport } from 'millrace/memory';
import { delay, EMPTY, NEVER, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import type { Publisher, Subscriber } from '../../src/core/transport.ts';
import { boom } from '../support/made.ts';
import { type MemoryRig, memoryRig, nothing } from '../support/memory-rig.ts';

const from = { stream: 'DEAD', consumer: 'redrive' } as const;

/** A rig whose every event is a dead letter already. */
async function graveyard(...keys: string[]): Promise<MemoryRig> {
  const rig = memoryRig();
  ensureConsumer(rig.broker, { stream: 'DEAD', name: 'redrive', ackWait: 1_000 }).subscribe();
  rig.publish(...keys);
  const subscription = rig
    .deliveries()
    .pipe(
      consume(
        () => {
          throw fatal('poison');
        },
        { deadLetter: { publisher: rig.transport }, scheduler: rig.time },
      ),
    )
    .subscribe();
  await rig.time.advanceBy(10);
  subscription.unsubscribe();
  return rig;
}

/** Redrives for a while. */
async function redriven(
  rig: MemoryRig,
  options: Omit<RedriveOptions<MemorySubscribeOptions>, 'from'> = {},
  transport: Publisher & Subscriber<MemorySubscribeOptions> = rig.transport,
): Promise<Outcome<unknown, Receipt>[]> {
  const outcomes: Outcome<unknown, Receipt>[] = [];
  const subscription = redrive(transport, { from, scheduler: rig.time, ...options }).subscribe((o) => outcomes.push(o));
  await rig.time.advanceBy(1_000);
  subscription.unsubscribe();
  return outcomes;
}

/** What a transport does, but for its publish. */
const publishing = (rig: MemoryRig, publish: Publisher['publish']): Publisher & Subscriber<MemorySubscribeOptions> => ({
  publish,
  subscribe: (options) => rig.transport.subscribe(options),
});

const deadLeft = (rig: MemoryRig) => rig.broker.stream('DEAD').consumers.get('redrive')?.info();

describe('redrive', () => {
  it('sends dead letters back to where they were given up, in their order', async () => {
    const rig = await graveyard('x', 'y', 'z');
    const seen: Delivery[] = [];
    rig.deliveries().subscribe((delivery) => {
      seen.push(delivery);
      delivery.ack();
    });

    const outcomes = await redriven(rig);

    expect(seen.map(({ event, address }) => `${address} ${event.id} ${event.subject}`)).toEqual([
      'shop 1 x',
      'shop 2 y',
      'shop 3 z',
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(outcomes[0]).toMatchObject({ value: { address: 'shop', stored: true, stream: 'SHOP', sequence: 4 } });
    expect(deadLeft(rig)).toMatchObject({ pending: 0, unsettled: 0, redelivering: 0 });
  });

  it('leaves the event as it is, takes its reason off and counts', async () => {
    const rig = await graveyard('x');
    const seen: Delivery[] = [];
    rig.deliveries().subscribe((delivery) => seen.push(delivery));
    const dead: Delivery[] = [];
    rig.transport.subscribe({ stream: 'DEAD' }).subscribe((delivery) => dead.push(delivery));

    await redriven(rig);

    expect(seen[0]?.event).toBe(dead[0]?.event);
    expect(dead[0]?.headers).toMatchObject({ [deadLetterHeaders.errorMessage]: 'poison' });
    expect(seen[0]?.headers).toEqual({ [deadLetterHeaders.redriven]: '1' });
  });

  it('has the event handled again, though it was given up', async () => {
    const rig = await graveyard('x');
    const handled: string[] = [];
    const consumption = rig
      .deliveries()
      .pipe(consume(({ event }) => handled.push(event.id), { scheduler: rig.time }))
      .subscribe();

    await redriven(rig);

    expect([handled, rig.left()]).toEqual([['1'], nothing]);
    consumption.unsubscribe();
  });

  it('sends no event back more often than it may, and keeps its dead letter', async () => {
    const rig = await graveyard('x');
    let handled = 0;
    const handler = (): void => {
      handled += 1;
      throw fatal('poison');
    };
    const options = { deadLetter: { publisher: rig.transport }, scheduler: rig.time };
    const consumption = rig.deliveries().pipe(consume(handler, options)).subscribe();

    const outcomes = await redriven(rig, { maxRedrives: 2 });

    expect(handled).toBe(2);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['succeeded', 'succeeded', 'failed']);
    expect(outcomes[2]).toMatchObject({ error: { code: 'FATAL', message: 'The event was sent back 2 times already' } });
    expect(deadLeft(rig)).toMatchObject({ redelivering: 1 });
    consumption.unsubscribe();
  });

  it('may send it back three times where nothing else is said', async () => {
    const rig = await graveyard('x');
    const handler = (): void => {
      throw fatal('poison');
    };
    const options = { deadLetter: { publisher: rig.transport }, scheduler: rig.time };
    const consumption = rig.deliveries().pipe(consume(handler, options)).subscribe();

    const outcomes = await redriven(rig);

    expect(outcomes.map(({ kind }) => kind)).toEqual(['succeeded', 'succeeded', 'succeeded', 'failed']);
    consumption.unsubscribe();
  });

  it('looks at what it may not send again after a minute', async () => {
    const rig = await graveyard('x');
    const outcomes: Outcome[] = [];
    const to = () => {
      throw fatal('nowhere');
    };

    const subscription = redrive(rig.transport, { from, to, scheduler: rig.time }).subscribe((o) => outcomes.push(o));
    await rig.time.advanceBy(130_000);
    subscription.unsubscribe();

    expect(outcomes.map(({ delivery }) => delivery.attempt)).toEqual([1, 2, 3]);
  });

  it('sends them where it is told to', async () => {
    const rig = await graveyard('x');
    ensureStream(rig.broker, { name: 'REPAIR', subjects: ['repair.*'] }).subscribe();

    const outcomes = await redriven(rig, { to: ({ event }) => `repair.${event.subject}` });

    expect(outcomes).toMatchObject([{ kind: 'succeeded', value: { address: 'repair.x', stream: 'REPAIR' } }]);
  });

  it('acks a dead letter only when its event is stored', async () => {
    const rig = await graveyard('x');
    const slow = publishing(rig, (...args) => rig.transport.publish(...args).pipe(delay(500, rig.time)));
    const subscription = redrive(slow, { from, scheduler: rig.time }).subscribe();

    await rig.time.advanceBy(499);
    const before = deadLeft(rig)?.unsettled;
    await rig.time.advanceBy(1);

    expect([before, deadLeft(rig)?.unsettled]).toEqual([1, 0]);
    subscription.unsubscribe();
  });

  it.each([
    { how: 'refuses', answer: () => throwError(() => boom) },
    { how: 'says nothing', answer: () => EMPTY },
    {
      how: 'throws',
      answer: () => {
        throw boom;
      },
    },
  ])('tries again, by its policy, where the target $how', async ({ answer }) => {
    const rig = await graveyard('x');
    let tries = 0;
    const flaky = publishing(rig, (...args) => (++tries < 3 ? answer() : rig.transport.publish(...args)));

    const outcomes = await redriven(rig, { backoff: constant(100) }, flaky);

    expect(outcomes.map(({ kind }) => kind)).toEqual(['retry', 'retry', 'succeeded']);
    expect(outcomes[0]).toMatchObject({ delay: 100 });
  });

  it('stores once what is sent twice, as the ack was lost', async () => {
    const rig = await graveyard('x');
    const twice = publishing(rig, (...args) => {
      rig.transport.publish(...args).subscribe();
      return rig.transport.publish(...args);
    });

    const outcomes = await redriven(rig, {}, twice);

    expect(outcomes).toMatchObject([{ kind: 'succeeded', value: { duplicate: true, sequence: 2 } }]);
    expect(rig.broker.stream('SHOP').info().messages).toBe(2);
  });

  it('fails for good at what is no dead letter', async () => {
    const rig = memoryRig();
    ensureConsumer(rig.broker, { stream: 'DEAD', name: 'redrive' }).subscribe();
    rig.transport
      .publish({ specversion: '1.0', id: '1', source: '/x', type: 'x' }, { address: 'shop.dlq' })
      .subscribe();

    const outcomes = await redriven(rig);

    expect(outcomes).toMatchObject([{ kind: 'failed', error: { code: 'FATAL' } }]);
  });

  it('sends one at a time, or as many as it is told to', async () => {
    const rig = await graveyard('x', 'y', 'z');
    const running: number[] = [];
    for (const concurrency of [1, 2]) {
      let count = 0;
      const stuck = publishing(rig, () => {
        count += 1;
        return NEVER;
      });
      await redriven(rig, { concurrency }, stuck);
      running.push(count);
    }

    expect(running).toEqual([1, 2]);
  });

  it('does nothing until it is subscribed to, and hands back what is on its way when that ends', async () => {
    const rig = await graveyard('x', 'y');

    const result = redrive(rig.transport, { from, scheduler: rig.time });
    await rig.time.advanceBy(100);
    const before = deadLeft(rig);
    const outcomes: Outcome[] = [];
    result.pipe(take(1)).subscribe((outcome) => outcomes.push(outcome));
    await rig.time.advanceBy(100);

    expect(before).toMatchObject({ pending: 2, delivered: 0 });
    expect(outcomes.map(({ delivery }) => delivery.event.id)).toEqual(['1']);
    expect(deadLeft(rig)).toMatchObject({ unsettled: 0 });
  });

  it('passes the error of a source that cannot go on', async () => {
    const rig = memoryRig();
    const errors: unknown[] = [];

    redrive(rig.transport, { from, scheduler: rig.time }).subscribe({ error: (error) => errors.push(error) });
    await rig.time.advanceBy(0);

    expect(errors).toMatchObject([{ code: 'CONSUMER_NOT_FOUND' }]);
  });

  it('works over another transport on the same broker', async () => {
    const rig = await graveyard('x');

    const outcomes = await redriven(rig, {}, memoryTransport(rig.broker));

    expect(outcomes.map(({ kind }) => kind)).toEqual(['succeeded']);
  });

  it.each([0, Number.NaN, -1])('refuses %s redrives', (maxRedrives) => {
    const rig = memoryRig();

    expect(() => redrive(rig.transport, { from, maxRedrives })).toThrow(
      new RangeError(`'maxRedrives' must be at least 1, not ${maxRedrives}`),
    );
  });
});
