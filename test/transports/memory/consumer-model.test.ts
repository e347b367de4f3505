import fc from 'fast-check';
import type { Delivery, DrainReport } from 'millrace';
import type { Advisory } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { addsUp, lastOf, publish, type Shop, shop } from './support.ts';

const LEASE = 200;

type Settlement = 'ack' | 'nak' | 'term';

interface Plan {
  readonly maxDeliver: number;
  readonly maxAckPending: number;
}

/** What became of a message by the rules: who may be given it, and from when on. */
interface Message {
  done: boolean;
  givenUp: boolean;
  attempts: number;
  /** When it may come again. */
  notBefore: number;
  /** The delivery that is out. */
  out: Tracked | undefined;
}

interface Tracked {
  readonly delivery: Delivery;
  readonly message: Message;
  settlement: Settlement | undefined;
  /** When its lease ends, if it is not worked on. */
  deadline: number;
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      settle: fc.constantFrom<Settlement>('ack', 'nak', 'term'),
      at: fc.nat(),
      delay: fc.constantFrom(0, 0, 50, 300),
    }),
  },
  { weight: 2, arbitrary: fc.record({ working: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.constantFrom(0, 1, 50, 100, 199, 200, 500) }) },
  { weight: 2, arbitrary: fc.record({ open: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ close: fc.nat() }) },
);

const plan = fc.record({
  maxDeliver: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1, 3),
  maxAckPending: fc.constantFrom(1_000, 1_000, 4),
});

/** Follows a consumer by the rules, and complains of the first delivery or settlement that breaks one. */
function follower({ time, transport, broker }: Shop, { maxDeliver, maxAckPending }: Plan) {
  const messages = new Map<string, Message>();
  const all: Tracked[] = [];
  const open = new Set<{ readonly prefetch: number; readonly inbox: Tracked[]; close(): void }>();
  const advisories: Advisory[] = [];
  const failures: unknown[] = [];
  broker.advisories$.subscribe((advisory) => advisories.push(advisory));

  const isOut = (each: Tracked): boolean => each.settlement === undefined && each.delivery.lost !== true;

  function receive(delivery: Delivery, inbox: Tracked[], prefetch: number): void {
    const message = messages.get(delivery.event.id)!;
    const now = time.now();
    expect([message.done, message.givenUp], 'delivered after it was acked, termed or given up').toEqual([false, false]);
    expect(message.out === undefined || message.out.delivery.lost, 'delivered while it is out').toBe(true);
    expect(now, 'delivered too early').toBeGreaterThanOrEqual(message.notBefore);
    expect(delivery.attempt, 'attempt').toBe(message.attempts + 1);
    expect(delivery.attempt).toBeLessThanOrEqual(maxDeliver);
    expect(delivery.position?.consumerSequence).toBe(all.length + 1);

    const tracked: Tracked = { delivery, message, settlement: undefined, deadline: now + LEASE };
    Object.assign(message, { attempts: delivery.attempt, notBefore: now + LEASE, out: tracked });
    all.push(tracked);
    inbox.push(tracked);
    expect(inbox.filter(isOut).length, 'more out than prefetch').toBeLessThanOrEqual(prefetch);
    expect(all.filter(isOut).length, 'more out than maxAckPending').toBeLessThanOrEqual(maxAckPending);
  }

  function settle(tracked: Tracked, settlement: Settlement, delay: number): void {
    const { delivery, message } = tracked;
    const [{ lost }, now] = [delivery, time.now()];
    const wins = tracked.settlement === undefined && (lost !== true || settlement === 'ack');
    const other = message.out;
    if (wins) tracked.settlement = settlement;
    if (wins && settlement === 'nak') message.notBefore = now + delay;
    if (wins && settlement !== 'nak') message.done = true;
    if (wins && lost === true && other !== undefined && other !== tracked && isOut(other)) other.settlement = 'ack';
    if (wins) message.out = undefined;

    expect(settlement === 'nak' ? delivery.nak(delay) : delivery[settlement]()).toBe(wins);
    expect(delivery.settled).toBe(tracked.settlement !== undefined);
  }

  function working(tracked: Tracked): void {
    if (isOut(tracked)) tracked.deadline = tracked.message.notBefore = time.now() + LEASE;
    tracked.delivery.working();
  }

  function subscribe(prefetch: number): void {
    const inbox: Tracked[] = [];
    const subscription = transport
      .subscribe({ stream: 'SHOP', consumer: 'billing', prefetch })
      .subscribe((delivery) => {
        try {
          receive(delivery, inbox, prefetch);
        } catch (error) {
          failures.push(error);
        }
      });
    const one = {
      prefetch,
      inbox,
      close() {
        subscription.unsubscribe();
        open.delete(one);
      },
    };
    open.add(one);
  }

  function check(): void {
    if (failures.length > 0) throw failures[0];
    for (const { message } of all) {
      const mine = advisories.filter(
        ({ kind, sequence }) => kind === 'maxDeliveries' && messages.get(`${sequence}`) === message,
      );
      expect(mine.length).toBeLessThanOrEqual(1);
      message.givenUp = mine.length === 1;
      if (message.givenUp) expect(message.attempts).toBe(maxDeliver);
    }
    for (const { delivery, deadline, settlement } of all) {
      if (delivery.lost === true) expect(time.now(), 'lost too early').toBeGreaterThanOrEqual(deadline);
      else if (settlement === undefined && open.size > 0) expect(time.now(), 'not lost in time').toBeLessThan(deadline);
      expect(delivery.settled).toBe(settlement !== undefined);
    }
  }

  return {
    messages,
    all,
    open,
    settle,
    working,
    subscribe,
    check,
    publish(count: number) {
      for (let n = 0; n < count; n += 1) {
        const id = `${messages.size + 1}`;
        messages.set(id, { done: false, givenUp: false, attempts: 0, notBefore: 0, out: undefined });
        publish(transport, id, { address: 'shop.orders' });
      }
    },
    matches(report: DrainReport): void {
      const count = (test: (each: Tracked) => boolean): number => all.filter(test).length;
      expect(report).toMatchObject({
        received: all.length,
        acked: count(({ settlement }) => settlement === 'ack'),
        termed: count(({ settlement }) => settlement === 'term'),
        naked: count(({ settlement }) => settlement === 'nak'),
        expired: count(({ delivery, settlement }) => delivery.lost === true && settlement === undefined),
        returned: 0,
        abandoned: 0,
      });
      expect(addsUp(report)).toBe(true);
    },
  };
}

