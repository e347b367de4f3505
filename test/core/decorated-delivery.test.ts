import { type FakeDelivery, fakeDelivery } from 'millrace/testing';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { DecoratedDelivery, isLastAttempt, originalOf } from '../../src/core/decorated-delivery.ts';
import type { Delivery } from '../../src/core/delivery.ts';

function decorated(): { inner: FakeDelivery; outer: DecoratedDelivery } {
  const inner = fakeDelivery({ attempt: 3, headers: { traceparent: '00-1-2-01' }, subscription: { lease: 500 } });
  return { inner, outer: new DecoratedDelivery(inner) };
}

describe('DecoratedDelivery', () => {
  it('shows what the other one is', () => {
    const { inner, outer } = decorated();

    for (const field of ['event', 'address', 'attempt', 'headers', 'position', 'subscription', 'signal'] as const) {
      expect(outer[field]).toBe(inner[field]);
    }
    expect([outer.settled, outer.lost, outer.settling]).toEqual([false, false, undefined]);
  });

  it('says why the other one cannot be handled', () => {
    const failure = new Error('unreadable');
    const { inner } = decorated();

    const outer = new DecoratedDelivery({ ...inner, failure } as Delivery);

    expect(outer.failure).toBe(failure);
  });

  it.each([
    { name: 'ack', settle: (delivery: DecoratedDelivery) => delivery.ack(), call: { kind: 'ack' } },
    { name: 'nak', settle: (delivery: DecoratedDelivery) => delivery.nak(7), call: { kind: 'nak', delay: 7 } },
    {
      name: 'term',
      settle: (delivery: DecoratedDelivery) => delivery.term('why'),
      call: { kind: 'term', reason: 'why' },
    },
  ])('settles the other one, once: $name', ({ settle, call }) => {
    const { inner, outer } = decorated();

    const answers = [outer.settled, settle(outer), outer.settled, settle(outer)];

    expect(answers).toEqual([false, true, true, false]);
    expect(inner.calls).toMatchObject([
      { ...call, accepted: true },
      { ...call, accepted: false },
    ]);
  });

  it('hands back at once where no delay is given', () => {
    const { inner, outer } = decorated();

    outer.nak();

    expect(inner.calls).toMatchObject([{ kind: 'nak', delay: 0 }]);
  });

  it("keeps the other one's lease, and aborts it", () => {
    const { inner, outer } = decorated();

    outer.working();
    outer.abort('why');

    expect(inner.calls).toMatchObject([{ kind: 'working' }, { kind: 'abort', reason: 'why' }]);
    expect(outer.signal.reason).toBe('why');
  });

  it('confirms the other one', () => {
    const { inner, outer } = decorated();
    const ends: string[] = [];

    const confirmation = outer.confirm();
    const before = inner.calls.length;
    confirmation.subscribe({ complete: () => ends.push('complete') });

    expect([before, ends]).toEqual([0, ['complete']]);
    expect(inner.calls).toMatchObject([{ kind: 'confirm' }]);
  });

  it('says when the other one is lost, and what is settling it', () => {
    const settling = of(undefined);
    const inner: Delivery = { ...fakeDelivery(), lost: true, settling };

    const outer = new DecoratedDelivery(inner);

    expect([outer.lost, outer.settling]).toEqual([true, settling]);
  });
});

describe('DecoratedDelivery, while it waits', () => {
  /** Gives up something while it waits. */
  class Holding extends DecoratedDelivery {
    readonly log: string[] = [];

    override park(): void {
      this.log.push('park');
    }

    override resume(): { readonly kind: 'skipped'; readonly reason: string } {
      this.log.push('resume');
      return { kind: 'skipped', reason: 'gone' };
    }
  }

  it('tells whatever holds something, under all decorations', () => {
    const holding = new Holding(fakeDelivery());
    const outer = new DecoratedDelivery(new DecoratedDelivery(holding));

    outer.park();
    const decision = outer.resume();

    expect(holding.log).toEqual(['park', 'resume']);
    expect(decision).toEqual({ kind: 'skipped', reason: 'gone' });
  });

  it('goes on where nothing was held', () => {
    const { outer, inner } = decorated();

    outer.park();

    expect([outer.resume(), inner.calls]).toEqual([undefined, []]);
  });
});

describe('isLastAttempt', () => {
  it.each([
    { attempt: 2, maxDeliver: 3, isLast: false },
    { attempt: 3, maxDeliver: 3, isLast: true },
    { attempt: 4, maxDeliver: 3, isLast: true },
    { attempt: 1_000, maxDeliver: undefined, isLast: false },
  ])('says $isLast of attempt $attempt of $maxDeliver', ({ attempt, maxDeliver, isLast }) => {
    const delivery = fakeDelivery({ attempt, subscription: maxDeliver === undefined ? {} : { maxDeliver } });

    expect(isLastAttempt(delivery)).toBe(isLast);
  });

  it("counts the broker's attempts, whatever a decoration says", () => {
    class Fresh extends DecoratedDelivery {
      override get attempt(): number {
        return 1;
      }
    }

    expect(isLastAttempt(new Fresh(fakeDelivery({ attempt: 3, subscription: { maxDeliver: 3 } })))).toBe(true);
  });
});

describe('originalOf', () => {
  it('is what all decorations stand for', () => {
    const { inner, outer } = decorated();

    expect(originalOf(new DecoratedDelivery(outer))).toBe(inner);
    expect(originalOf(inner)).toBe(inner);
  });
});
