import assert from 'node:assert/strict';
import { concat, from, map, NEVER, Observable, of, Subscription, tap, throwError } from 'rxjs';
import { createEvent, type EventInit } from '../../core/create-event.ts';
import { RemoteError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { transactionOf } from '../../core/transaction.ts';
import type { AnswersEnd } from '../../patterns/queries/answer.ts';
import type { Served } from '../../patterns/queries/answer-request.ts';
import { bufferReplies } from '../../patterns/queries/buffer-replies.ts';
import { requestMany } from '../../patterns/queries/request-many.ts';
import { type RequestHandlers, type ServeOptions, serve } from '../../patterns/queries/serve.ts';
import { count, quorum, sentinel } from '../../patterns/queries/terminators.ts';
import type { Until } from '../../patterns/queries/until.ts';
import type { ContractCase, ContractContext } from './contract-case.ts';
import { ids, messenger, named, outcome, until } from './contract-tools.ts';

/** What holds for queries: those who serve them, and those who ask one or many. */
export const querying: readonly ContractCase[] = [
  {
    name: 'serves requests by type, with replies as they come, in the transaction of the request',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      const { served } = await world.serve({
        [world.type('one')]: ({ event }) => reply(event.data),
        [world.type('many')]: () => from(ids(100)).pipe(map(reply)),
        [world.type('none')]: () => undefined,
      });

      const one = await world.ask(world.question('one', { data: 7, transactionid: 'tid-1' }), false);
      assert.deepEqual(
        one.map((event) => [event.data, transactionOf(event)]),
        [[7, 'tid-1']],
      );
      assert.deepEqual(dataOf(await world.ask(world.question('many'))), ids(100));
      assert.deepEqual(await world.ask(world.question('none')), []);

      await until(context, 'the account', () => served.length === 3);
      assert.deepEqual(
        served.map(({ kind, replies }) => [kind, replies]),
        [
          ['answered', 1],
          ['answered', 100],
          ['answered', 0],
        ],
      );
      world.close();
    },
  },
  {
    name: 'tells the asker what a handler failed with, and goes on',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      const failure = throwError(() => new RemoteError('SOLD_OUT', 'there are none left'));
      const { served } = await world.serve({
        [world.type('late')]: () => concat(of(reply(1)), failure),
        [world.type('whole')]: () => concat(of(reply(1)), failure).pipe(bufferReplies()),
        [world.type('good')]: () => reply(2),
      });

      for (const [name, before] of [
        ['late', [1]],
        ['whole', []],
      ] as const) {
        const replies: unknown[] = [];
        const asked = world.request(world.question(name)).pipe(tap(({ data }) => replies.push(data)));
        await assert.rejects(outcome(context, asked), {
          name: 'RemoteError',
          remoteCode: 'SOLD_OUT',
          message: 'there are none left',
        });
        assert.deepEqual(replies, before);
      }
      assert.deepEqual(dataOf(await world.ask(world.question('good'))), [2]);
      assert.deepEqual(
        served.map(({ kind }) => kind),
        ['failed', 'failed', 'answered'],
      );
      world.close();
    },
  },
  {
    name: 'answers a type that nobody handles with an error, and not with silence',
    requires: ['requestReply', 'wildcards'],
    async run(context) {
      const world = openWorld(context);
      const options = { addresses: [`${context.address}.>`] };
      const { served } = await world.serve({ [world.type('known')]: () => undefined }, options);

      await assert.rejects(world.ask(world.question('unknown')), {
        name: 'RemoteError',
        remoteCode: 'UNHANDLED_TYPE',
      });
      assert.equal(served[0]?.kind, 'refused');
      world.close();
    },
  },
  {
    name: 'ends the handler when the asker goes, and refuses what finds no room',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      let running = 0;
      const work = new Observable<never>(() => {
        running += 1;
        return () => {
          running -= 1;
        };
      });
      const { served } = await world.serve({ [world.type('slow')]: () => work }, { concurrency: 1, buffer: 0 });
      const asked = world.request(world.question('slow')).subscribe();
      await until(context, 'the handler', () => running === 1);

      await assert.rejects(world.ask(world.question('slow')), { name: 'RemoteError', remoteCode: 'BUSY' });
      asked.unsubscribe();

      await until(context, 'the end of the handler', () => running === 0);
      await until(context, 'the account', () => served.length === 2);
      assert.deepEqual(
        served.map(({ kind }) => kind),
        ['refused', 'abandoned'],
      );
      world.close();
    },
  },
  {
    name: 'gathers from all who answer until enough agree, without waiting for the slowest',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      for (const vote of ['a', 'b', 'a', undefined, 'a']) {
        await world.serve({ [world.type('vote')]: () => (vote === undefined ? NEVER : reply(vote)) });
      }

      const end = await world.gather([quorum(3), count(5)]);

      assert.equal(end.reason.kind, 'quorum');
      assert.deepEqual(end.reason.kind === 'quorum' && dataOf(end.reason.agreed), ['a', 'a', 'a']);
      world.close();
    },
  },
  {
    name: 'gathers so many replies, or until so many are done, and says which it was',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      await world.serve({ [world.type('vote')]: () => [reply(1), reply(2)] });
      await world.serve({ [world.type('vote')]: () => throwError(() => new RemoteError('NO', 'no')) });

      const byCount = await world.gather(count(2));
      const byEnds = await world.gather(sentinel(2));

      assert.deepEqual(byCount.reason, { kind: 'count', count: 2 });
      assert.deepEqual(byEnds, {
        kind: 'end',
        reason: { kind: 'sentinel', responders: 2 },
        replies: 2,
        ended: 1,
        failed: 1,
        unreadable: 0,
      });
      world.close();
    },
  },
  {
    name: 'fails at once where nobody is there to gather from, and when nobody answers in time',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      await assert.rejects(world.gather(count(1)), named('NoRespondersError'));
      await world.serve({ [world.type('vote')]: () => NEVER });

      await assert.rejects(world.gather(count(1), 200), named('RequestTimeoutError'));
      world.close();
    },
  },
  {
    name: 'completes when it is drained, and leaves nothing running and nobody waiting',
    requires: ['requestReply'],
    async run(context) {
      const world = openWorld(context);
      let running = false;
      const work = new Observable<never>(() => {
        running = true;
        return () => {
          running = false;
        };
      });
      const serving = await world.serve({ [world.type('never')]: () => work });
      const left = assert.rejects(world.ask(world.question('never')));
      await until(context, 'the handler', () => running);

      await outcome(context, context.transport.drain({ grace: 100 }));

      await left;
      await until(context, 'the end', () => serving.ended);
      assert.equal(running, false);
    },
  },
];

