import {
  bufferReplies,
  type Event,
  RemoteError,
  type RequestHandlers,
  requestMany,
  type Served,
  type ServeOptions,
  sentinel,
  serve,
  transactionOf,
  withTransaction,
} from 'millrace';
import { concat, EMPTY, from, map, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boom } from '../../support/made.ts';
import { type QueryRig, queryRig, sample } from './support.ts';

const TYPE = 'prices.get';
const question = (id: string, type = TYPE) => sample(id, { for: id }, type);

/** Serves, and writes down what became of each request: `KIND ID REPLIES`. */
function serving(rig: QueryRig, handlers: RequestHandlers, options: ServeOptions = {}) {
  const log: string[] = [];
  const served: Served[] = [];
  const subscription = serve(rig.answering, handlers, { scheduler: rig.time, ...options }).subscribe({
    next(one) {
      served.push(one);
      log.push(`${one.kind} ${one.request.event.id} ${one.replies}`);
    },
    complete: () => log.push('completed'),
    error: (error: unknown) => log.push((error as Error).name),
  });
  return { log, served, subscription };
}

/** Asks, and writes down the data of the replies, and `completed` or the error. */
function ask({ asking }: QueryRig, event: Event, options: Parameters<typeof asking.request>[1] = { many: true }) {
  const log: unknown[] = [];
  const errors: unknown[] = [];
  const replies: Event[] = [];
  const subscription = asking.request(event, options).subscribe({
    next(reply) {
      replies.push(reply);
      log.push(reply.data);
    },
    complete: () => log.push('completed'),
    error(error: unknown) {
      errors.push(error);
      log.push(error instanceof RemoteError ? error.remoteCode : (error as Error).name);
    },
  });
  return { log, errors, replies, subscription };
}

const price = (data: unknown) => ({ type: 'prices.price', data });

