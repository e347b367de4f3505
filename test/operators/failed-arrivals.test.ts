import { consume, DecodeError, dedupe, defineEvent, handle, memoryDedupeStore, type Outcome, ofType } from 'millrace';
import { fakeDelivery, virtualTime } from 'millrace/testing';
import { lastValueFrom, of, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

const failure = new DecodeError('expected a JSON object', new Uint8Array([1, 2, 3]));

describe('a delivery that its transport says cannot be handled', () => {
  it('is failed by handle, without a run of the handler', async () => {
    let runs = 0;
    const source = of(fakeDelivery({ failure }), fakeDelivery());

    const outcomes: Outcome[] = await lastValueFrom(
      source.pipe(
        handle(() => ++runs, { scheduler: virtualTime(), orderBy: ({ event }) => event.id }),
        toArray(),
      ),
    );

    expect(outcomes.map(({ kind }) => kind)).toEqual(['failed', 'succeeded']);
    expect(outcomes[0]).toMatchObject({ error: failure });
    expect(runs).toBe(1);
  });

  it('claims nothing in dedupe, and is no unhandled type to ofType', async () => {
    const store = memoryDedupeStore();
    const paid = defineEvent({ type: 'paid' });

    const outcomes = await lastValueFrom(
      of(fakeDelivery({ failure })).pipe(
        dedupe(store),
        ofType(paid),
        handle(() => undefined),
        toArray(),
      ),
    );

    expect(outcomes).toMatchObject([{ kind: 'failed', error: failure }]);
    expect(store.size).toBe(0);
  });

  it('is not tried again by consume: no retry makes it an event', async () => {
    const delivery = fakeDelivery({ failure });

    const outcomes = await lastValueFrom(
      of(delivery).pipe(
        consume(() => undefined),
        toArray(),
      ),
    );

    expect(outcomes).toMatchObject([{ kind: 'failed', error: failure }]);
  });
});