/** Those who serve at the case's address, and those who ask there. */
interface World {
  type(name: string): string;
  question(name: string, init?: Partial<EventInit>): Event;
  request(event: Event, many?: boolean): Observable<Event>;
  /** Asks for all replies, or for one. */
  ask(event: Event, many?: boolean): Promise<readonly Event[]>;
  /** Asks all who serve votes. */
  gather(enough: Until | readonly Until[], timeout?: number): Promise<AnswersEnd>;
  /** Serves until the world is closed; resolves when requests come. */
  serve(handlers: RequestHandlers, options?: ServeOptions): Promise<Serving>;
  close(): void;
}

interface Serving {
  readonly served: readonly Served[];
  readonly ended: boolean;
}

function openWorld(context: ContractContext): World {
  const { request, requests } = messenger(context);
  const serving = new Subscription();
  const type = (name: string) => `${context.address}.${name}`;
  const question = (name: string, init: Partial<EventInit> = {}) =>
    createEvent({ source: '/test', ...init, type: type(name) });
  const ask = (event: Event, many = true) => request(event, { many, address: event.type });

  return {
    type,
    question,
    request: ask,
    ask: (event, many) => outcome(context, ask(event, many)),
    async gather(enough, timeout) {
      const options = { until: enough, address: type('vote'), ...(timeout === undefined ? {} : { timeout }) };
      const answers = await outcome(context, requestMany({ request }, question('vote'), options));
      const end = answers.at(-1);
      assert(end?.kind === 'end', 'the last value says why it ended');
      return end;
    },
    async serve(handlers, options = {}) {
      const served: Served[] = [];
      let ended = false;
      const one = serve({ requests }, handlers, { addresses: Object.keys(handlers), ...options }).subscribe({
        next: (what) => served.push(what),
        complete() {
          ended = true;
        },
      });
      serving.add(one);
      await context.advance(20);
      return {
        served,
        get ended() {
          return ended;
        },
      };
    },
    close: () => serving.unsubscribe(),
  };
}

function reply(data: unknown): EventInit {
  return { type: 'test.reply', data };
}

function dataOf(events: readonly Event[]): readonly unknown[] {
  return events.map(({ data }) => data);
}