describe('serve', () => {
  it('listens to nothing until it is subscribed to, and once for all who are', () => {
    const rig = queryRig();
    const seen: string[] = [];
    const answers = serve(rig.answering, { [TYPE]: ({ event }) => void seen.push(event.id) });
    expect(ask(rig, question('1')).log).toEqual(['NoRespondersError']);

    const first = answers.subscribe();
    const second = answers.subscribe();
    ask(rig, question('2'));
    first.unsubscribe();
    ask(rig, question('3'));
    second.unsubscribe();

    expect(seen).toEqual(['2', '3']);
    expect(ask(rig, question('4')).log).toEqual(['NoRespondersError']);
  });

  it.each<[string, RequestHandlers[string], readonly unknown[]]>([
    ['a value', () => price(1), [1, 'completed']],
    ['a list', () => [price(1), price(2)], [1, 2, 'completed']],
    ['nothing', () => undefined, ['completed']],
    ['an Observable', () => of(price(1), price(2)), [1, 2, 'completed']],
    ['an Observable of lists', () => of([price(1), price(2)], [price(3)]), [1, 2, 3, 'completed']],
    ['an Observable of nothing', () => EMPTY, ['completed']],
    ['a throw', () => raise(boom), ['HANDLER_FAILED']],
    [
      'an error after a reply',
      () =>
        concat(
          of(price(1)),
          throwError(() => new Error('x')),
        ),
      [1, 'HANDLER_FAILED'],
    ],
    ['a reply that is no event', () => of(price(1), { type: '' }), [1, 'INVALID_EVENT']],
    ['its own replies', (request) => void request.reply(sample('own', 7)), [7, 'completed']],
    ['its own end', (request) => void request.fail('MINE', 'mine'), ['MINE']],
  ])('answers with %s', (_, handler, expected) => {
    const rig = queryRig();
    serving(rig, { [TYPE]: handler });

    expect(ask(rig, question('1')).log).toEqual(expected);
  });

  it.each<[string, RequestHandlers[string], readonly unknown[]]>([
    ['a promise', async () => price(1), [1, 'completed']],
    ['a rejection', () => Promise.reject(new Error('x')), ['HANDLER_FAILED']],
    ['an async iterable', () => twoPrices(), [1, 2, 'completed']],
  ])('answers with %s', async (_, handler, expected) => {
    const rig = queryRig();
    serving(rig, { [TYPE]: handler });

    const asked = ask(rig, question('1'));
    await rig.time.advanceBy(0);

    expect(asked.log).toEqual(expected);
  });

  it('sends each reply as it comes', async () => {
    const rig = queryRig();
    const source = new Subject<ReturnType<typeof price>>();
    const { log } = serving(rig, { [TYPE]: () => source });
    const asked = ask(rig, question('1'));

    source.next(price(1));
    expect(asked.log).toEqual([1]);
    source.next(price(2));
    source.complete();

    expect(asked.log).toEqual([1, 2, 'completed']);
    expect(log).toEqual(['answered 1 2']);
  });

  it('puts replies into the transaction of the request, unless they have one, and fills in the rest', () => {
    const rig = queryRig();
    serving(rig, { [TYPE]: () => [price(1), { ...price(2), transactionid: 'own' }, sample('whole', 3)] });

    const { replies } = ask(rig, withTransaction(question('1'), 'tid-1'));

    expect(replies.map(transactionOf)).toEqual(['tid-1', 'own', 'tid-1']);
    expect(replies[0]).toMatchObject({ type: 'prices.price', specversion: '1.0', source: expect.any(String) });
    expect(replies[2]).toMatchObject({ id: 'whole', source: '/test' });
  });

  it('is done with the first reply to one who wants no more', () => {
    const rig = queryRig();
    let stopped = false;
    const prices = new Observable<ReturnType<typeof price>>((subscriber) => {
      subscriber.next(price(1));
      subscriber.next(price(2));
      return () => {
        stopped = true;
      };
    });
    const { log } = serving(rig, { [TYPE]: () => prices });

    expect(ask(rig, question('1'), {}).log).toEqual([1, 'completed']);

    expect(log).toEqual(['answered 1 1']);
    expect(stopped).toBe(true);
    expect(rig.drops).toEqual([]);
  });

  it('tells the asker the code and the message of a failure, and no stack', () => {
    const rig = queryRig();
    const failures: Readonly<Record<string, unknown>> = {
      coded: Object.assign(new Error('no more'), { code: 'SOLD_OUT' }),
      remote: new RemoteError('UPSTREAM', 'the other one'),
      thrown: 'a text',
    };
    const { log, served } = serving(rig, { [TYPE]: ({ event }) => throwError(() => failures[event.id]) });

    const told = Object.keys(failures).map((id) => ask(rig, question(id)).errors[0] as RemoteError);

    expect(told.map(({ remoteCode, message }) => [remoteCode, message])).toEqual([
      ['SOLD_OUT', 'no more'],
      ['UPSTREAM', 'the other one'],
      ['HANDLER_FAILED', 'a text'],
    ]);
    expect(told.every((error) => error instanceof RemoteError && error.cause === undefined)).toBe(true);
    expect(log).toEqual(['failed coded 0', 'failed remote 0', 'failed thrown 0']);
    expect(served[0]).toMatchObject({ error: failures['coded'] });
  });

  it('tells what it is told to tell, and nothing where that fails, too', () => {
    const rig = queryRig();
    const describe = (error: unknown, { event }: { readonly event: Event }) =>
      event.id === 'broken' ? raise(boom) : new RemoteError('OOPS', `not for you: ${typeof error}`);
    serving(rig, { [TYPE]: () => throwError(() => new Error('password')) }, { describe });

    const told = ['1', 'broken'].map((id) => ask(rig, question(id)).errors[0] as RemoteError);

    expect(told.map(({ message }) => message)).toEqual(['not for you: object', 'The handler failed']);
  });

  it('ends the handler when the asker goes', () => {
    const rig = queryRig();
    let stopped = 0;
    const aborted: boolean[] = [];
    const { log } = serving(rig, {
      [TYPE]: ({ signal }) => {
        signal.addEventListener('abort', () => aborted.push(signal.aborted));
        return new Observable<never>(() => () => {
          stopped += 1;
        });
      },
    });
    const asked = ask(rig, question('1'));

    asked.subscription.unsubscribe();

    expect([stopped, aborted]).toEqual([1, [true]]);
    expect(log).toEqual(['abandoned 1 0']);
  });

  it('gives the place of a promise to the next one when it settles, and not when its asker goes', async () => {
    const rig = queryRig();
    let settle: (() => void) | undefined;
    const { log } = serving(
      rig,
      {
        [TYPE]: ({ event }) =>
          event.id === '1' ? new Promise<undefined>((resolve) => (settle = () => resolve(undefined))) : price(2),
      },
      { concurrency: 1 },
    );
    const first = ask(rig, question('1'));
    const second = ask(rig, question('2'));

    first.subscription.unsubscribe();
    await rig.time.advanceBy(10);
    expect([log, second.log]).toEqual([['abandoned 1 0'], []]);
    settle?.();
    await rig.time.advanceBy(10);

    expect([log, second.log]).toEqual([
      ['abandoned 1 0', 'answered 2 1'],
      [2, 'completed'],
    ]);
  });

  it('answers types without a handler with an error', () => {
    const rig = queryRig();
    const { log, served } = serving(rig, { [TYPE]: () => price(1) }, { addresses: ['prices.>'] });

    const asked = ask(rig, question('1', 'prices.list'));

    expect(asked.log).toEqual(['UNHANDLED_TYPE']);
    expect((asked.errors[0] as Error).message).toContain("'prices.list'");
    expect(log).toEqual(['refused 1 0']);
    expect(served[0]).toMatchObject({ error: { remoteCode: 'UNHANDLED_TYPE' } });
    expect(ask(rig, question('2')).log).toEqual([1, 'completed']);
  });

  it('handles so many at a time, lets so many wait, and refuses the rest', async () => {
    const rig = queryRig();
    const work = timer(100, rig.time).pipe(map(() => price(1)));
    const { log } = serving(rig, { [TYPE]: () => work }, { concurrency: 2, buffer: 1 });
    const asked = ['1', '2', '3', '4'].map((id) => ask(rig, question(id)));
    expect(asked.map((one) => one.log)).toEqual([[], [], [], ['BUSY']]);
    expect(log).toEqual(['refused 4 0']);

    await rig.time.advanceBy(200);

    expect(asked.map((one) => one.log)).toEqual([[1, 'completed'], [1, 'completed'], [1, 'completed'], ['BUSY']]);
    expect(log.slice(1)).toEqual(['answered 1 1', 'answered 2 1', 'answered 3 1']);
  });

  it('skips what waits and has nobody who waits for it', () => {
    const rig = queryRig();
    const busy = new Subject<never>();
    const handled: string[] = [];
    const handler = ({ event }: { readonly event: Event }) => {
      handled.push(event.id);
      return busy;
    };
    const { log } = serving(rig, { [TYPE]: handler }, { concurrency: 1 });
    ask(rig, question('1'));
    const second = ask(rig, question('2'));

    second.subscription.unsubscribe();
    busy.complete();

    expect(handled).toEqual(['1']);
    expect(log).toEqual(['answered 1 0', 'abandoned 2 0']);
  });

  it('answers what is not done when it is unsubscribed', () => {
    const rig = queryRig();
    const { subscription, log } = serving(rig, { [TYPE]: () => NEVER }, { concurrency: 1 });
    const asked = ['running', 'waiting'].map((id) => ask(rig, question(id)));

    subscription.unsubscribe();

    expect(asked.map((one) => one.log)).toEqual([['UNAVAILABLE'], ['UNAVAILABLE']]);
    expect(log).toEqual([]);
  });

  it('finishes what runs and what waits when its transport is drained, and completes', async () => {
    const rig = queryRig();
    const work = timer(100, rig.time).pipe(map(() => price(1)));
    const { log } = serving(rig, { [TYPE]: () => work }, { concurrency: 1 });
    const asked = ['1', '2'].map((id) => ask(rig, question(id)));

    rig.answering.drain().subscribe();
    await rig.time.advanceBy(1_000);

    expect(asked.map((one) => one.log)).toEqual([
      [1, 'completed'],
      [1, 'completed'],
    ]);
    expect(log).toEqual(['answered 1 1', 'answered 2 1', 'completed']);
  });

  it('tells askers when the grace of the drain is over', async () => {
    const rig = queryRig();
    const { log } = serving(rig, { [TYPE]: () => NEVER });
    const asked = ask(rig, question('1'));

    rig.answering.drain({ grace: 100 }).subscribe();
    await rig.time.advanceBy(100);

    expect(asked.log).toEqual(['DRAINED']);
    expect(log).toEqual(['abandoned 1 0', 'completed']);
  });

  it('shares requests by queue, and answers each without one', () => {
    const rig = queryRig();
    const end = { until: sentinel(2), scheduler: rig.time };
    const handlers = { [TYPE]: () => price(1) };
    serving(rig, handlers, { queue: 'prices' });
    serving(rig, handlers, { queue: 'prices' });
    serving(rig, handlers);
    const kinds: string[] = [];

    requestMany(rig.asking, question('1'), end).subscribe(({ kind }) => kinds.push(kind));

    expect(kinds).toEqual(['reply', 'ended', 'reply', 'ended', 'end']);
  });

  it('listens at the addresses of its types, below a prefix', () => {
    const rig = queryRig();
    serving(rig, { [TYPE]: () => price(1), 'prices.list': () => price(2) }, { prefix: 'eu' });

    expect(ask(rig, question('1'), { many: true, address: `eu.${TYPE}` }).log).toEqual([1, 'completed']);
    expect(ask(rig, question('1', 'prices.list'), { many: true, address: 'eu.prices.list' }).log).toEqual([
      2,
      'completed',
    ]);
  });

  it('is told at once what is wrong with what it is given', () => {
    const { answering } = queryRig();

    expect(() => serve(answering, {})).toThrow("'handlers' must have a handler for at least one type");
    expect(() => serve(answering, { [TYPE]: 1 as never })).toThrow(`The handler of '${TYPE}' must be a function`);
    expect(() => serve(answering, { [TYPE]: () => EMPTY }, { concurrency: 0 })).toThrow("'concurrency'");
    expect(() => serve(answering, { [TYPE]: () => EMPTY }, { buffer: -1 })).toThrow("'buffer'");
    expect(() => serve(answering, { [TYPE]: () => EMPTY }, { addresses: [] })).toThrow("'addresses'");
    expect(() => serve(answering, { 'a b': () => EMPTY })).toThrow('a b');
  });
});

