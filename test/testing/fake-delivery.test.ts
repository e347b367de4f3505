import { type FakeCall, fakeDelivery, virtualTime } from 'millrace/testing';
import { lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

const kinds = (calls: readonly FakeCall[]): string[] =>
  calls.map(
    ({ kind, accepted, late, time }) => `${kind} at ${time}${late ? ' late' : ''}${accepted ? '' : ' refused'}`,
  );

const confirmed = (delivery: ReturnType<typeof fakeDelivery>): Promise<string> =>
  lastValueFrom(delivery.confirm(), { defaultValue: 'confirmed' }).then(String, (error: Error) => error.name);

describe('fakeDelivery', () => {
  it('has sane defaults, and no data unless they are given', () => {
    const delivery = fakeDelivery();

    expect(delivery).toMatchObject({
      event: { specversion: '1.0', id: '1', source: '/test', type: 'test' },
      address: 'test',
      attempt: 1,
      position: { stream: 'TEST', sequence: 1, consumerSequence: 1, time: 0, pending: 0 },
      subscription: { prefetch: 100 },
      settled: false,
      lost: false,
      calls: [],
    });
    expect(delivery.event).not.toHaveProperty('data');
    expect(fakeDelivery({ data: undefined }).event).toHaveProperty('data', undefined);
    expect(fakeDelivery({ data: 0 }).event.data).toBe(0);
    expect(fakeDelivery({ type: 'order.placed' }).address).toBe('order.placed');
    expect(fakeDelivery({ position: undefined }).position).toBeUndefined();
  });

  it('keeps the subscription that it is given, for deliveries share it', () => {
    const subscription = { prefetch: 5, draining: new AbortController().signal };

    expect(fakeDelivery({ subscription }).subscription).toBe(subscription);
    expect(fakeDelivery({ subscription: { lease: 5 } }).subscription).toMatchObject({ lease: 5, prefetch: 100 });
  });

  it('lets the first settlement win, and remembers all', () => {
    const calls: FakeCall[] = [];
    const delivery = fakeDelivery({}, { onCall: (call) => calls.push(call) });

    expect([delivery.nak(50), delivery.ack(), delivery.term('why'), delivery.settled]).toEqual([
      true,
      false,
      false,
      true,
    ]);

    expect(kinds(delivery.calls)).toEqual(['nak at 0', 'ack at 0 refused', 'term at 0 refused']);
    expect(delivery.calls).toMatchObject([{ delay: 50 }, {}, { reason: 'why' }]);
    expect(calls).toEqual(delivery.calls);
  });

  it('confirms an ack when subscribed to, once or more often, and fails after anything else', async () => {
    const [acked, confirmedFirst, naked] = [fakeDelivery(), fakeDelivery(), fakeDelivery()];

    acked.ack();
    naked.nak();
    confirmedFirst.confirm();
    expect(confirmedFirst.settled).toBe(false);

    expect(await confirmed(acked)).toBe('confirmed');
    expect(await confirmed(confirmedFirst)).toBe('confirmed');
    expect(await confirmed(confirmedFirst)).toBe('confirmed');
    expect(await confirmed(naked)).toBe('ConfirmFailedError');
    expect(confirmedFirst.ack()).toBe(false);
  });

  it('loses its lease, aborts its signal, and takes a late ack only', async () => {
    const time = virtualTime();
    const delivery = fakeDelivery({ subscription: { lease: 10 } }, { scheduler: time });

    await time.advanceBy(9);
    expect([delivery.lost, delivery.signal.aborted]).toEqual([false, false]);
    await time.advanceBy(1);

    expect([delivery.lost, delivery.signal.aborted, delivery.signal.reason.name]).toEqual([
      true,
      true,
      'LeaseLostError',
    ]);
    expect([delivery.nak(), delivery.term(), delivery.settled]).toEqual([false, false, false]);
    delivery.working();
    expect(time.pending).toBe(0);
    expect([delivery.ack(), delivery.settled]).toEqual([true, true]);
    expect(kinds(delivery.calls)).toEqual([
      'lost at 10',
      'nak at 10 late refused',
      'term at 10 late refused',
      'working at 10 late refused',
      'ack at 10 late',
    ]);
  });

  it('keeps its lease while it is worked on, and needs none when it is settled', async () => {
    const time = virtualTime();
    const [kept, settled] = [1, 2].map(() => fakeDelivery({ subscription: { lease: 10 } }, { scheduler: time }));

    settled!.ack();
    expect(time.pending).toBe(1);
    settled!.working();
    for (let beat = 0; beat < 5; beat++) {
      await time.advanceBy(7);
      kept!.working();
    }

    expect([kept!.lost, settled!.lost]).toEqual([false, false]);
    await time.advanceBy(10);
    expect([kept!.lost, settled!.lost]).toEqual([true, false]);
    expect(time.pending).toBe(0);
  });

  it('is aborted once, and not when it is settled', () => {
    const [given, settled] = [fakeDelivery(), fakeDelivery()];

    settled.ack();
    for (const delivery of [given, settled]) {
      delivery.abort('first');
      delivery.abort('second');
    }

    expect([given.signal.reason, given.settled, given.nak()]).toEqual(['first', false, true]);
    expect(settled.signal.aborted).toBe(false);
    expect(kinds(given.calls)).toEqual(['abort at 0', 'abort at 0 refused', 'nak at 0']);
  });
});
