import {
  type Arrival,
  createEvent,
  deadLetter,
  deadLetterHeaders,
  defineEvent,
  handle,
  type Outcome,
  ofType,
  redeliver,
  settle,
} from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { concat, delay, map, NEVER, Observable, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Delivery } from '../../src/core/delivery.ts';
import type { Receipt } from '../../src/core/transport.ts';
import { boom, failed, nthDelivery, retried, skipped, succeeded } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';
import { receiptAt, recordingPublisher } from '../support/publishers.ts';

describe('deadLetter', () => {
  operatorLaws<Outcome, Outcome>(
    (scheduler) => deadLetter(recordingPublisher(), { scheduler }),
    (n) => failed(nthDelivery(n)),
  );

  it(
    'stores what failed, and lets the rest pass',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const made: Record<string, (delivery: Delivery) => Outcome> = {
        a: (delivery) => succeeded(delivery),
        b: (delivery) => skipped(delivery),
        c: (delivery) => retried(delivery),
        d: (delivery) => failed(delivery),
      };
      const source = deliveries('  -a-b-c-d-|');
      const expected = '           -a-b-c-d-|';
      const outcomes = source.pipe(map((d) => made[d.event.id]?.(d) as Outcome));
      const publisher = recordingPublisher();

      expectOutcomes(outcomes.pipe(deadLetter(publisher))).toBe(expected, {
        b: 'skipped b duplicate',
        c: 'retry c 200',
        d: 'deadLettered d',
      });
      expectSettlements(source, { show: ['refused', 'working', 'abort'] }).toBe('');
    }),
  );

  it(
    'waits for the receipt, and lets others overtake it',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries('  -a-b--|');
      const expected = '           ---b-a|';
      const settlements = '        ---b-a';
      const publisher = recordingPublisher((_, { options }) => of(receiptAt(options.address)).pipe(delay(4)));
      const fail = map((d: Delivery): Outcome => (d.event.id === 'a' ? failed(d) : succeeded(d)));

      expectOutcomes(source.pipe(fail, deadLetter(publisher), settle())).toBe(expected, { a: 'deadLettered a' });
      expectSettlements(source).toBe(settlements, { a: 'a term boom' });
    }),
  );

  it('carries the receipt and the failure', () => {
    const delivery = fakeDelivery();
    const seen: Outcome[] = [];

    of<Outcome>(failed(delivery))
      .pipe(deadLetter(recordingPublisher()))
      .subscribe((outcome) => seen.push(outcome));

    expect(seen).toEqual([{ kind: 'deadLettered', delivery, error: boom, receipt: receiptAt('test.dlq') }]);
  });

  it('publishes the event as it is, to be stored, with its reason as headers', () => {
    const publisher = recordingPublisher();
    const time = virtualTime({ start: 5_000 });
    const delivery = fakeDelivery({ attempt: 3, data: { total: 5 }, headers: { traceparent: '00-1-2-01' } });

    of<Outcome>(failed(delivery))
      .pipe(deadLetter(publisher, { scheduler: time }))
      .subscribe();

    const [attempt] = publisher.attempts;
    expect(attempt?.event).toBe(delivery.event);
    expect(attempt?.options).toMatchObject({ address: 'test.dlq', stored: true });
    expect(attempt?.options.headers).toMatchObject({
      traceparent: '00-1-2-01',
      [deadLetterHeaders.errorMessage]: 'boom',
      [deadLetterHeaders.attempts]: '3',
      [deadLetterHeaders.lastTime]: '1970-01-01T00:00:05.000Z',
    });
  });

  it('publishes the event as it came, not as a schema made it', () => {
    const publisher = recordingPublisher();
    const placed = defineEvent({ type: 'test', schema: z.string().transform(Number) });
    const delivery = fakeDelivery({ data: '42' });
    const seen: unknown[] = [];

    of<Arrival>(delivery)
      .pipe(
        ofType(placed),
        handle((typed) => {
          seen.push(typed.event.data);
          throw boom;
        }),
        deadLetter(publisher),
      )
      .subscribe();

    expect(seen).toEqual([42]);
    expect(publisher.attempts[0]?.event).toBe(delivery.event);
  });

  it.each([
    { to: 'dead.letters', address: 'dead.letters' },
    { to: ({ address, attempt }: Delivery) => `dead.${address}.${attempt}`, address: 'dead.test.1' },
  ])('sends it to $address', ({ to, address }) => {
    const publisher = recordingPublisher();

    of<Outcome>(failed(fakeDelivery())).pipe(deadLetter(publisher, { to })).subscribe();

    expect(publisher.attempts[0]?.options.address).toBe(address);
  });

  it('gives each dead letter an id that its next attempts share, and no other', () => {
    const publisher = recordingPublisher();
    const subscription = { stream: 'SHOP', consumer: 'billing' };
    const at = (stream: string, sequence: number) => ({ position: { stream, sequence }, subscription });

    of<Outcome[]>(
      failed(fakeDelivery(at('SHOP', 7))),
      failed(fakeDelivery({ ...at('SHOP', 7), attempt: 2 })),
      failed(fakeDelivery(at('SHOP', 8))),
      failed(fakeDelivery(at('OTHER', 7))),
      failed(fakeDelivery({ ...at('SHOP', 7), subscription: { consumer: 'audit' } })),
      failed(fakeDelivery({ position: undefined })),
      failed(fakeDelivery({ position: undefined, id: '2' })),
    )
      .pipe(deadLetter(publisher))
      .subscribe();

    expect(publisher.attempts.map(({ options }) => options.messageId)).toEqual([
      'dlq SHOP 7 billing',
      'dlq SHOP 7 billing',
      'dlq SHOP 8 billing',
      'dlq OTHER 7 billing',
      'dlq SHOP 7 audit',
      'dlq test /test 1',
      'dlq test /test 2',
    ]);
  });

  it.each(['complete', boom])('ends with %s only when everything is stored', (end) => {
    const source = new Subject<Outcome>();
    const answers = [new Subject<Receipt>(), new Subject<Receipt>()];
    const seen: unknown[] = [];
    source.pipe(deadLetter(recordingPublisher((n) => answers[n - 1] as Subject<Receipt>))).subscribe({
      next: ({ kind }) => seen.push(kind),
      error: (e) => seen.push(e),
      complete: () => seen.push('complete'),
    });

    source.next(failed(nthDelivery(1)));
    source.next(failed(nthDelivery(2)));
    if (end === boom) source.error(boom);
    else source.complete();
    for (const answer of answers.toReversed()) {
      seen.push('answer');
      answer.next(receiptAt('x'));
      answer.complete();
    }

    expect(seen).toEqual(['answer', 'deadLettered', 'answer', 'deadLettered', end]);
  });

  it('hands back what is not stored yet when it is unsubscribed, and cancels the publish', async () => {
    const time = virtualTime();
    const answer = new Subject<Receipt>();
    const deliveries = [nthDelivery(1), nthDelivery(2)];

    const subscription = concat(of(...deliveries.map((delivery) => failed(delivery))), NEVER)
      .pipe(
        deadLetter(
          recordingPublisher(() => answer),
          { scheduler: time },
        ),
      )
      .subscribe();
    const before = answer.observed;
    subscription.unsubscribe();

    expect([before, answer.observed, time.pending]).toEqual([true, false, 0]);
    for (const { calls } of deliveries) expect(calls).toMatchObject([{ kind: 'nak', delay: 0, accepted: true }]);
  });

  it('hands all of them back, though a publish cannot be cancelled', () => {
    const stubborn = recordingPublisher(
      () =>
        new Observable(() => () => {
          throw boom;
        }),
    );
    const deliveries = [nthDelivery(1), nthDelivery(2)];

    const subscription = concat(of(...deliveries.map((delivery) => failed(delivery))), NEVER)
      .pipe(deadLetter(stubborn, { scheduler: virtualTime() }))
      .subscribe();
    expect(() => subscription.unsubscribe()).toThrow('boom');

    expect(deliveries.map(({ settled }) => settled)).toEqual([true, true]);
  });

  it.each([
    { publisher: {}, options: {}, error: new TypeError("deadLetter needs a publisher with 'publish'") },
    { publisher: undefined, options: {}, error: new TypeError("deadLetter needs a publisher with 'publish'") },
    { options: { timeout: 0 }, error: new RangeError("'timeout' must be above 0 ms, not 0") },
    { options: { returnDelay: 0 }, error: new RangeError("'returnDelay' must be above 0 ms, not 0") },
  ])('refuses $options $publisher', ({ options, error, ...rest }) => {
    const publisher = 'publisher' in rest ? rest.publisher : recordingPublisher();

    expect(() => deadLetter(publisher as never, options)).toThrow(error);
  });
});