describe('consumer', () => {
  it('keeps its rules whatever is published, settled, kept, lost, opened and closed', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.array(step, { maxLength: 80 }), async (config, steps) => {
        const held = shop();
        const { time, transport, consumer, consumerInfo } = held;
        consumer('billing', { ackWait: LEASE, ...config });
        const model = follower(held, config);
        const nth = <T>(items: Iterable<T>, index: number): T | undefined =>
          [...items][index % Math.max(1, [...items].length)];

        for (const each of steps) {
          if ('publish' in each) model.publish(each.publish);
          else if ('open' in each) {
            model.subscribe(each.open);
            await time.advanceBy(0); // whose lease ran out while nobody listened is told soon, not at once
          } else if ('close' in each) nth(model.open, each.close)?.close();
          else if ('wait' in each) await time.advanceBy(each.wait);
          else if ('working' in each) {
            const tracked = nth(model.all, each.working);
            if (tracked !== undefined) model.working(tracked);
          } else {
            const tracked = nth(model.all, each.at);
            if (tracked !== undefined) model.settle(tracked, each.settle, each.delay);
          }
          model.check();
        }

        model.subscribe(100);
        for (let rest = 0; rest < 20; rest += 1) {
          await time.advanceBy(LEASE);
          model.check();
          for (const tracked of [...model.all]) if (tracked.delivery.lost !== true) model.settle(tracked, 'ack', 0);
        }

        for (const message of model.messages.values()) expect(message.done || message.givenUp).toBe(true);
        expect(consumerInfo('billing')).toMatchObject({ pending: 0, unsettled: 0, redelivering: 0 });
        model.matches(lastOf(transport.drain()));
        expect(time.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
