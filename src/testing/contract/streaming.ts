import assert from 'node:assert/strict';
import { concat, from, map, NEVER, Observable, Subject, Subscription, take } from 'rxjs';
import type { Wired } from '../../core/raw-wire.ts';
import { SessionCloseError } from '../../patterns/sessions/errors.ts';
import { openChannel, openSession } from '../../patterns/sessions/open-session.ts';
import type { SessionEnd, SessionHandler } from '../../patterns/sessions/producer-session.ts';
import { type ServeSessionsOptions, serveSessions } from '../../patterns/sessions/serve-sessions.ts';
import type { ContractCase, ContractContext } from './contract-case.ts';
import { ids, named, outcome, until } from './contract-tools.ts';

/** What holds for sessions: those who serve them, and those who open them. */
export const streaming: readonly ContractCase[] = [
  {
    name: 'brings the values of a session in order, through a window that is smaller, and its end',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close } = openWorld(context);
      const { ends } = await serve(() => ids(1_000));

      const values = await outcome(context, openSession<string>(wired, address, null, { window: 8 }));

      assert.deepEqual(values, ids(1_000));
      await until(context, 'its end at the producer', () => ends.length === 1);
      assert.deepEqual([ends[0]?.kind, ends[0]?.sent], ['completed', 1_000]);
      close();
    },
  },
  {
    name: 'stops the producer of a session that is unsubscribed',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close } = openWorld(context);
      let stopped = 0;
      const endless = new Observable<string>((subscriber) => {
        subscriber.next('1');
        return () => {
          stopped += 1;
        };
      });
      const { ends } = await serve(() => endless);

      assert.deepEqual(await outcome(context, openSession(wired, address, null).pipe(take(1))), ['1']);

      await until(context, 'the producer to stop', () => stopped === 1 && ends.length === 1);
      assert.equal(ends[0]?.kind, 'cancelled');
      close();
    },
  },
  {
    name: 'tells the consumer of a session why it failed, and at once that nobody serves it',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close } = openWorld(context);
      await assert.rejects(outcome(context, openSession(wired, address, null), 2_000), named('NoRespondersError'));
      await serve((request) => {
        if (request === 'own') throw new SessionCloseError(4_242, 'mine');
        throw new Error('no');
      });

      for (const [request, code, text] of [
        ['own', 4_242, 'mine'],
        ['other', 5_000, 'no'],
      ] as const) {
        await assert.rejects(outcome(context, openSession(wired, address, request)), (error) => {
          assert.deepEqual([(error as SessionCloseError).closeCode, (error as SessionCloseError).text], [code, text]);
          return true;
        });
      }
      close();
    },
  },
  {
    name: 'sends no more of a session than is wanted',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close, watch } = openWorld(context);
      let made = 0;
      await serve(function* numbers() {
        for (;;) {
          made += 1;
          yield made;
        }
      });
      const demand = new Subject<number>();
      const values = watch(openSession<number>(wired, address, null, { demand }));

      await context.advance(50);
      assert.deepEqual([made, values.length], [0, 0]);
      for (const wanted of [3, 5]) {
        demand.next(wanted - made);
        await until(context, `${wanted} values`, () => values.length === wanted);
        await context.advance(50);
        assert.deepEqual([made, values.length], [wanted, wanted]);
      }
      close();
    },
  },
  {
    name: 'carries the values of a channel both ways, and ends each way by itself',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close } = openWorld(context);
      await serve((_, { incoming$ }) => concat(incoming$.pipe(map((value) => `re: ${value}`)), ['end']), { window: 4 });

      const replies = await outcome(context, openChannel<string>(wired, address, null, from(ids(100))));

      assert.deepEqual(replies, [...ids(100).map((id) => `re: ${id}`), 'end']);
      close();
    },
  },
  {
    name: 'keeps many sessions apart, and none waits for another that stands still',
    requires: ['sessions'],
    async run(context) {
      const { address, wired, serve, close, watch } = openWorld(context);
      await serve((session) => ids(50).map((id) => `${session}/${id}`));
      const still = watch(openSession(wired, address, 'still', { demand: NEVER }));
      const all = ids(50).map((session) => watch(openSession<string>(wired, address, session, { window: 4 })));

      await until(context, 'all values', () => all.every((values) => values.length === 50));

      for (const [index, values] of all.entries())
        assert.deepEqual(
          values,
          ids(50).map((id) => `${index + 1}/${id}`),
        );
      assert.deepEqual(still, []);
      close();
    },
  },
];

/** A transport's wire, and sessions on it that end with the case. */
function openWorld(context: ContractContext) {
  const { wire } = context.transport;
  assert(wire !== undefined, 'the transport claims sessions, but lacks its wire');
  const wired: Wired = { wire };
  const address = `${context.address}.session`;
  const open = new Subscription();

  return {
    wired,
    address,
    /** Serves sessions; resolves when those that are opened from then on are served. */
    async serve(
      handler: SessionHandler,
      options?: ServeSessionsOptions,
    ): Promise<{ readonly ends: readonly SessionEnd[] }> {
      const ends: SessionEnd[] = [];
      let fault: unknown;
      open.add(
        serveSessions(wired, address, handler, options).subscribe({
          next: (end) => ends.push(end),
          error: (error: unknown) => {
            fault = error;
          },
        }),
      );
      await context.advance(50);
      assert.equal(fault, undefined);
      return { ends };
    },
    /** Keeps what a session brings. */
    watch<T>(session: Observable<T>): readonly T[] {
      const values: T[] = [];
      const ended = () => undefined; // with the case, if not before: then too few values come
      open.add(session.subscribe({ next: (value) => values.push(value), error: ended }));
      return values;
    },
    close: () => open.unsubscribe(),
  };
}
