import fc from 'fast-check';
import { createEvent, type EventInit, type EventSourceListenOptions, eventSource } from 'millrace';
import { describe, expect, it } from 'vitest';
import { eventsRig, type Seen, seen } from './events-rig.ts';

const TYPES = ['shop.a', 'shop.b', 'shop.c.d'];
const transaction = fc.constantFrom('tid-1', 'tid-2', undefined);

type Step =
  | { readonly kind: 'publish'; readonly event: EventInit }
  | {
      readonly kind: 'listen';
      readonly types: readonly string[] | undefined;
      readonly transactionId: string | undefined;
      readonly once: boolean;
    }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ type: fc.constantFrom(...TYPES), transactionid: transaction })
      .map((event): Step => ({ kind: 'publish', event })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        types: fc.option(fc.subarray(TYPES, { minLength: 1 }), { nil: undefined }),
        transactionId: transaction,
        once: fc.boolean(),
      })
      .filter(({ types, transactionId }) => (types ?? transactionId) !== undefined)
      .map((options): Step => ({ kind: 'listen', ...options })),
  },
  { weight: 1, arbitrary: fc.nat().map((which): Step => ({ kind: 'leave', which })) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'wait' }) },
);

interface Expected {
  readonly options: EventSourceListenOptions;
  readonly ids: string[];
  readonly seen: Seen<{ readonly id: string }>;
  open: boolean;
}

function isFor({ types, transactionId }: EventSourceListenOptions, event: EventInit): boolean {
  return (
    (types === undefined || types.includes(event.type)) &&
    (transactionId === undefined || event['transactionid'] === transactionId)
  );
}

describe.each([
  ['a stream', { stream: 'SHOP' }],
  ['nothing stored', {}],
])('eventSource, with %s', (_, where) => {
  it('gives each event to exactly those whose key it matches, whatever comes in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const rig = eventsRig();
        if (!('stream' in where)) rig.broker.deleteStream('SHOP');
        const source = eventSource(rig.transport, { ...where, scheduler: rig.time });
        const everyone: Expected[] = [];
        let published = 0;
        let unheard = 0;
        // What is on its way when somebody joins or leaves may or may not be for them, so it is let come before.
        for (const one of steps) {
          if (one.kind === 'wait') await rig.time.advanceBy(1);
          if (one.kind === 'listen') {
            await rig.time.advanceBy(1);
            const { kind: _kind, ...options } = one;
            everyone.push({ options, ids: [], seen: seen(source.listen(options)), open: true });
            await rig.time.advanceBy(1);
          }
          if (one.kind === 'leave') {
            await rig.time.advanceBy(1);
            const gone = everyone[one.which % Math.max(1, everyone.length)];
            gone?.seen.close();
            if (gone !== undefined) gone.open = false;
          }
          if (one.kind !== 'publish') continue;
          published += 1;
          const id = String(published);
          const anybody = everyone.some(({ open }) => open);
          if (!anybody && !('stream' in where)) continue; // nothing is bound to its address
          const those = everyone.filter(({ open, options }) => open && isFor(options, one.event));
          if (those.length === 0) unheard += 1;
          for (const listener of those) {
            listener.ids.push(id);
            if (listener.options.once === true) listener.open = false;
          }
          const event = createEvent({ source: '/test', id, ...one.event }, { scheduler: rig.time });
          rig.transport.publish(event).subscribe({ error: () => undefined });
          if (those.some(({ options }) => options.once)) await rig.time.advanceBy(1);
        }
        await rig.time.advanceBy(1);

        expect(everyone.map((listener) => listener.seen.values.map(({ id }) => id))).toEqual(
          everyone.map(({ ids }) => ids),
        );
        expect(source.size).toBe(everyone.filter(({ open }) => open).length);
        expect(source.dropped).toBeLessThanOrEqual(unheard);
        for (const listener of everyone) listener.seen.close();
        expect(source.size).toBe(0);
        if ('stream' in where) expect(rig.consumers()).toEqual(['billing']);
      }),
      { numRuns: 200 },
    );
  });
});
