import { type Event, type IncomingRequest, NoRespondersError, RemoteError, RequestTimeoutError } from 'millrace';
import type { MemoryTransport } from 'millrace/memory';
import { take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { allOf, errorOf, lastOf, sample, world } from './support.ts';

const address = 'prices.get';

/** Answers at `address` as `respond` does, and collects the requests. */
function respond(transport: MemoryTransport, answer: (request: IncomingRequest) => void, queue?: string) {
  const seen: IncomingRequest[] = [];
  const options = queue === undefined ? { address } : { address, queue };
  const subscription = transport.requests(options).subscribe((request) => {
    seen.push(request);
    answer(request);
  });
  return { seen, close: () => subscription.unsubscribe() };
}

/** Asks at `address`, and collects what comes. */
function ask(transport: MemoryTransport, options: { many?: boolean; timeout?: number } = {}) {
  const replies: string[] = [];
  const ends: unknown[] = [];
  const subscription = transport.request(sample('question'), { address, ...options }).subscribe({
    next: ({ id }: Event) => replies.push(id),
    error: (error: unknown) => ends.push(error),
    complete: () => ends.push('completed'),
  });
  return { replies, ends, close: () => subscription.unsubscribe() };
}

describe('request', () => {
  it('gets one reply, and completes', () => {
    const { transport } = world();
    const { seen } = respond(transport, (request) => request.reply(sample('answer')));

    const reply = lastOf(transport.request(sample('question', { data: 1 }), { address, headers: { trace: 'x' } }));

    expect(reply.id).toBe('answer');
    expect(seen).toMatchObject([{ address, event: { id: 'question', data: 1 }, headers: { trace: 'x' } }]);
  });

  it('travels to its mapped address, with its source filled in', () => {
    const { transport } = world();
    const sources: string[] = [];
    transport.requests({ address: 'shop.orders' }).subscribe((request) => {
      sources.push(request.event.source);
      request.reply(sample('answer'));
    });

    lastOf(transport.request(sample('question', { source: '' })));

    expect(sources).toEqual(['millrace']);
  });

  it('fails at once where nobody responds', () => {
    const { time, transport } = world();

    const error = errorOf(transport.request(sample('question'), { address }));

    expect(error).toBeInstanceOf(NoRespondersError);
    expect(error).toMatchObject({ address });
    expect(time.pending).toBe(0);
  });

  it('fails at once where all responders have left', () => {
    const { transport } = world();
    respond(transport, () => undefined).close();

    expect(errorOf(transport.request(sample('question'), { address }))).toBeInstanceOf(NoRespondersError);
  });

  it('asks nobody until it is subscribed to, and anew for each subscriber', () => {
    const { transport } = world();
    const { seen } = respond(transport, (request) => request.reply(sample('answer')));
    const question = transport.request(sample('question'), { address });
    expect(seen).toEqual([]);

    question.subscribe();
    question.subscribe();

    expect(seen).toHaveLength(2);
  });

  it('gets many replies until the end mark, when it asks for many', () => {
    const { transport } = world();
    respond(transport, (request) => {
      for (const id of ['1', '2', '3']) request.reply(sample(id));
      request.end();
    });

    expect(allOf(transport.request(sample('question'), { address, many: true })).map(({ id }) => id)).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  it('stays open for replies that come later, when it asks for many', async () => {
    const { time, transport } = world();
    const { seen } = respond(transport, () => undefined);
    const asked = ask(transport, { many: true });

    await time.advanceBy(100);
    seen[0]?.reply(sample('1'));
    await time.advanceBy(100);
    seen[0]?.reply(sample('2'));

    expect([asked.replies, asked.ends]).toEqual([['1', '2'], []]);
    seen[0]?.end();
    expect(asked.ends).toEqual(['completed']);
  });

  it('completes without a reply at the end mark', () => {
    const { transport } = world();
    respond(transport, (request) => request.end());

    expect(allOf(transport.request(sample('question'), { address }))).toEqual([]);
  });

  it('takes the first of two responders, and the other is told that nobody waits', () => {
    const { transport } = world();
    const told: boolean[] = [];
    const aborted: boolean[] = [];
    for (const id of ['first', 'second']) {
      respond(transport, (request) => {
        aborted.push(request.signal.aborted);
        told.push(request.reply(sample(id)));
      });
    }

    expect(allOf(transport.request(sample('question'), { address })).map(({ id }) => id)).toEqual(['first']);
    expect([told, aborted]).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('takes replies of all responders when it asks for many, until one of them ends', () => {
    const { transport } = world();
    const [one, other] = [respond(transport, () => undefined), respond(transport, () => undefined)];
    const asked = ask(transport, { many: true });

    one.seen[0]?.reply(sample('1'));
    other.seen[0]?.reply(sample('2'));
    one.seen[0]?.end();

    expect([asked.replies, asked.ends, other.seen[0]?.reply(sample('3'))]).toEqual([['1', '2'], ['completed'], false]);
  });

  it('fails with the code and the message of a responder that fails', () => {
    const { transport } = world();
    respond(transport, (request) => request.fail('404', 'No such price'));

    const error = errorOf(transport.request(sample('question'), { address }));

    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ remoteCode: '404', message: 'No such price' });
  });

  it('fails after some replies when the responder fails then', () => {
    const { transport } = world();
    respond(transport, (request) => {
      request.reply(sample('1'));
      request.fail('500', 'Broken');
    });

    const asked = ask(transport, { many: true });

    expect([asked.replies, asked.ends]).toEqual([['1'], [new RemoteError('500', 'Broken')]]);
  });

  it('fails when no reply comes in time', async () => {
    const { time, transport } = world();
    respond(transport, () => undefined);
    const asked = ask(transport, { timeout: 1_000 });

    await time.advanceBy(999);
    expect(asked.ends).toEqual([]);
    await time.advanceBy(1);

    expect(asked.ends).toEqual([new RequestTimeoutError(address, 1_000)]);
    expect(asked.ends[0]).toMatchObject({ address, timeout: 1_000 });
  });

  it('waits five seconds unless it is told otherwise', async () => {
    const { time, transport } = world();
    respond(transport, () => undefined);
    const asked = ask(transport);

    await time.advanceBy(4_999);
    expect(asked.ends).toEqual([]);
    await time.advanceBy(1);

    expect(asked.ends).toMatchObject([{ timeout: 5_000 }]);
  });

  it('waits anew after each of many replies', async () => {
    const { time, transport } = world();
    const { seen } = respond(transport, (request) => request.reply(sample('1')));
    const asked = ask(transport, { many: true, timeout: 1_000 });

    await time.advanceBy(900);
    seen[0]?.reply(sample('2'));
    await time.advanceBy(999);
    expect(asked.ends).toEqual([]);
    await time.advanceBy(1);

    expect(asked.ends).toEqual([new RequestTimeoutError(address, 1_000)]);
  });

  it.each([0, -1, Number.NaN, 600_001, Number.POSITIVE_INFINITY])('refuses a timeout of %d at once', (timeout) => {
    const { transport } = world();

    expect(() => transport.request(sample('question'), { address, timeout })).toThrow(RangeError);
  });

  it('refuses an event or an address that is not valid, when it is subscribed to', () => {
    const { transport } = world();

    expect(errorOf(transport.request(sample('')))).toMatchObject({ code: 'INVALID_EVENT' });
    expect(errorOf(transport.request(sample('1'), { address: 'a.*' }))).toMatchObject({ code: 'INVALID_ADDRESS' });
  });

  it.each([
    { end: 'its reply', leave: (transport: MemoryTransport) => ask(transport) },
    { end: 'an unsubscribe', leave: (transport: MemoryTransport) => ask(transport, { many: true }).close() },
    {
      end: 'the first of many, when more is not wanted',
      leave: (transport: MemoryTransport) =>
        transport.request(sample('question'), { address, many: true }).pipe(take(1)).subscribe(),
    },
  ])('leaves no timer behind after $end', ({ leave }) => {
    const { time, transport } = world();
    respond(transport, (request) => request.reply(sample('answer')));

    leave(transport);

    expect(time.pending).toBe(0);
  });
});
