import { type Event, type IncomingRequest, NoRespondersError } from 'millrace';
import type { MemoryTransport } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { lastOf, sample, world } from './support.ts';

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

describe('requests', () => {
  it('aborts the signal of a request when the asker has gone, and refuses what is still said', () => {
    const { transport } = world();
    const { seen } = respond(transport, () => undefined);
    const asked = ask(transport, { many: true });
    const request = seen[0]!;
    expect([request.signal.aborted, request.reply(sample('1'))]).toEqual([false, true]);

    asked.close();

    expect(request.signal.aborted).toBe(true);
    expect([request.reply(sample('2')), request.end(), request.fail('1', 'x')]).toEqual([false, false, false]);
    expect(asked.replies).toEqual(['1']);
  });

  it('aborts the signal of a request when the asker has its answer', () => {
    const { transport } = world();
    const { seen } = respond(transport, (request) => request.reply(sample('answer')));

    ask(transport);

    expect(seen[0]?.signal.aborted).toBe(true);
  });

  it('aborts the signal of a request when the asker has given up waiting', async () => {
    const { time, transport } = world();
    const { seen } = respond(transport, () => undefined);
    ask(transport, { timeout: 10 });

    await time.advanceBy(10);

    expect(seen[0]?.signal.aborted).toBe(true);
  });

  it('leaves out what has no reply address', () => {
    const { transport } = world();
    const { seen } = respond(transport, () => undefined);

    expect(lastOf(transport.publish(sample('1'), { address })).stored).toBe(false);

    expect(seen).toEqual([]);
  });

  it('gives each request to one member of a queue, in turn', () => {
    const { transport } = world();
    const members = [1, 2].map(() => respond(transport, (request) => request.reply(sample('answer')), 'responders'));
    transport.subscribe({ address: '>' }).subscribe();

    for (let n = 0; n < 10; n += 1) ask(transport);

    expect(members.map(({ seen }) => seen.length)).toEqual([5, 5]);
  });

  it('receives at a pattern, and knows the address', () => {
    const { transport } = world();
    const addresses: string[] = [];
    transport.requests({ address: 'prices.>' }).subscribe((request) => {
      addresses.push(request.address);
      request.end();
    });

    ask(transport);

    expect(addresses).toEqual([address]);
  });

  it('is shared by its subscribers, and closed by the last one', () => {
    const { transport } = world();
    const source = transport.requests({ address });
    const seen: string[] = [];
    const first = source.subscribe(() => seen.push('first'));
    const second = source.subscribe((request) => {
      seen.push('second');
      request.end();
    });

    ask(transport);
    expect(seen).toEqual(['first', 'second']);
    first.unsubscribe();
    expect(ask(transport).ends).toEqual(['completed']);
    second.unsubscribe();

    expect(ask(transport).ends[0]).toBeInstanceOf(NoRespondersError);
  });

  it.each([{ address: 'a..b' }, { address: '' }, { address, queue: 'a b' }])('refuses %j at once', (options) => {
    const { transport } = world();

    expect(() => transport.requests(options)).toThrow();
  });
});