describe('bufferReplies', () => {
  it('sends all replies at the end', () => {
    const rig = queryRig();
    const source = new Subject<ReturnType<typeof price>>();
    serving(rig, { [TYPE]: () => source.pipe(bufferReplies()) });
    const asked = ask(rig, question('1'));

    source.next(price(1));
    source.next(price(2));
    expect(asked.log).toEqual([]);
    source.complete();

    expect(asked.log).toEqual([1, 2, 'completed']);
  });

  it('sends none where the handler fails', () => {
    const rig = queryRig();
    const source = concat(
      of(price(1)),
      throwError(() => new Error('x')),
    );
    serving(rig, { [TYPE]: () => source.pipe(bufferReplies()) });

    expect(ask(rig, question('1')).log).toEqual(['HANDLER_FAILED']);
  });

  it('fails when there are more than it may keep', () => {
    const rig = queryRig();
    const replies = (length: number) => from(Array.from({ length }, (_, n) => price(n)));
    serving(rig, { [TYPE]: ({ event }) => replies(Number(event.id)).pipe(bufferReplies({ limit: 2 })) });

    expect(ask(rig, question('2')).log).toEqual([0, 1, 'completed']);
    expect(ask(rig, question('3')).log).toEqual(['BUFFER_OVERFLOW']);
    expect(() => bufferReplies({ limit: -1 })).toThrow("'limit'");
  });
});

async function* twoPrices() {
  yield price(1);
  yield price(2);
}

function raise(error: unknown): never {
  throw error;
}
