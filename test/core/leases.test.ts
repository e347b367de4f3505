import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Leases, leases } from '../../src/core/leases.ts';
import { type DeliveryOwner, MemoryDelivery } from '../../src/transports/memory/memory-delivery.ts';
import { sample } from '../transports/memory/support.ts';

const owner: DeliveryOwner = {
  info: { prefetch: 1, draining: new AbortController().signal },
  settle: () => true,
  extend: () => undefined,
  position: () => undefined,
};

function delivery(sequence: number): MemoryDelivery {
  const event = sample(String(sequence));
  return new MemoryDelivery({ event, address: 'a', headers: {}, sequence, time: 0 }, event, owner, 1, sequence);
}

function takeAll(out: Leases<MemoryDelivery>, now: number): number[] {
  const taken: number[] = [];
  for (let next = out.takeExpired(now); next !== undefined; next = out.takeExpired(now)) {
    taken.push(next.carried.sequence);
  }
  return taken;
}

const sequences = (out: Leases<MemoryDelivery>): number[] =>
  [...out].map(({ carried }) => carried.sequence).sort((a, b) => a - b);

describe('leases', () => {
  it('is empty at first', () => {
    const out = leases<MemoryDelivery>();

    expect([out.size, out.nextDeadline, out.takeExpired(Number.MAX_VALUE)]).toEqual([
      0,
      Number.POSITIVE_INFINITY,
      undefined,
    ]);
  });

  it('takes a delivery when its lease has ended, and not before', () => {
    const out = leases<MemoryDelivery>();
    out.start(delivery(1), 100, 50);

    expect([out.takeExpired(149), out.size]).toEqual([undefined, 1]);
    expect(out.takeExpired(150)?.carried.sequence).toBe(1);
    expect(out.size).toBe(0);
  });

  it('takes those of one length in the order in which they started', () => {
    const out = leases<MemoryDelivery>();
    for (const n of [3, 1, 2]) out.start(delivery(n), 100, n === 3 ? 0 : n);

    expect(takeAll(out, 1_000)).toEqual([3, 1, 2]);
  });

  it('knows the first end among leases of several lengths', () => {
    const out = leases<MemoryDelivery>();
    out.start(delivery(1), 1_000, 0);
    out.start(delivery(2), 10, 100);
    out.start(delivery(3), 500, 0);

    expect(out.nextDeadline).toBe(110);
    expect([takeAll(out, 110), out.nextDeadline]).toEqual([[2], 500]);
  });

  it('starts a lease again, behind those that started since', () => {
    const out = leases<MemoryDelivery>();
    const [first, second] = [delivery(1), delivery(2)];
    out.start(first, 100, 0);
    out.start(second, 100, 10);

    out.start(first, 100, 20);

    expect([out.size, out.nextDeadline]).toEqual([2, 110]);
    expect([takeAll(out, 110), takeAll(out, 119), takeAll(out, 120)]).toEqual([[2], [], [1]]);
  });

  it('starts a lease again with another length', () => {
    const out = leases<MemoryDelivery>();
    const one = delivery(1);
    out.start(one, 100, 0);

    out.start(one, 1_000, 0);

    expect([out.size, out.nextDeadline, one.lease]).toEqual([1, 1_000, 1_000]);
    expect(takeAll(out, 999)).toEqual([]);
  });

  it('ends a lease wherever it stands', () => {
    const out = leases<MemoryDelivery>();
    const all = [1, 2, 3, 4, 5].map(delivery);
    for (const each of all) out.start(each, 100, 0);

    for (const index of [2, 0, 4]) out.end(all[index]!);

    expect([out.size, sequences(out), takeAll(out, 100)]).toEqual([2, [2, 4], [2, 4]]);
  });

  it('ends a lease once', () => {
    const out = leases<MemoryDelivery>();
    const [first, second] = [delivery(1), delivery(2)];
    out.start(first, 100, 0);
    out.start(second, 100, 0);

    out.end(first);
    out.end(first);

    expect([out.size, sequences(out)]).toEqual([1, [2]]);
  });

  it('lets go of the neighbours of a lease that ended, so that one delivery does not keep others alive', () => {
    const out = leases<MemoryDelivery>();
    const all = [1, 2, 3].map(delivery);
    for (const each of all) out.start(each, 100, 0);

    out.end(all[1]!);
    out.takeExpired(100);

    expect(all.map(({ previous, next, deadline }) => [previous, next, deadline])).toEqual([
      [undefined, undefined, 0],
      [undefined, undefined, 0],
      [undefined, undefined, 100],
    ]);
  });

  it('is read to the end while what is read is ended', () => {
    const out = leases<MemoryDelivery>();
    for (let n = 1; n <= 4; n += 1) out.start(delivery(n), n % 2 === 0 ? 100 : 200, 0);

    const read: number[] = [];
    for (const each of out) {
      read.push(each.carried.sequence);
      out.end(each);
    }

    expect([read.sort(), out.size]).toEqual([[1, 2, 3, 4], 0]);
  });

  it('holds what a map of deadlines would hold, whatever starts, ends and expires', () => {
    const step = fc.oneof(
      fc.record({ start: fc.nat(11), lease: fc.constantFrom(10, 50, 200) }),
      fc.record({ end: fc.nat(11) }),
      fc.record({ wait: fc.nat(90) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const out = leases<MemoryDelivery>();
        const all = Array.from({ length: 12 }, (_, n) => delivery(n));
        const model = new Map<number, number>();
        let now = 0;

        for (const each of steps) {
          if ('start' in each) {
            out.start(all[each.start]!, each.lease, now);
            model.set(each.start, now + each.lease);
          } else if ('end' in each) {
            out.end(all[each.end]!);
            model.delete(each.end);
          } else {
            now += each.wait;
            const due = [...model].filter(([, deadline]) => deadline <= now).map(([n]) => n);
            expect(takeAll(out, now).sort((a, b) => a - b)).toEqual(due.sort((a, b) => a - b));
            for (const n of due) model.delete(n);
          }

          expect(out.size).toBe(model.size);
          expect(out.nextDeadline).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
          expect(sequences(out)).toEqual([...model.keys()].sort((a, b) => a - b));
        }
      }),
    );
  });
});
