import { AssertionError } from 'node:assert';
import { constant, type Handler, handle, redeliver, settle } from 'millrace';
import { marbles } from 'millrace/testing';
import {
  asyncScheduler,
  concat,
  delay,
  EMPTY,
  interval,
  isObservable,
  map,
  mergeMap,
  retry,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import type { Outcome } from '../../src/core/outcome.ts';

const succeed = <T>(delivery: Delivery<T>): Outcome<T, never> => ({ kind: 'succeeded', delivery, value: undefined });

/** What `test` fails with. */
function failure(test: () => void): AssertionError {
  try {
    test();
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError);
    return error as AssertionError;
  }
  throw new Error('the test passed');
}

describe('marbles', () => {
  it(
    'has all the helpers of RxJS',
    marbles(({ cold, hot, time, flush, animate, expectObservable, expectSubscriptions }) => {
      const source = hot('  --a--b|');
      const subs = '        ^-----!';
      const expected = '    --x--y|';

      expectObservable(source.pipe(map((char) => (char === 'a' ? 'x' : 'y')))).toBe(expected);
      expectSubscriptions(source.subscriptions).toBe(subs);
      expectObservable(cold('a|').pipe(delay(time('--|')))).toBe('--(a|)');
      expect(typeof animate).toBe('function');
      flush();
    }),
  );

  it(
    'has its scheduler, which is the one that RxJS uses inside',
    marbles(({ scheduler, expectObservable }) => {
      expectObservable(timer(5, scheduler)).toBe('-----(0|)', { 0: 0 });
      expectObservable(timer(5).pipe(map(() => asyncScheduler.now() - scheduler.now()))).toBe('-----(0|)', { 0: 0 });
    }),
  );

  it(
    'tests a pipeline: outcomes, settlements, leases and timeouts',
    marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
      const source = deliveries(
        '  -a-b-c',
        { b: { data: 'poison' }, c: { data: 'slow' } },
        { subscription: { lease: 9 } },
      );
      const outcomes = '           -a-b------c';
      const settlements = '        -a-b----w-(tc)';
      const work: Handler = ({ event }) => {
        if (event.data === 'poison') throw new Error('refused');
        return event.data === 'slow' ? timer(9) : undefined;
      };

      const result = source.pipe(handle(work, { timeout: 5 }), redeliver(constant(200)), settle());

      expectOutcomes(result, '^--------------!').toBe(outcomes, { b: 'retry b 200', c: 'retry c 200' });
      expectSettlements(source, { show: ['working', 'abort'] }).toBe(settlements, {
        b: 'b nak 200',
        w: 'c working',
        t: 'c abort The handler did not finish within 5 ms',
        c: 'c nak 200',
      });
    }),
  );

  it('shows the frames that differ', () => {
    const test = marbles(({ cold, expectObservable }) => {
      expectObservable(cold('a-b-c|')).toBe('a--b-|');
    });

    const { message, actual, expected } = failure(test);

    expect(message).toBe(
      [
        'The frames differ (- expected, + actual)',
        '',
        "       0 ms  next 'a'",
        "-      3 ms  next 'b'",
        "+      2 ms  next 'b'",
        "+      4 ms  next 'c'",
        '       5 ms  complete',
        '',
      ].join('\n'),
    );
    expect(expected).toEqual(["     0 ms  next 'a'", "     3 ms  next 'b'", '     5 ms  complete']);
    expect(actual).toHaveLength(4);
  });

  it('shows subscriptions and errors that differ', () => {
    const subscriptions = marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-');
      expectObservable(source, '^--!');
      expectSubscriptions(source.subscriptions).toBe('^');
    });
    const causes = marbles(({ cold, expectObservable }) => {
      const error = (cause: string) => new Error('outer', { cause: new Error(cause) });
      expectObservable(cold('-#', undefined, error('inner'))).toBe('-#', undefined, error('other'));
    });

    expect(failure(subscriptions).message).toContain(
      '- subscribed at 0 ms, unsubscribed never\n+ subscribed at 0 ms, unsubscribed at 3 ms',
    );
    expect(failure(causes).message).toContain(
      '-      1 ms  error Error: outer, caused by Error: other\n+      1 ms  error Error: outer, caused by Error: inner',
    );
  });

  it('says so when values read alike but are not equal', () => {
    const test = marbles(({ cold, expectObservable }) => {
      expectObservable(cold('(a|)', { a: () => 1 })).toBe('(a|)', { a: () => 1 });
    });

    expect(failure(test).message).toContain('they read alike, but are not deeply equal');
  });

  it('fails instead of hanging when something repeats for ever', () => {
    const retries = marbles(({ expectObservable }) => {
      expectObservable(throwError(() => 'boom').pipe(retry({ delay: 1 }))).toBe('-');
    });
    const heartbeat = marbles(
      ({ scheduler, expectObservable }) => {
        expectObservable(interval(15_000, scheduler)).toBe('-');
      },
      { limit: 100 },
    );
    const explosion = marbles(
      ({ scheduler }) => {
        const grow = () => [1, 2].map(() => scheduler.schedule(grow, 1));
        grow();
      },
      { limit: 2_000 },
    );

    expect(retries).toThrow('Virtual time did not end within 50000 actions: at frame');
    expect(heartbeat).toThrow(/within 100 actions: at frame 1500000 .* unsubscription marble/);
    expect(explosion).toThrow(RangeError);
  });

  it('refuses a body that is asynchronous', () => {
    const test = marbles(async () => undefined);

    expect(test).toThrow(TypeError);
  });

  describe('deliveries', () => {
    it('delivers a fake for each character, with sane defaults', () => {
      const seen: Delivery[] = [];
      marbles(({ deliveries }) => {
        deliveries('--a--b').subscribe((delivery) => seen.push(delivery));
      })();

      expect(seen).toMatchObject([
        {
          event: { specversion: '1.0', id: 'a', source: '/test', type: 'test' },
          address: 'test',
          attempt: 1,
          headers: {},
          position: { stream: 'TEST', sequence: 1, consumerSequence: 1, time: 2, pending: 0 },
          subscription: { prefetch: 100 },
          settled: false,
        },
        { event: { id: 'b' }, position: { sequence: 2, consumerSequence: 2, time: 5 } },
      ]);
      expect(seen[0]!.subscription).toBe(seen[1]!.subscription);
      expect(seen[0]!.event).not.toHaveProperty('data');
    });

    it('takes what the values say', () => {
      const seen: Delivery[] = [];
      marbles(({ deliveries }) => {
        const values = {
          a: {
            data: null,
            type: 'order.placed',
            id: 'order-1',
            source: '/shop',
            subject: 'customer-7',
            attributes: { transactionid: 't-1' },
            address: 'shop.orders',
            attempt: 3,
            headers: { traceparent: 'x' },
            position: { stream: 'SHOP', sequence: 17 },
            subscription: { maxDeliver: 5 },
          },
          b: { position: undefined },
        };
        deliveries('ab', values, { subscription: { lease: 30, consumer: 'billing' } }).subscribe((delivery) =>
          seen.push(delivery),
        );
      })();

      expect(seen).toMatchObject([
        {
          event: { id: 'order-1', source: '/shop', subject: 'customer-7', transactionid: 't-1', data: null },
          address: 'shop.orders',
          attempt: 3,
          headers: { traceparent: 'x' },
          position: { stream: 'SHOP', sequence: 17, consumerSequence: 1 },
          subscription: { maxDeliver: 5, lease: 30, consumer: 'billing', prefetch: 100 },
        },
        { position: undefined, subscription: { lease: 30, consumer: 'billing' } },
      ]);
    });

    it('counts the attempts of a character that comes again', () => {
      const seen: unknown[] = [];
      marbles(({ deliveries }) => {
        deliveries('a-b-a-(aa)', { a: { attempt: 2 } }).subscribe(({ event, attempt, position }) =>
          seen.push([event.id, attempt, position?.sequence, position?.consumerSequence]),
        );
      })();

      expect(seen).toEqual([
        ['a', 2, 1, 1],
        ['b', 1, 2, 2],
        ['a', 3, 1, 3],
        ['a', 4, 1, 4],
        ['a', 5, 1, 5],
      ]);
    });

    it(
      'is hot: all who listen get the same deliveries, and its subscriptions are recorded',
      marbles(({ deliveries, expectObservable, expectSubscriptions, flush }) => {
        const source = deliveries('a-b-c|');
        const [first, second]: Delivery[][] = [[], []];
        source.subscribe((delivery) => first!.push(delivery));
        source.subscribe((delivery) => second!.push(delivery));

        expectObservable(source.pipe(map(({ event }) => event.id)), '-^').toBe('--b-c|');
        expectSubscriptions(source.subscriptions).toBe(['^----!', '^----!', '-^---!']);
        flush();
        expect(first).toHaveLength(3);
        expect(second!.every((delivery, index) => delivery === first![index])).toBe(true);
        expect(source.delivered).toEqual(first);
      }),
    );

    it(
      'fails where the diagram says so',
      marbles(({ deliveries, expectObservable }) => {
        const error = new Error('the source is gone');
        const source = deliveries('-a-#', {}, { error });

        expectObservable(source.pipe(map(({ event }) => event.id))).toBe('-a-#', undefined, error);
      }),
    );
  });

  describe('coldDeliveries', () => {
    it(
      'runs its diagram for each subscriber, with new deliveries',
      marbles(({ coldDeliveries, expectObservable, expectSettlements, expectSubscriptions }) => {
        const source = coldDeliveries('-a-b|');
        const consumer = source.pipe(tap((delivery) => delivery.ack()));
        const labels = concat(consumer, consumer).pipe(map(({ event, attempt }) => event.id + attempt));

        expectObservable(labels).toBe('    -w-x-y-z|', { w: 'a1', x: 'b1', y: 'a2', z: 'b2' });
        expectSettlements(source).toBe('-a-b-a-b');
        expectSubscriptions(source.subscriptions).toBe(['^---!', '----^---!']);
      }),
    );
  });

  describe('expectOutcomes', () => {
    it(
      'writes every kind of outcome',
      marbles(({ deliveries, expectOutcomes }) => {
        const receipt = { address: 'dlq', stored: true, duplicate: false };
        const outcomeOf = (delivery: Delivery): Outcome => {
          const error = new Error(`${delivery.event.id} went wrong`);
          switch (delivery.event.id) {
            case 'b':
              return { kind: 'succeeded', delivery, value: 5 };
            case 'c':
              return { kind: 'succeeded', delivery, value: 'five' };
            case 'd':
              return { kind: 'succeeded', delivery, value: { total: [5, null] } };
            case 'e':
              return { kind: 'skipped', delivery, reason: 'duplicate' };
            case 'f':
              return { kind: 'failed', delivery, error };
            case 'g':
              return { kind: 'failed', delivery, error: 'thrown text' };
            case 'h':
              return { kind: 'retry', delivery, error, delay: 200 };
            case 'i':
              return { kind: 'deadLettered', delivery, error, receipt };
            case 'j':
              return { kind: 'succeeded', delivery, value: 5n };
            case 'k':
              return { ...succeed(delivery), settleError: error };
            default:
              return succeed(delivery);
          }
        };
        const source = deliveries(' a-b-c-d-e-f-g-h-i-j-k|');
        const expected = '          a-b-c-d-e-f-g-h-i-j-k|';

        expectOutcomes(source.pipe(map(outcomeOf))).toBe(expected, {
          b: 'succeeded b 5',
          c: 'succeeded c "five"',
          d: 'succeeded d {"total":[5,null]}',
          e: 'skipped e duplicate',
          f: 'failed f f went wrong',
          g: 'failed g thrown text',
          h: 'retry h 200',
          i: 'deadLettered i',
          j: 'succeeded j 5n',
          k: 'succeeded k (settle: k went wrong)',
        });
      }),
    );

    it(
      'names a delivery by its character, whatever its id and whoever wrapped it',
      marbles(({ deliveries, expectOutcomes }) => {
        const source = deliveries('a-b|', { a: { id: 'same' }, b: { id: 'same' } });
        const wrapped = source.pipe(map((delivery) => ({ ...delivery, attempt: 9 })));

        expectOutcomes(wrapped.pipe(map(succeed))).toBe('a-b|');
      }),
    );

    it(
      'names a delivery whose event was replaced by its id',
      marbles(({ deliveries, expectOutcomes }) => {
        const source = deliveries('a|', { a: { id: 'order-1' } });
        const replaced = source.pipe(map((delivery) => ({ ...delivery, event: { ...delivery.event } })));

        expectOutcomes(replaced.pipe(map(succeed))).toBe('a|', { a: 'succeeded order-1' });
      }),
    );

    it(
      'takes a subscription diagram and an error',
      marbles(({ deliveries, expectOutcomes }) => {
        const outcomes = deliveries('a-b-c-#', {}, { error: 'gone' }).pipe(map(succeed));

        expectOutcomes(outcomes, '-^--!').toBe('--b--');
        expectOutcomes(outcomes).toBe('         a-b-c-#', {}, 'gone');
      }),
    );

    it('shows the outcomes that differ', () => {
      const test = marbles(({ deliveries, expectOutcomes }) => {
        expectOutcomes(deliveries('a-b').pipe(map(succeed))).toBe('a-b', { b: 'retry b 200' });
      });

      expect(failure(test).message).toContain(
        "       0 ms  next 'succeeded a'\n-      2 ms  next 'retry b 200'\n+      2 ms  next 'succeeded b'",
      );
    });
  });

  describe('expectSettlements', () => {
    const settleWith = (calls: Record<string, (delivery: Delivery) => unknown>) =>
      mergeMap((delivery: Delivery) => {
        const result = calls[delivery.event.id]?.(delivery);
        return isObservable(result) ? result : EMPTY;
      });

    it(
      'writes every kind of settlement, at its frame',
      marbles(({ deliveries, expectSettlements }) => {
        const source = deliveries('        -a-b-c-d-e-f-g|');
        const expected = '                 -a-b-c-d-e-f--g';
        source
          .pipe(
            settleWith({
              a: (delivery) => delivery.ack(),
              b: (delivery) => delivery.nak(),
              c: (delivery) => delivery.nak(200),
              d: (delivery) => delivery.term(),
              e: (delivery) => delivery.term('poison'),
              f: (delivery) => delivery.confirm(),
              g: (delivery) => timer(1).pipe(tap(() => delivery.ack())),
            }),
          )
          .subscribe();

        expectSettlements(source).toBe(expected, {
          b: 'b nak 0',
          c: 'c nak 200',
          d: 'd term',
          e: 'e term poison',
          f: 'f confirm',
        });
      }),
    );

    it(
      'shows what keeps a lease, what gives up and what changes nothing only when asked for',
      marbles(({ deliveries, expectSettlements }) => {
        const source = deliveries('-a');
        source.subscribe((delivery) => {
          delivery.working();
          delivery.abort(new Error('timed out'));
          delivery.nak(7);
          delivery.ack();
          delivery.working();
        });

        expectSettlements(source).toBe('-n', { n: 'a nak 7' });
        expectSettlements(source, { show: ['working'] }).toBe('-(wnx)', {
          w: 'a working',
          n: 'a nak 7',
          x: 'a working refused',
        });
        expectSettlements(source, { show: ['abort', 'refused'] }).toBe('-(tnr)', {
          t: 'a abort timed out',
          n: 'a nak 7',
          r: 'a ack refused',
        });
      }),
    );

    it(
      'lets a lease run out, and tells a late ack from one in time',
      marbles(({ deliveries, expectSettlements, expectObservable }) => {
        const subscription = { lease: 3 };
        const source = deliveries('a-----------b', {}, { subscription });
        const reasons = source.pipe(
          mergeMap((delivery) => {
            if (delivery.event.id === 'a') for (const at of [2, 4, 8]) timer(at).subscribe(() => delivery.working());
            return timer(9).pipe(
              map(() => [
                delivery.nak(5),
                delivery.settled,
                delivery.ack(),
                delivery.ack(),
                delivery.signal.reason.name,
              ]),
            );
          }),
        );
        const values = { x: [false, false, true, false, 'LeaseLostError'] };

        expectObservable(reasons).toBe('---------x-----------x', values);
        expectSettlements(source, { show: ['working'] }).toBe('--w-w--lrx-----m-----y', {
          w: 'a working',
          r: 'a working refused',
          l: 'a lost',
          x: 'a ack late',
          m: 'b lost',
          y: 'b ack late',
        });
      }),
    );

    it(
      'records what happens while it is being subscribed to',
      marbles(({ coldDeliveries, expectSettlements }) => {
        const source = coldDeliveries('(ab)');
        source.subscribe((delivery) => delivery.ack());

        expectSettlements(source).toBe('(ab)');
      }),
    );

    it('fails when a delivery is left unsettled, settled otherwise, or at another time', () => {
      const test = (diagram: string, values?: Record<string, string>) =>
        marbles(({ deliveries, expectSettlements }) => {
          const source = deliveries('a-b');
          source.subscribe((delivery) => delivery.event.id === 'a' && delivery.ack());
          expectSettlements(source).toBe(diagram, values);
        });

      expect(test('a')).not.toThrow();
      expect(test('a-b')).toThrow(AssertionError);
      expect(test('-a')).toThrow(AssertionError);
      expect(test('a', { a: 'a nak 0' })).toThrow(AssertionError);
    });
  });
});
