import {
  count,
  deadline,
  type Event,
  type IncomingRequest,
  predicate,
  quorum,
  type Requester,
  requestMany,
  sentinel,
  stall,
  type Until,
} from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { concat, EMPTY, NEVER, of, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../../support/made.ts';
import { ADDRESS, type QueryRig, queryRig, respond, sample, written } from './support.ts';

/** Asks at the address, and writes down what comes. */
function ask({ asking, time }: QueryRig, until: Until | readonly Until[], timeout?: number) {
  const options = { address: ADDRESS, until, scheduler: time, ...(timeout === undefined ? {} : { timeout }) };
  return written(requestMany(asking, sample('question'), options));
}

const replyAndEnd =
  (...ids: string[]) =>
  (request: IncomingRequest) => {
    for (const id of ids) request.reply(sample(id));
    request.end();
  };

describe('requestMany', () => {
  it('asks nobody until it is subscribed to, and anew for each subscriber', () => {
    const rig = queryRig();
    const { seen } = respond(rig, replyAndEnd('1'));
    const question = requestMany(rig.asking, sample('question'), { address: ADDRESS, until: sentinel() });
    expect(seen).toHaveLength(0);

    question.subscribe();
    question.subscribe();

    expect(seen).toHaveLength(2);
  });

  it('emits the answers of all as they come, and their end, with its reason and how much it was', async () => {
    const rig = queryRig();
    respond(rig, replyAndEnd('1', '2'));
    respond(rig, (request) => request.fail('BUSY', 'come again'));
    const late = respond(rig);
    const asked = ask(rig, sentinel(3));
    expect(asked.log).toEqual(['1', '2', 'ended', 'failed BUSY']);

    await rig.time.advanceBy(4_000);
    late.seen[0]?.reply(sample('3'));
    await rig.time.advanceBy(4_000);
    late.seen[0]?.end();

    expect(asked.log.slice(4)).toEqual(['3', 'ended', 'end sentinel', 'completed']);
    const reason = { kind: 'sentinel', responders: 3 };
    expect(asked.end).toEqual({ kind: 'end', reason, replies: 3, ended: 2, failed: 1, unreadable: 0 });
    expect(rig.time.pending).toBe(0);
  });

  it('ends with the first of several terminators that says so', async () => {
    const rig = queryRig();
    respond(rig, (request) => request.reply(sample('1')));
    const asked = ask(rig, [count(2), deadline(3_000), stall(3_500)]);

    await rig.time.advanceBy(3_000);

    expect(asked.log).toEqual(['1', 'end deadline', 'completed']);
    expect(rig.time.pending).toBe(0);
  });

  it('completes on a quorum without waiting for the slowest, whose late replies are counted', async () => {
    const rig = queryRig();
    const responders = [1, 2, 3, 4, 5].map(() => respond(rig));
    const asked = ask(rig, quorum(3));
    const answer = (index: number, data: string) => responders[index]?.seen[0]?.reply(sample(String(index), data));
    answer(0, 'yes');
    answer(1, 'no');
    answer(2, 'yes');
    expect(asked.end).toBeUndefined();

    answer(3, 'yes');

    expect(asked.log).toEqual(['0', '1', '2', '3', 'end quorum', 'completed']);
    expect(responders.map(({ seen }) => seen[0]?.signal.aborted)).toEqual([true, true, true, true, true]);
    expect(answer(4, 'yes')).toBe(false);
    expect(rig.drops).toMatchObject([{ address: ADDRESS, total: 1 }]);
  });

  it('counts what is replied in the middle of a burst, when enough has come', () => {
    const rig = queryRig();
    respond(rig, replyAndEnd('1', '2', '3', '4'));

    expect(ask(rig, count(2)).log).toEqual(['1', '2', 'end count', 'completed']);

    expect(rig.drops.map(({ total }) => total)).toEqual([1, 2]);
  });

  it('ends with nothing at its deadline, which is no failure', async () => {
    const rig = queryRig();
    respond(rig);
    const asked = ask(rig, deadline(60_000));

    await rig.time.advanceBy(60_000);

    expect(asked.log).toEqual(['end deadline', 'completed']);
    expect(asked.end).toMatchObject({ replies: 0 });
  });

  it('waits for a stall that is longer than the usual timeout', async () => {
    const rig = queryRig();
    respond(rig, (request) => request.reply(sample('1')));
    const asked = ask(rig, stall(60_000));

    await rig.time.advanceBy(60_000);

    expect(asked.log).toEqual(['1', 'end stall', 'completed']);
  });

  it('waits five seconds for an answer unless it is told otherwise, and then anew after each', async () => {
    const rig = queryRig();
    const { seen } = respond(rig);
    const asked = ask(rig, sentinel());
    await rig.time.advanceBy(4_999);
    seen[0]?.reply(sample('1'));
    await rig.time.advanceBy(4_999);
    expect(asked.log).toEqual(['1']);

    await rig.time.advanceBy(1); // the responder has died, so to speak

    expect(asked.log).toEqual(['1', 'RequestTimeoutError']);
    expect(asked.error).toMatchObject({ timeout: 5_000, address: ADDRESS });
    expect([seen[0]?.signal.aborted, rig.time.pending]).toEqual([true, 0]);
  });

  it('fails when nothing comes in time that it is told', async () => {
    const rig = queryRig();
    respond(rig);
    const asked = ask(rig, deadline(1_000), 100);

    await rig.time.advanceBy(100);

    expect(asked.log).toEqual(['RequestTimeoutError']);
  });

  it('fails at once where nobody responds', () => {
    expect(ask(queryRig(), deadline(1_000)).log).toEqual(['NoRespondersError']);
  });

  it('fails with what a terminator throws, and tells the responders', () => {
    const rig = queryRig();
    const { seen } = respond(rig, (request) => request.reply(sample('1')));

    const asked = ask(
      rig,
      predicate(() => {
        throw boom;
      }),
    );

    expect([asked.log, seen[0]?.signal.aborted]).toEqual([['1', 'Error'], true]);
  });

  it('is given up when it is unsubscribed: responders are told, and no timer is left', () => {
    const rig = queryRig();
    const responders = [respond(rig), respond(rig)];
    const asked = ask(rig, [sentinel(2), deadline(1_000), stall(1_000)]);

    asked.subscription.unsubscribe();

    expect(responders.map(({ seen }) => seen[0]?.signal.aborted)).toEqual([true, true]);
    expect([asked.log, rig.time.pending]).toEqual([[], 0]);
  });

  it('stops in the middle of a burst when it is unsubscribed there', () => {
    const rig = queryRig();
    respond(rig, replyAndEnd('1', '2', '3'));
    const question = requestMany(rig.asking, sample('question'), { address: ADDRESS, until: count(3) });

    expect(written(question.pipe(take(2))).log).toEqual(['1', '2', 'completed']);

    expect(rig.drops).toHaveLength(1);
  });

  it('carries headers, and takes the mapped address where none is given', () => {
    const rig = queryRig();
    const asking = memoryTransport(memoryBroker(), { prefix: 'query' });
    const seen: IncomingRequest[] = [];
    asking.requests({ address: 'query.test.sample' }).subscribe((request) => seen.push(request));

    requestMany(asking, sample('1'), { headers: { tenant: 'acme' }, until: count(1) })
      .subscribe()
      .unsubscribe();

    expect([seen[0]?.headers, rig.drops]).toEqual([{ tenant: 'acme' }, []]);
  });

  it('passes on replies that are no events, and goes on', () => {
    const error = Object.assign(new Error('unreadable'), { name: 'DecodeError' });
    const asked = written(
      requestMany(
        requesterOf((options) => {
          options?.notice?.({ kind: 'unreadable', error } as never);
          return concat(of(sample('1')), NEVER);
        }),
        sample('question'),
        { until: count(1) },
      ),
    );

    expect(asked.log).toEqual(['unreadable', '1', 'end count', 'completed']);
    expect(asked.end).toMatchObject({ unreadable: 1, replies: 1 });
  });

  it.each([
    ['that completes', EMPTY, ['1', 'end completed', 'completed']],
    ['that fails', throwError(() => boom), ['1', 'Error']],
  ])('ends with a requester %s', (_, rest, expected) => {
    const requester = requesterOf(() => concat(of(sample('1')), rest));

    expect(written(requestMany(requester, sample('question'), { until: sentinel() })).log).toEqual(expected);
  });

  it.each([0, -1, 600_001, Number.NaN])('refuses a timeout of %d at once', (timeout) => {
    expect(() => ask(queryRig(), count(1), timeout)).toThrow(RangeError);
  });

  it('refuses to have no end', () => {
    expect(() => ask(queryRig(), [])).toThrow('There must be at least one terminator');
  });

  it('is typed by its terminators, and by what it is told', () => {
    const rig = queryRig();
    const prices: number[] = [];
    respond(rig, (request) => request.reply(sample('1', 42)));
    const until = predicate<number>((answer) => answer.kind === 'reply' && answer.event.data === 42);

    requestMany(rig.asking, sample('question'), { address: ADDRESS, until }).subscribe((answer) => {
      if (answer.kind === 'reply') prices.push(answer.event.data ?? 0);
    });
    requestMany<number>(rig.asking, sample('question'), { address: ADDRESS, until: [count(1), quorum(2)] }).subscribe();

    expect(prices).toEqual([42]);
  });
});

/** A requester that answers as it is told. */
function requesterOf(request: (options: Parameters<Requester['request']>[1]) => ReturnType<Requester['request']>) {
  return { request: (_: Event, options: Parameters<Requester['request']>[1]) => request(options) } as Requester;
}
