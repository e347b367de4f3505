import type { MemoryTransport } from 'millrace/memory';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { queueScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ack, heapGrowth, inbox, lastOf, publish, sample } from './support.ts';

const MANY = 20_000;

describe('memoryTransport', () => {
  it.each<{ what: string; use: (transport: MemoryTransport) => void }>([
    {
      what: 'requests that were answered',
      use(transport) {
        const responder = transport.requests({ address: 'prices' }).subscribe((request) => request.reply(sample('a')));
        for (let n = 0; n < MANY; n += 1) lastOf(transport.request(sample('q'), { address: 'prices' }));
        responder.unsubscribe();
      },
    },
    {
      what: 'responders that have left',
      use(transport) {
        for (let n = 0; n < MANY; n += 1) transport.requests({ address: 'prices' }).subscribe().unsubscribe();
      },
    },
    {
      what: 'subscriptions that have ended',
      use(transport) {
        for (let n = 0; n < MANY; n += 1) inbox(transport.subscribe({ address: 'news' })).close();
      },
    },
    {
      what: 'subscriptions whose deliveries were settled after their end',
      use(transport) {
        for (let n = 0; n < MANY; n += 1) {
          const opened = inbox(transport.subscribe({ address: 'news' }));
          publish(transport, 'x', { address: 'news' });
          opened.close();
          ack(opened.at(0));
        }
      },
    },
  ])('keeps nothing of $what', ({ use }) => {
    const transport = memoryTransport(memoryBroker({ scheduler: queueScheduler }));

    const grown = heapGrowth(() => use(transport));

    expect(grown).toBeLessThan(1_000_000);
    expect(transport.name).toBe('millrace');
  });
});