describe('deadLetter, on a stream', () => {
  it('terms a delivery only when its dead letter is stored, with its reason', async () => {
    const time = virtualTime();
    const broker = memoryBroker({ scheduler: time });
    const transport = memoryTransport(broker);
    for (const config of [
      { name: 'SHOP', subjects: ['shop.*'], retention: 'workqueue' as const },
      { name: 'DEAD', subjects: ['*.*.dlq'] },
    ]) {
      ensureStream(broker, config).subscribe();
    }
    ensureConsumer(broker, { stream: 'SHOP', name: 'billing' }).subscribe();
    const event = createEvent({ type: 'shop.placed', source: '/test', id: '1', data: { total: 5 } });
    transport.publish(event).subscribe();
    const log: string[] = [];
    broker.advisories$.subscribe(({ kind }) => log.push(kind));

    const dead: Delivery[] = [];
    transport.subscribe({ stream: 'DEAD' }).subscribe((delivery) => {
      log.push('stored');
      dead.push(delivery);
    });
    transport
      .subscribe({ stream: 'SHOP', consumer: 'billing' })
      .pipe(
        handle(() => Promise.reject(boom), { scheduler: time }),
        redeliver(() => 100, { scheduler: time }),
        map((outcome) =>
          outcome.kind === 'retry' && outcome.delivery.attempt === 3 ? failed(outcome.delivery) : outcome,
        ),
        deadLetter(
          { publish: (events, options) => transport.publish(events, options).pipe(delay(50, time)) },
          { scheduler: time },
        ),
        settle({ scheduler: time }),
      )
      .subscribe(({ kind }) => log.push(kind));
    await time.advanceBy(1_000);

    expect(log).toEqual(['retry', 'retry', 'stored', 'terminated', 'deadLettered']);
    expect(dead).toMatchObject([
      {
        event,
        address: 'shop.placed.dlq',
        headers: {
          [deadLetterHeaders.errorMessage]: 'boom',
          [deadLetterHeaders.stream]: 'SHOP',
          [deadLetterHeaders.sequence]: '1',
          [deadLetterHeaders.consumer]: 'billing',
          [deadLetterHeaders.attempts]: '3',
        },
      },
    ]);
    expect(broker.stream('SHOP').info()).toMatchObject({ messages: 0 });
  });
});
