import fc from 'fast-check';
import { deleteMessage, purgeStream, type StreamConfig } from 'millrace/memory';
import { describe, expect, it } from 'vitest';
import { lastOf, publish, sample, shop } from './support.ts';

interface Held {
  readonly sequence: number;
  readonly address: string;
  readonly time: number;
}

const SIZE = JSON.stringify(['shop.a', {}, sample('x')]).length;

/** What a stream holds by its definition: the newest within each limit. */
function keepWithin(held: readonly Held[], config: StreamConfig, now: number): readonly Held[] {
  const { maxAge = Infinity, maxMessages = Infinity, maxBytes = Infinity, maxMessagesPerSubject = Infinity } = config;
  const young = held.filter(({ time }) => now - time < maxAge);
  const perSubject = young.filter(({ address }, index) => {
    const newer = young.slice(index + 1).filter((other) => other.address === address);
    return newer.length < maxMessagesPerSubject;
  });
  const room = Math.min(maxMessages, Math.floor(maxBytes / SIZE));
  return room === Infinity ? perSubject : perSubject.slice(Math.max(0, perSubject.length - room));
}

const some = (min: number, max: number) => fc.option(fc.integer({ min, max }), { nil: Infinity, freq: 2 });

const limits = fc.record({
  maxAge: some(100, 3_000),
  maxMessages: some(1, 300),
  maxMessagesPerSubject: some(1, 150),
  maxBytes: some(1, 300).map((messages) => messages * SIZE),
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ publish: fc.constantFrom('a', 'b', 'c'), times: fc.integer({ min: 1, max: 90 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      remove: fc.double({ min: 0, max: 1, noNaN: true }),
      times: fc.integer({ min: 1, max: 70 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ wait: fc.nat(800) }) },
  { weight: 1, arbitrary: fc.record({ change: limits }) },
  { weight: 1, arbitrary: fc.record({ purge: fc.constantFrom('a', 'b', 'c'), keep: fc.nat(20) }) },
);

describe('stream', () => {
  it('holds what a list cut to its limits would hold, whatever is published, removed and changed', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 25 }), async (initial, steps) => {
        const { time, broker, transport, info, change } = shop(initial);
        const sequences = (): number[] => [...broker.stream('SHOP').log.from(1)].map(({ sequence }) => sequence);
        let config: Partial<StreamConfig> = initial;
        let held: readonly Held[] = [];
        let last = 0;
        const trim = () => {
          held = keepWithin(held, { name: 'SHOP', ...config }, time.now());
        };

        for (const each of steps) {
          if ('publish' in each) {
            const address = `shop.${each.publish}`;
            for (let n = 0; n < each.times; n += 1) {
              publish(transport, 'x', { address, messageId: false });
              last += 1;
              held = [...held, { sequence: last, address, time: time.now() }];
              trim();
            }
          } else if ('remove' in each) {
            const from = Math.floor(each.remove * held.length);
            for (const { sequence } of held.slice(from, from + each.times))
              lastOf(deleteMessage(broker, 'SHOP', sequence));
            held = [...held.slice(0, from), ...held.slice(from + each.times)];
          } else if ('wait' in each) {
            await time.advanceBy(each.wait);
          } else if ('change' in each) {
            config = each.change;
            change(config);
          } else {
            const address = `shop.${each.purge}`;
            lastOf(purgeStream(broker, 'SHOP', { filter: address, keep: each.keep }));
            trim();
            const here = held.filter((one) => one.address === address);
            const gone = new Set(here.slice(0, Math.max(0, here.length - each.keep)));
            held = held.filter((one) => !gone.has(one));
          }
          trim();

          expect(sequences()).toEqual(held.map(({ sequence }) => sequence));
          expect(info()).toMatchObject({
            messages: held.length,
            subjects: new Set(held.map(({ address }) => address)).size,
            firstSequence: held[0]?.sequence ?? last + 1,
            lastSequence: last,
          });
          if (config.maxBytes !== Infinity) expect(info().bytes).toBe(held.length * SIZE);
        }
      }),
    );
  });
});
