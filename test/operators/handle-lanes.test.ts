import {
  type Arrival,
  constant,
  deadLetter,
  dedupe,
  fatal,
  handle,
  type Outcome,
  redeliver,
  StoreFailedError,
  settle,
} from 'millrace';
import { marbles, virtualTime } from 'millrace/testing';
import { concat, delay, map, NEVER, of, Subject, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { DedupeStore } from '../../src/core/dedupe-store.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { boom, failed, nthDelivery, retried } from '../support/made.ts';
import { recordingPublisher } from '../support/publishers.ts';
import { recordingStore } from '../support/stores.ts';

const bySubject = ({ event }: Delivery): unknown => event.subject;

describe('handle, with an order', () => {
  it(
    'runs those of a key one after the other, and different keys side by side',
    marbles(({ deliveries, cold, expectOutcomes, expectSettlements, expectSubscriptions }) => {
      const values = { a: { subject: 'x' }, b: { subject: 'x' }, c: { subject: 'y' }, d: { subject: 'x' } };
      const source = deliveries('  abcd---------|', values);
      const work = cold('          ---|');
      const subs = [
        '                          ^--!',
        '                          --^--!',
        '                          ---^--!',
        '                          ------^--!',
      ];
      const expected = '           ---a-cb--d---|';

      expectOutcomes(
        source.pipe(
          handle(() => work, { orderBy: bySubject }),
          settle(),
        ),
      ).toBe(expected);
      expectSettlements(source).toBe(expected.replace('|', ''));
      expectSubscriptions(work.subscriptions).toBe(subs);
    }),
  );

  it(
    'holds a key back until its retry was handled, and no other key',
    marbles(({ deliveries, expectOutcomes }) => {
      const values = { a: { subject: 'x' }, b: { subject: 'x' }, c: { subject: 'y' } };
      const source = deliveries('  abc----a---|', values);
      const expected = '           a-c----(xb)|';
      const handler = ({ attempt, event }: Delivery): void => {
        if (event.id === 'a' && attempt === 1) throw boom;
      };
      const result = source.pipe(handle(handler, { orderBy: bySubject }), redeliver(constant(7)), settle());

      expectOutcomes(result).toBe(expected, { a: 'retry a 7', x: 'succeeded a' });
    }),
  );

  it('waits until what failed for good is stored, before it goes on', async () => {
    const time = virtualTime();
    const publisher = recordingPublisher(() =>
      of({ address: 'dlq', stored: true, duplicate: false }).pipe(delay(50, time)),
    );
    const log: string[] = [];
    const handler = ({ event }: Delivery): void => {
      log.push(`run ${event.id} at ${time.now()}`);
      if (event.id === '1') throw fatal('poison');
    };

    concat(of(nthDelivery(1), nthDelivery(2)), NEVER)
      .pipe(
        handle(handler, { orderBy: () => 'key', scheduler: time }),
        redeliver(constant(1)),
        deadLetter(publisher, { scheduler: time }),
        settle(),
      )
      .subscribe(({ kind, delivery }) => log.push(`${kind} ${delivery.event.id} at ${time.now()}`));
    await time.advanceBy(100);

    expect(log.toSorted()).toEqual(['deadLettered 1 at 50', 'run 1 at 0', 'run 2 at 50', 'succeeded 2 at 50']);
  });

  it('emits the outcomes of a key in its order, though each ack starts the next', () => {
    const source = new Subject<Arrival>();
    const first = new Subject<never>();
    const seen: string[] = [];
    const subscription = source
      .pipe(
        handle(({ event }) => (event.id === '1' ? first : 5), { orderBy: () => 'key', scheduler: virtualTime() }),
        settle(),
      )
      .subscribe(({ delivery }) => seen.push(delivery.event.id));

    for (const n of [1, 2, 3]) source.next(nthDelivery(n));
    first.complete();

    expect(seen).toEqual(['1', '2', '3']);
    subscription.unsubscribe();
  });

  it('emits them in order when acks are confirmed, too', async () => {
    const time = virtualTime();
    const confirm = () => timer(10, time).pipe(map(() => undefined));
    const deliveries = [1, 2, 3].map((n) => Object.assign(nthDelivery(n), { confirm }));
    const seen: string[] = [];

    concat(of(...deliveries), NEVER)
      .pipe(
        handle(() => 5, { orderBy: () => 'key', scheduler: time }),
        settle({ confirm: true }),
      )
      .subscribe(({ delivery }) => seen.push(`${delivery.event.id} at ${time.now()}`));
    await time.advanceBy(100);

    expect(seen).toEqual(['1 at 10', '2 at 20', '3 at 30']);
  });

  it('takes no copy that was settled elsewhere for the retry that it waits for', () => {
    const source = new Subject<Arrival>();
    const ran: string[] = [];
    const handler = ({ event, attempt }: Delivery): void => {
      ran.push(`${event.id} (${attempt})`);
      if (attempt === 1 && event.id === '1') throw boom;
    };
    const subscription = source
      .pipe(handle(handler, { orderBy: () => 'key', scheduler: virtualTime() }), redeliver(constant(200)), settle())
      .subscribe();
    const copy = nthDelivery(1, { attempt: 2 });
    copy.nak();

    source.next(nthDelivery(1));
    source.next(nthDelivery(2));
    source.next(copy);
    const before = [...ran];
    source.next(nthDelivery(1, { attempt: 3 }));

    expect(before).toEqual(['1 (1)']);
    expect(ran).toEqual(['1 (1)', '1 (3)', '2 (1)']);
    subscription.unsubscribe();
  });

  it('makes a delivery fail whose key cannot be had, and goes on', () => {
    const seen: Outcome[] = [];
    const orderBy = ({ event }: Delivery): unknown => {
      if (event.id === '1') throw boom;
      return 'key';
    };
    const [first, second] = [nthDelivery(1), nthDelivery(2)];

    of(first, second)
      .pipe(handle(() => 5, { orderBy }))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toMatchObject([failed(first), { kind: 'succeeded', delivery: { event: second.event } }]);
  });

  it('knows no order among those without a key', () => {
    const started: string[] = [];

    const subscription = concat(of(nthDelivery(1), nthDelivery(2)), NEVER)
      .pipe(
        handle(
          ({ event }) => {
            started.push(event.id);
            return NEVER;
          },
          { orderBy: () => undefined, scheduler: virtualTime() },
        ),
      )
      .subscribe();

    expect(started).toEqual(['1', '2']);
    subscription.unsubscribe();
  });

  it('counts against the concurrency what runs, and not what waits for its turn', () => {
    const started: string[] = [];
    const deliveries = [1, 2, 3, 4].map((n) => nthDelivery(n, { subject: n < 4 ? 'x' : 'y' }));

    const subscription = concat(of(...deliveries), NEVER)
      .pipe(
        handle(
          ({ event }) => {
            started.push(event.id);
            return NEVER;
          },
          { orderBy: bySubject, concurrency: 2, scheduler: virtualTime() },
        ),
      )
      .subscribe();

    expect(started).toEqual(['1', '4']);
    subscription.unsubscribe();
  });
});

describe('handle, with an order, of what was decided before it', () => {
  it.each([
    { kind: 'failed', decide: (delivery: Delivery) => failed(delivery) },
    { kind: 'retry', decide: (delivery: Delivery) => retried(delivery, 200) },
  ])('holds back what comes after one that is $kind, until that one was handled', ({ decide }) => {
    const source = new Subject<Arrival>();
    const seen: string[] = [];
    const subscription = source
      .pipe(
        handle(() => 5, { orderBy: bySubject, scheduler: virtualTime() }),
        redeliver(constant(200)),
        settle(),
      )
      .subscribe(({ kind, delivery }) => seen.push(`${kind} ${delivery.event.id}`));

    source.next(decide(nthDelivery(1, { subject: 'x' })));
    source.next(nthDelivery(2, { subject: 'x' }));
    source.next(nthDelivery(3, { subject: 'y' }));
    source.next(nthDelivery(1, { subject: 'x', attempt: 2 }));

    expect(seen).toEqual(['retry 1', 'succeeded 3', 'succeeded 1', 'succeeded 2']);
    subscription.unsubscribe();
  });

  it('lets it wait for its turn, and emits it then, unhandled', () => {
    const source = new Subject<Arrival>();
    const first = new Subject<never>();
    const ran: string[] = [];
    const seen: string[] = [];
    const handler = ({ event }: Delivery): unknown => {
      ran.push(event.id);
      return first;
    };
    const subscription = source
      .pipe(handle(handler, { orderBy: () => 'key', scheduler: virtualTime() }), settle())
      .subscribe(({ kind, delivery }) => seen.push(`${kind} ${delivery.event.id}`));

    source.next(nthDelivery(1));
    source.next(failed(nthDelivery(2)));
    const before = [...seen];
    first.complete();

    expect([before, seen.toSorted(), ran]).toEqual([[], ['failed 2', 'succeeded 1'], ['1']]);
    subscription.unsubscribe();
  });

  it('keeps the order of a key although the store fails to claim one of it', () => {
    const store = recordingStore();
    let claims = 0;
    const flaky: DedupeStore = {
      claim(key) {
        claims += 1;
        if (claims === 1) throw boom;
        return store.claim(key);
      },
    };
    const source = new Subject<Arrival>();
    const handled: string[] = [];
    const outcomes: Outcome[] = [];
    const subscription = source
      .pipe(
        dedupe(flaky),
        handle(({ event }) => handled.push(event.id), { orderBy: () => 'key', scheduler: virtualTime() }),
        redeliver(constant(200)),
        settle(),
      )
      .subscribe((outcome) => outcomes.push(outcome));

    source.next(nthDelivery(1));
    source.next(nthDelivery(2));
    source.next(nthDelivery(1, { attempt: 2 }));

    expect(handled).toEqual(['1', '2']);
    expect(outcomes[0]).toMatchObject({ kind: 'retry', error: expect.any(StoreFailedError) });
    subscription.unsubscribe();
  });

  it('lets it pass where its key cannot be had', () => {
    const delivery = nthDelivery(1);
    const seen: Outcome[] = [];
    const orderBy = () => {
      throw new Error('key');
    };

    of<Arrival>(failed(delivery))
      .pipe(handle(() => 5, { orderBy }))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([failed(delivery)]);
  });
});
