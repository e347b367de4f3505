import {
  type FakeDeliveryInit,
  fakeDelivery,
  formatHistory,
  type History,
  history,
  virtualTime,
} from 'millrace/testing';
import { from, lastValueFrom, map, NEVER, Observable, of, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { InvalidEventError, PublishError } from '../../src/core/errors.ts';
import { AUTO_POPULATE, type Event } from '../../src/core/event.ts';
import type { Publisher, Receipt } from '../../src/core/transport.ts';

const event = (id: string, source = '/test'): Event => fakeDelivery({ id, source }).event;

/** Stores everything in a stream that numbers it. */
function fakePublisher(stream = 'TEST'): Publisher {
  let sequence = 0;
  return {
    publish: (events) =>
      from([events].flat() as Event[]).pipe(
        map((): Receipt => ({ address: 'test', stored: true, stream, sequence: ++sequence, duplicate: false })),
      ),
  };
}

/** A history, with what is needed to make one up. */
function setup() {
  const time = virtualTime();
  const record = history({ scheduler: time });
  const publisher = record.publisher(fakePublisher());
  const publish = (...ids: string[]) => publisher.publish(ids.map((id) => event(id))).subscribe();

  /** Event `id` as the consumer gets it; it is stored as sequence `id`. */
  function deliver(id: string, init: FakeDeliveryInit = {}): Delivery {
    const sequence = Number(id);
    const delivery = fakeDelivery({ id, position: { sequence }, ...init }, { scheduler: time });
    let recorded: Delivery = delivery;
    of(delivery)
      .pipe(record.deliveries())
      .subscribe((given) => {
        recorded = given;
      });
    return recorded;
  }

  const work = (delivery: Delivery, error?: unknown) => {
    const run = record.handler(() => {
      if (error !== undefined) throw error;
    });
    try {
      run(delivery);
    } catch {
      // a failing handler is what is wanted
    }
  };

  /** Delivers, handles and acks. */
  function process(id: string, init?: FakeDeliveryInit): Delivery {
    const delivery = deliver(id, init);
    work(delivery);
    delivery.ack();
    return delivery;
  }

  return { time, record, publish, deliver, work, process };
}

/** The keys of the anomalies of each kind that has some. */
function found(record: History, options?: Parameters<History['check']>[0]): Record<string, string[]> {
  const report = record.check(options);
  const lists = Object.entries(report).filter(
    ([kind, value]) => kind !== 'allowed' && Array.isArray(value) && value.length > 0,
  );
  return Object.fromEntries(lists.map(([kind, list]) => [kind, (list as { key: string }[]).map(({ key }) => key)]));
}

describe('history', () => {
  it('finds nothing wrong where nothing is', () => {
    const { record, publish, process } = setup();
    publish('1', '2', '3');

    for (const id of ['1', '2', '3']) process(id);

    const report = record.check({ orderBy: () => 'all' });
    expect(report).toMatchObject({
      ok: true,
      published: 3,
      received: 3,
      handled: 3,
      deadLettered: 0,
      skipped: 0,
      expired: 0,
    });
    expect(formatHistory(report)).toBe(
      'history ok: 3 published, 3 received, 3 handled, 0 dead-lettered, 0 skipped, 0 leases lost',
    );
  });

  it('finds nothing wrong with a failure that is retried and succeeds', async () => {
    const { time, record, publish, deliver, work, process } = setup();
    publish('1');

    const first = deliver('1');
    work(first, new Error('boom'));
    first.nak(100);
    await time.advanceBy(100);
    process('1', { attempt: 2 });

    expect(found(record)).toEqual({});
    expect(record.check()).toMatchObject({ ok: true, published: 1, received: 2, handled: 1 });
  });

  it('is not ok for an empty reason: it is ok when nothing happened', () => {
    expect(history().check().ok).toBe(true);
  });

  describe('lost', () => {
    it('finds an event that was stored and never came', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      process('1');

      expect(found(record)).toEqual({ lost: ['/test 2'] });
      expect(record.check().lost[0]!.details).toBe('published at 0 (TEST 2)');
    });

    it('finds an event that was acked although its handler failed', () => {
      const { record, publish, deliver, work } = setup();
      publish('1');

      const delivery = deliver('1');
      work(delivery, new Error('boom'));
      delivery.ack();

      expect(found(record)).toEqual({ lost: ['/test 1'] });
    });

    it('finds an event that was given up without a dead letter', () => {
      const { record, publish, deliver, work } = setup();
      publish('1');

      const delivery = deliver('1');
      work(delivery, new Error('boom'));
      delivery.term('too bad');

      expect(found(record)).toEqual({ lost: ['/test 1'] });
    });

    it('finds an event that was skipped as a duplicate though no delivery of it was handled', () => {
      const { record, publish, deliver, work } = setup();
      publish('1');

      const first = deliver('1');
      work(first, new Error('boom'));
      first.nak(0);
      const second = deliver('1', { attempt: 2 });
      second.ack();
      of({ kind: 'skipped', delivery: second, reason: 'duplicate' } as const)
        .pipe(record.outcomes())
        .subscribe();

      expect(found(record)).toEqual({ lost: ['/test 1'] });
    });

    it('does not count a skip for a reason of its own, a dead letter, or a handled duplicate', () => {
      const { record, publish, deliver, process } = setup();
      publish('1', '2', '3', '4');
      const receipt: Receipt = { address: 'dlq', stored: true, duplicate: false };
      const outcomes = [
        { kind: 'skipped', delivery: deliver('1'), reason: 'unhandled type' },
        { kind: 'deadLettered', delivery: deliver('2'), error: 'boom', receipt },
      ] as const;
      from(outcomes).pipe(record.outcomes()).subscribe();
      for (const { delivery } of outcomes) delivery.ack();
      deliver('3').term();
      record
        .deadLetters(fakePublisher('DLQ'))
        .publish([event('3')])
        .subscribe();
      process('4');
      const duplicate = deliver('4');
      duplicate.ack();
      of({ kind: 'skipped', delivery: duplicate, reason: 'duplicate' } as const)
        .pipe(record.outcomes())
        .subscribe();

      expect(found(record)).toEqual({});
      expect(record.check()).toMatchObject({ ok: true, handled: 1, skipped: 2, deadLettered: 2 });
    });

    it('finds an event whose dead letter was handed to live subscribers only', () => {
      const { record, publish, deliver } = setup();
      publish('1', '2');
      const receipt: Receipt = { address: 'dlq', stored: false, duplicate: false };

      const delivery = deliver('1');
      delivery.term();
      of({ kind: 'deadLettered', delivery, error: 'boom', receipt } as const)
        .pipe(record.outcomes())
        .subscribe();
      deliver('2').term();
      record
        .deadLetters({ publish: () => of(receipt) })
        .publish(event('2'))
        .subscribe();

      expect(found(record)).toEqual({ lost: ['/test 1', '/test 2'] });
    });

    it('does not count what was refused, what may not be stored, and what was for live subscribers only', () => {
      const time = virtualTime();
      const record = history({ scheduler: time });
      const publish = (publisher: Publisher, id: string) =>
        record
          .publisher(publisher)
          .publish([event(id), event(`${id}b`)])
          .subscribe({ error: () => undefined });
      const failing = (outcome: 'refused' | 'unknown'): Publisher => ({
        publish: () => throwError(() => new PublishError(outcome, 'test', 'no receipt')),
      });

      publish(failing('refused'), '1');
      publish(failing('unknown'), '2');
      publish({ publish: () => of({ address: 'test', stored: false, duplicate: false }) }, '3');
      publish({ publish: () => NEVER }, '4').unsubscribe();
      publish({ publish: () => throwError(() => new TypeError('broken')) }, '5');
      publish({ publish: () => throwError(() => new InvalidEventError('type', 'must not be empty')) }, '6');

      const results = record.entries.map((entry) => entry.kind === 'published' && [entry.event.id, entry.result]);
      expect(results).toEqual([
        ['1', 'refused'],
        ['1b', 'unknown'],
        ['2', 'unknown'],
        ['2b', 'unknown'],
        ['3', 'receipt'],
        ['4', 'unknown'],
        ['4b', 'unknown'],
        ['5', 'unknown'],
        ['5b', 'unknown'],
        ['6', 'refused'],
        ['6b', 'unknown'],
      ]);
      expect(record.check()).toMatchObject({ ok: true, published: 0 });
    });
  });

  describe('duplicated', () => {
    it('finds an event that was handled twice', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      process('1');
      process('2');
      process('1', { attempt: 2, position: { sequence: 1, consumerSequence: 3 } });

      expect(found(record)).toEqual({ duplicated: ['/test 1'] });
      expect(record.check({ allow: ['duplicated'] }).ok).toBe(true);
      expect(record.check({ allow: ['lost'] }).ok).toBe(false);
    });

    it('goes by the key that it is given', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      process('1', { data: { order: 7 } });
      process('2', { data: { order: 7 } });

      const key = ({ data }: Event) => String((data as { order: number } | undefined)?.order ?? 'none');
      expect(record.check({ key }).duplicated).toMatchObject([{ key: '7' }]);
      expect(record.check().duplicated).toEqual([]);
    });

    it('goes by the outcomes where no handler was recorded', () => {
      const { record, publish, deliver } = setup();
      publish('1');
      for (const attempt of [1, 2]) {
        const delivery = deliver('1', { attempt });
        delivery.ack();
        of({ kind: 'succeeded', delivery, value: undefined } as const)
          .pipe(record.outcomes())
          .subscribe();
      }

      expect(found(record)).toEqual({ duplicated: ['/test 1'] });
    });

    it('counts a run once, though its outcome is recorded as well', () => {
      const { record, publish, process } = setup();
      publish('1');
      const delivery = process('1');

      of({ kind: 'succeeded', delivery, value: undefined } as const)
        .pipe(record.outcomes())
        .subscribe();

      expect(found(record)).toEqual({});
    });
  });

  describe('settledTwice', () => {
    it('finds a delivery that took two settlements', () => {
      const { record, publish, work } = setup();
      publish('1');
      const lenient: Delivery = { ...fakeDelivery({ id: '1' }), ack: () => true, nak: () => true };
      of(lenient)
        .pipe(record.deliveries())
        .subscribe((delivery) => {
          work(delivery);
          delivery.ack();
          delivery.nak();
        });

      expect(record.check().settledTwice).toEqual([
        { key: '/test 1', details: 'TEST 1 (attempt 1) was settled with ack at 0, nak at 0' },
      ]);
    });

    it('finds one that took a settlement by each of two objects', () => {
      const { record, publish, process } = setup();
      publish('1');
      const subscription = { consumer: 'billing' };

      process('1', { subscription });
      process('1', { subscription });

      expect(found(record)).toEqual({ duplicated: ['/test 1'], settledTwice: ['/test 1'] });
    });

    it('does not count a second settlement that was refused', () => {
      const { record, publish, process } = setup();
      publish('1');

      const delivery = process('1');
      delivery.nak();
      delivery.confirm().subscribe();

      expect(found(record)).toEqual({});
    });
  });

  describe('settledLate', () => {
    it('finds settlements after the lease was lost, taken or refused', async () => {
      const { time, record, publish, deliver, work, process } = setup();
      publish('1', '2', '3');
      const subscription = { lease: 10 };
      const late = ['1', '2', '3'].map((id) => deliver(id, { subscription }));
      await time.advanceBy(10);

      work(late[0]!);
      late[0]!.ack();
      late[0]!.nak(); // one settlement is late, and this is none
      late[1]!.nak();
      late[2]!.confirm().subscribe();
      process('2', { attempt: 2 });
      process('3', { attempt: 2 });

      expect(record.check().settledLate).toEqual([
        { key: '/test 1', details: 'ack at 10 after the lease was lost, taken' },
        { key: '/test 2', details: 'nak at 10 after the lease was lost, refused' },
        { key: '/test 3', details: 'ack at 10 after the lease was lost, taken' },
      ]);
      expect(record.check({ allow: ['settledLate'] })).toMatchObject({ ok: true, expired: 1 });
    });

    it('does not count a settlement after the pipeline itself gave the run up', () => {
      const { record, publish, deliver, process } = setup();
      publish('1');
      const delivery = deliver('1');

      delivery.abort(new Error('timed out'));
      delivery.nak(5);
      process('1', { attempt: 2 });

      expect(found(record)).toEqual({});
    });
  });

  describe('neverSettled', () => {
    it('finds a delivery that nobody settled', () => {
      const { record, publish, deliver, work } = setup();
      publish('1');

      work(deliver('1'));

      expect(record.check().neverSettled).toEqual([
        { key: '/test 1', details: 'TEST 1 (attempt 1), received at 0, is still unsettled' },
      ]);
    });

    it('finds all objects of a delivery, though one came after the other', () => {
      const { record, publish, deliver } = setup();
      publish('1');

      deliver('1');
      deliver('1');

      expect(found(record)).toEqual({ lost: ['/test 1'], neverSettled: ['/test 1', '/test 1'] });
    });

    it('does not count one whose lease was lost and that has not come again yet', async () => {
      const { time, record, deliver } = setup();

      deliver('1', { subscription: { lease: 10 } });
      await time.advanceBy(10);

      expect(found(record)).toEqual({});
      expect(record.check().expired).toBe(1);
    });

    it('does not count one whose lease was lost, that came again, or that was handed back by other means', async () => {
      const { time, record, publish, deliver, process } = setup();
      publish('1', '2', '3');
      deliver('1', { subscription: { lease: 10 } });
      await time.advanceBy(10);
      process('1', { attempt: 2 });
      deliver('2');
      process('2', { attempt: 2 });
      const behind = fakeDelivery({ id: '3', position: { sequence: 3 } });
      of(behind).pipe(record.deliveries()).subscribe();
      behind.nak(0); // a transport that drains hands back what it gave out
      process('3', { attempt: 1 });

      expect(found(record)).toEqual({});
      expect(record.check().expired).toBe(1);
    });
  });

  describe('orderViolations', () => {
    const orderBy = ({ event: { subject } }: Delivery) => subject;

    it('finds an older delivery that was handled after a newer one of its key', () => {
      const { record, publish, process } = setup();
      publish('1', '2', '3', '4');

      for (const id of ['1', '3', '2', '4']) process(id, { subject: 'customer' });

      expect(found(record)).toEqual({});
      expect(record.check({ orderBy }).orderViolations).toEqual([
        { key: 'customer', details: '/test 2 (2) was handled at 0, after /test 3 (3) at 0' },
      ]);
      expect(record.check({ orderBy }).ok).toBe(false);
    });

    it('lets keys overtake each other, and those without a key anybody', () => {
      const { record, publish, process } = setup();
      publish('1', '2', '3', '4');
      const subjects: Record<string, string> = { 1: 'a', 3: 'a', 2: 'b' };

      for (const id of ['4', '3', '2']) process(id, subjects[id] === undefined ? {} : { subject: subjects[id] });
      process('1');

      expect(found(record, { orderBy })).toEqual({});
    });

    it('goes by the first handling: a second one is a duplicate and no more', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      for (const id of ['1', '2', '1']) process(id, { subject: 'a' });

      expect(found(record, { orderBy })).toEqual({ duplicated: ['/test 1'] });
    });

    it('does not count a run that failed', () => {
      const { record, publish, deliver, work, process } = setup();
      publish('1', '2');

      process('2', { subject: 'b' });
      const failing = deliver('1', { subject: 'b' });
      work(failing, new Error('boom'));
      failing.term();

      expect(found(record, { orderBy })).toEqual({ lost: ['/test 1'] });
    });

    it('goes by the order of publishing where there are no positions', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      for (const id of ['2', '1']) process(id, { subject: 'a', position: undefined });

      expect(found(record, { orderBy })).toEqual({ orderViolations: ['a'] });
    });
  });

  describe('unexpected', () => {
    it('finds an event that nobody published', () => {
      const { record, publish, process } = setup();
      publish('1');

      process('1');
      process('2', { source: '/elsewhere' });

      expect(found(record)).toEqual({ unexpected: ['/elsewhere 2'] });
    });

    it('finds an event that came although its publish was refused', () => {
      const { record, process } = setup();
      const refusing: Publisher = { publish: () => throwError(() => new PublishError('refused', 'test', 'full')) };
      record
        .publisher(refusing)
        .publish(event('1'))
        .subscribe({ error: () => undefined });

      process('1');

      expect(found(record)).toEqual({ unexpected: ['/test 1'] });
      expect(record.check().unexpected[0]!.details).toContain('received, but refused at every publish');
    });

    it('lets one come whose publish ended unknown, or was repeated', () => {
      const { record, publish, process } = setup();
      const fails = (outcome: 'refused' | 'unknown'): Publisher => ({
        publish: () => throwError(() => new PublishError(outcome, 'test', 'no receipt')),
      });
      record
        .publisher(fails('unknown'))
        .publish(event('1'))
        .subscribe({ error: () => undefined });
      record
        .publisher(fails('refused'))
        .publish(event('2'))
        .subscribe({ error: () => undefined });
      publish('2');

      process('1');
      process('2', { position: { sequence: 1 }, subscription: {} });

      expect(record.check().unexpected).toEqual([]);
    });

    it('says nothing where no publisher was recorded', () => {
      const { record, process } = setup();

      process('1');

      expect(found(record)).toEqual({});
    });

    it('knows an event whose source the transport filled in', () => {
      const { record, process } = setup();
      const transport = { ...fakePublisher(), name: 'shop' };

      record.publisher(transport).publish(event('1', AUTO_POPULATE)).subscribe();
      process('1', { source: 'shop' });

      expect(found(record)).toEqual({});
      expect(record.check().published).toBe(1);
    });
  });

  describe('diverged', () => {
    it('finds a sequence that differs from the receipt', () => {
      const { record, publish, process } = setup();
      publish('1', '2');

      process('1');
      process('2', { position: { sequence: 7 } });

      expect(record.check().diverged).toEqual([
        { key: '/test 2', details: 'delivered as TEST 7, but the receipt said 2' },
      ]);
    });

    it('finds a sequence that stands for two events', () => {
      const { record, process } = setup();

      process('1');
      process('2', { position: { sequence: 1 } });

      expect(found(record)).toEqual({ diverged: ['/test 2'] });
    });
  });

  describe('handler', () => {
    const kinds = (record: History) =>
      record.entries.map((entry) =>
        entry.kind === 'ended' ? `${entry.kind} ${entry.result} at ${entry.at}` : `${entry.kind} at ${entry.at}`,
      );

    it.each([
      ['a value', () => 'x'],
      ['a promise', async () => 'x'],
      ['an Observable', () => of('x')],
    ])('passes on %s, and records the run', async (_, work) => {
      const record = history({ scheduler: virtualTime() });

      const result = record.handler(work)(fakeDelivery());

      expect(await (result instanceof Observable ? lastValueFrom(result) : result)).toBe('x');
      expect(kinds(record)).toEqual(['started at 0', 'ended succeeded at 0']);
    });

    it.each([
      [
        'a throw',
        () => {
          throw new Error('boom');
        },
      ],
      [
        'a rejection',
        async () => {
          throw new Error('boom');
        },
      ],
      ['an Observable error', () => throwError(() => new Error('boom'))],
    ])('passes on %s, and records the failure', async (_, work) => {
      const record = history({ scheduler: virtualTime() });
      const run = async () => {
        const result: unknown = record.handler(work)(fakeDelivery());
        return result instanceof Observable ? lastValueFrom(result) : result;
      };

      await expect(run()).rejects.toThrow('boom');
      expect(kinds(record)).toEqual(['started at 0', 'ended failed at 0']);
    });

    it('records when a run ended, and that it was cancelled', async () => {
      const time = virtualTime();
      const record = history({ scheduler: time });
      const slow = () => record.handler(() => timer(10, time))(fakeDelivery()) as Observable<unknown>;

      slow().subscribe();
      const cancelled = slow().subscribe();
      await time.advanceBy(5);
      cancelled.unsubscribe();
      await time.advanceBy(5);

      expect(kinds(record)).toEqual(['started at 0', 'started at 0', 'ended cancelled at 5', 'ended succeeded at 10']);
    });
  });
});

