// Sessions, moment by moment. A frame is a millisecond; a beat has ten of them.
import {
  type OpenSessionOptions,
  openSession,
  type ServeSessionsOptions,
  SessionCloseError,
  serveSessions,
} from 'millrace';
import { type MarblesHelpers, marbles } from 'millrace/testing';
import { catchError, map, type Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hubOf } from '../../../src/patterns/sessions/hub.ts';
import { type Gate, gatesOn } from './session-rig.ts';

interface Rig extends MarblesHelpers {
  readonly producer: Gate;
  readonly consumer: Gate;
  /** Serves what is drawn at `s`; emits how sessions end, as text. */
  serve(source: Observable<string> | Iterable<string>, options?: ServeSessionsOptions): Observable<string>;
  /** A session, with its failure as a value: its close code. */
  open(options?: OpenSessionOptions<string>): Observable<string>;
  /** Runs something at a time. */
  at(time: number, work: () => void): void;
}

const heartbeat = { interval: 10, timeout: 5 };

function session(body: (rig: Rig) => void): () => void {
  return marbles((helpers) => {
    const gate = gatesOn(helpers.scheduler);
    const [producer, consumer] = [gate('/producer'), gate('/consumer')];
    body({
      ...helpers,
      producer,
      consumer,
      serve: (source, options) =>
        serveSessions(producer, 's', () => source, { heartbeat, ...options }).pipe(map(({ kind }) => kind)),
      open: (options) =>
        openSession<string>(consumer, 's', null, { heartbeat, ...options }).pipe(
          catchError((error: unknown) => of(String(error instanceof SessionCloseError ? error.closeCode : error))),
        ),
      at: (time, work) => helpers.scheduler.schedule(work, time),
    });
  });
}

describe('a session in marbles', () => {
  it(
    'is its source, from when it is opened to when it ends',
    session(({ cold, serve, open, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b--c|');

      expectObservable(serve(source), '^---------!').toBe('-------a', { a: 'completed' });
      expectObservable(open()).toBe('-a-b--c|');
      expectSubscriptions(source.subscriptions).toBe('^------!');
    }),
  );

  it(
    'is cancelled by its consumer',
    session(({ cold, serve, open, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b--c|');

      expectObservable(serve(source), '^---------!').toBe('----a', { a: 'cancelled' });
      expectObservable(open(), '^---!').toBe('-a-b');
      expectSubscriptions(source.subscriptions).toBe('^---!');
    }),
  );

  it(
    'fails as its source does, after what came before',
    session(({ cold, serve, open, expectObservable }) => {
      expectObservable(serve(cold('-a-#')), '^-----!').toBe('---a', { a: 'failed' });
      expectObservable(open()).toBe('-a-(e|)', { a: 'a', e: '5000' });
    }),
  );

  it(
    'sends as much as is wanted, when it is',
    session(({ cold, serve, open, expectObservable }) => {
      const demand = cold('1--1--9', { 1: 1, 9: 9 });

      expectObservable(serve(['a', 'b', 'c']), '^--------!').toBe('------a', { a: 'completed' });
      expectObservable(open({ demand })).toBe('a--b--(c|)');
    }),
  );

  it(
    'keeps what comes too soon until it is wanted, and drops the oldest',
    session(({ cold, serve, open, expectObservable }) => {
      const demand = cold('------9', { 9: 9 });

      expectObservable(serve(cold('-abc-----|'), { buffer: 1, overflow: 'drop-oldest' }), '^----------!').toBe(
        '---------a',
        { a: 'completed' },
      );
      expectObservable(open({ demand })).toBe('------c--|');
    }),
  );

  it(
    'takes some time to be opened, to be cancelled, and to say so',
    session(({ cold, serve, open, producer, consumer, expectObservable, expectSubscriptions }) => {
      producer.delay(2);
      consumer.delay(3);
      const source = cold('-a-b-c-d-e');

      expectObservable(serve(source), '^------------!').toBe('----------a', { a: 'cancelled' });
      expectObservable(open(), '^------!').toBe('------a');
      expectSubscriptions(source.subscriptions).toBe('---^------!');
    }),
  );

  it(
    'may be cancelled before it is open: its producer hears it when it is',
    session(({ cold, serve, open, producer, consumer, at, expectObservable }) => {
      producer.delay(2);
      consumer.delay(3);

      expectObservable(serve(cold('-a-b-c-d-e')), '^------------!').toBe('--------a', { a: 'cancelled' });
      expectObservable(open(), '^!').toBe('');
      at(12, () => expect([hubOf(producer.wire).size, hubOf(consumer.wire).size]).toEqual([0, 0]));
    }),
  );

  it(
    'may be cancelled while its end is on its way',
    session(({ cold, serve, open, producer, consumer, at, expectObservable }) => {
      producer.delay(3);
      consumer.delay(3);

      expectObservable(serve(cold('---|')), '^------------!').toBe('------a', { a: 'completed' });
      expectObservable(open(), '^-------!').toBe('');
      at(20, () => expect([hubOf(producer.wire).size, hubOf(consumer.wire).size]).toEqual([0, 0]));
    }),
  );

  it(
    'is over for both when two beats and the time for an answer bring nothing',
    session(({ cold, serve, open, producer, at, expectObservable, expectSubscriptions }) => {
      const source = cold('');
      at(11, () => producer.cut());

      // Each last heard of the other one at the beat of frame 10.
      expectObservable(serve(source), '^ 50ms !').toBe('35ms a', { a: 'lost' });
      expectObservable(open()).toBe('35ms (e|)', { e: '1006' });
      expectSubscriptions(source.subscriptions).toBe('^ 34ms !');
    }),
  );

  it(
    'outlives a beat that is lost',
    session(({ cold, serve, open, producer, at, expectObservable }) => {
      at(11, () => producer.lose(/ActiveStreamIds/, 1));

      expectObservable(serve(cold('-a 58ms b|')), '^ 70ms !').toBe('61ms a', { a: 'completed' });
      expectObservable(open()).toBe('-a 58ms b|');
    }),
  );

  it(
    'goes on after a gap, from the last value that came',
    session(({ cold, open, producer, at, expectObservable }) => {
      const sources = [cold('-1-2-3-4-5'), cold('--3-4|')];
      const offsets: number[] = [];
      const serving = serveSessions(producer, 's', (_, { offset }) => {
        offsets.push(offset);
        return sources[offsets.length - 1];
      });
      serving.subscribe();
      at(4, () => producer.lose(/"type":1/, 1));

      expectObservable(open({ resume: () => 3 })).toBe('-1-2--------3-4|');
      at(20, () => expect(offsets).toEqual([0, 2]));
    }),
  );
});
