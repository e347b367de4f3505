import { BufferOverflowError, type Event, PublishError, publishTo, type Receipt } from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { fakeDelivery, marbles, virtualTime } from 'millrace/testing';
import { Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../support/made.ts';
import { operatorLaws } from '../support/operator-laws.ts';
import { receiptAt, recordingPublisher } from '../support/publishers.ts';

const nthEvent = (n: number): Event => fakeDelivery({ id: String(n) }).event;

describe('publishTo', () => {
  operatorLaws<Event, Receipt>(() => publishTo(recordingPublisher()), nthEvent);

  it(
    'publishes one after the other, and emits the receipts',
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const source = hot('  ab-|', { a: nthEvent(1), b: nthEvent(2) });
      const publish = cold('--(r|)', { r: receiptAt('test') });
      const subs = ['       ^-!', '--^-!'];
      const expected = '    --r-(r|)';

      expectObservable(source.pipe(publishTo({ publish: () => publish }))).toBe(expected, { r: receiptAt('test') });
      expectSubscriptions(publish.subscriptions).toBe(subs);
    }),
  );

  it(
    'publishes several at a time where it is told to',
    marbles(({ cold, hot, expectObservable }) => {
      const source = hot('  ab-|', { a: nthEvent(1), b: nthEvent(2) });
      const publish = cold('--(r|)', { r: receiptAt('test') });
      const expected = '    --r(r|)';

      expectObservable(source.pipe(publishTo({ publish: () => publish }, { concurrency: 2 }))).toBe(expected, {
        r: receiptAt('test'),
      });
    }),
  );

  it('publishes as it is told to', () => {
    const publisher = recordingPublisher();
    const options = { address: 'shop.placed', headers: { traceparent: '00-1-2-01' }, messageId: false, stored: true };
    const event = nthEvent(1);

    of(event)
      .pipe(publishTo(publisher, options as never))
      .subscribe();

    expect(publisher.attempts).toMatchObject([{ event, options }]);
  });

  it.each([
    { how: 'fails', publish: () => throwError(() => boom) },
    {
      how: 'throws',
      publish: () => {
        throw boom;
      },
    },
  ])('ends with the error of a publish that $how, and publishes nothing more', ({ publish }) => {
    const source = new Subject<Event>();
    const seen: unknown[] = [];
    source
      .pipe(publishTo({ publish }))
      .subscribe({ next: (receipt) => seen.push(receipt), error: (error) => seen.push(error) });

    source.next(nthEvent(1));

    expect(seen).toEqual([boom]);
    expect(source.observed).toBe(false);
  });

  it('cancels what runs when it is unsubscribed', () => {
    const answer = new Subject<Receipt>();

    const subscription = new Observable<Event>((subscriber) => subscriber.next(nthEvent(1)))
      .pipe(publishTo(recordingPublisher(() => answer)))
      .subscribe();
    const before = answer.observed;
    subscription.unsubscribe();

    expect([before, answer.observed]).toEqual([true, false]);
  });

  it('has a bound on what waits', () => {
    const seen: unknown[] = [];

    of(...[1, 2, 3].map(nthEvent))
      .pipe(
        publishTo(
          recordingPublisher(() => new Subject<Receipt>()),
          { buffer: 1 },
        ),
      )
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toEqual([new BufferOverflowError('The buffer of boundedConcurrency', 1)]);
  });

  it('says where an event could not go', () => {
    const seen: unknown[] = [];
    const transport = memoryTransport(memoryBroker({ scheduler: virtualTime() }));

    of(nthEvent(1))
      .pipe(publishTo(transport, { address: 'nowhere' }))
      .subscribe({ error: (error) => seen.push(error) });

    expect(seen).toMatchObject([expect.any(PublishError)]);
    expect(seen).toMatchObject([{ code: 'UNBOUND_ADDRESS', address: 'nowhere', outcome: 'refused' }]);
  });
});