describe('formatHistory', () => {
  it('writes what is wrong, with the life of each event', () => {
    const { record, publish, process, deliver, work } = setup();
    publish('1', '2');
    process('1');
    process('1', { attempt: 2 });
    const failing = deliver('2');
    work(failing, new Error('boom'));
    failing.term('hopeless');
    failing.ack();

    expect(formatHistory(record.check({ allow: ['duplicated'] }))).toBe(
      [
        'history NOT ok: 2 published, 3 received, 1 handled, 0 dead-lettered, 0 skipped, 0 leases lost',
        'lost (1):',
        '  /test 2: published at 0 (TEST 2); TEST 2 (attempt 1) received at 0; handler started at 0; ' +
          'handler failed at 0; term at 0; ack at 0, refused',
        'handled more than once (1, allowed):',
        '  /test 1: published at 0 (TEST 1); TEST 1 (attempt 1) received at 0; handler started at 0; ' +
          'handler succeeded at 0; ack at 0; TEST 1 (attempt 2) received at 0; handler started at 0; ' +
          'handler succeeded at 0; ack at 0',
      ].join('\n'),
    );
  });

  it('does not write more than can be read', () => {
    const { record, publish } = setup();
    publish(...Array.from({ length: 50 }, (_, index) => String(index)));

    const lines = formatHistory(record.check()).split('\n');

    expect(lines).toHaveLength(23);
    expect(lines.at(-1)).toBe('  and 30 more');
  });
});
