import type { Status } from 'millrace';
import { memoryTransport } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { shop, statuses, world } from './support.ts';

const kinds = (seen: readonly Status[]): string[] => seen.map(({ kind }) => kind);

describe('memoryTransport', () => {
  it('tells each new observer at once that it is connected', () => {
    const { transport } = world();

    expect([statuses(transport), statuses(transport)]).toEqual([[{ kind: 'connected' }], [{ kind: 'connected' }]]);
  });

  it('tells that it drains and that it is closed, and completes', async () => {
    const { time, consumer, open, publish, transport } = shop();
    consumer('billing');
    publish('1');
    await open('billing');
    const seen = statuses(transport);
    let completed = false;
    transport.status$.subscribe({ complete: () => (completed = true) });

    transport.drain({ grace: 10 }).subscribe();
    expect([kinds(seen), completed]).toEqual([['connected', 'draining'], false]);
    await time.advanceBy(10);

    expect([kinds(seen), completed]).toEqual([['connected', 'draining', 'closed'], true]);
  });

  it('tells those who come later what it is now', async () => {
    const { time, consumer, open, publish, transport } = shop();
    consumer('billing');
    publish('1');
    await open('billing');

    transport.drain({ grace: 10 }).subscribe();
    expect(kinds(statuses(transport))).toEqual(['draining']);
    await time.advanceBy(10);

    let completed = false;
    const late: string[] = [];
    transport.status$.subscribe({ next: ({ kind }) => late.push(kind), complete: () => (completed = true) });
    expect([late, completed]).toEqual([['closed'], true]);
  });

  it('tells of its own subscriptions, and not of those of other transports', async () => {
    const { time, broker, consumer, open, publish, transport } = shop();
    consumer('billing', { ackWait: 100 });
    publish('1');
    await open('billing');
    const [own, other] = [statuses(transport), statuses(memoryTransport(broker))];

    await time.advanceBy(100);

    expect([kinds(own), kinds(other)]).toEqual([['connected', 'leaseLost'], ['connected']]);
  });

  it('keeps nothing for those who come later of what has happened', async () => {
    const { time, consumer, open, publish, transport } = shop();
    consumer('billing', { ackWait: 100 });
    publish('1');
    await open('billing');

    await time.advanceBy(100);

    expect(kinds(statuses(transport))).toEqual(['connected']);
  });
});
