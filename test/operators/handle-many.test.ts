import { type Arrival, createEvent, handle, settle } from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { virtualTime } from 'millrace/testing';
import { Subject, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { nthDelivery } from '../support/made.ts';

const MANY = 5_000;

describe('handle, with many deliveries', () => {
  it.each([
    { order: 'without an order', options: {} },
    { order: 'in one lane', options: { orderBy: () => 'key' } },
  ])('takes up all that waited, in their order and not by recursion, $order', ({ options }) => {
    const source = new Subject<Arrival>();
    const first = new Subject<never>();
    const ids: number[] = [];
    const handler = ({ position }: Delivery): unknown => (position?.sequence === 1 ? first : undefined);
    const subscription = source
      .pipe(handle(handler, { concurrency: 1, scheduler: virtualTime(), ...options }), settle())
      .subscribe(({ kind, delivery }) => ids.push(kind === 'succeeded' ? Number(delivery.event.id) : Number.NaN));

    for (let n = 1; n <= MANY; n += 1) source.next(nthDelivery(n));
    const before = ids.length;
    first.complete();

    const isInOrder = ids.every((id, index) => id === index + 1);
    expect([before, ids.length, isInOrder]).toEqual([0, MANY, true]);
    subscription.unsubscribe();
  });

  it('never has more of them than the prefetch, nor runs more than the concurrency', async () => {
    const time = virtualTime();
    const broker = memoryBroker({ scheduler: time });
    const transport = memoryTransport(broker);
    ensureStream(broker, { name: 'SHOP' }).subscribe();
    ensureConsumer(broker, { stream: 'SHOP', name: 'all' }).subscribe();
    for (let n = 1; n <= 10_000; n += 1) {
      transport.publish(createEvent({ type: 'SHOP', source: '/test', id: String(n) })).subscribe();
    }
    let [running, most, mostOut, done] = [0, 0, 0, 0];

    const subscription = transport
      .subscribe({ stream: 'SHOP', consumer: 'all', prefetch: 32 })
      .pipe(
        handle(
          () => {
            running += 1;
            most = Math.max(most, running);
            mostOut = Math.max(mostOut, broker.stream('SHOP').consumers.get('all')?.info().unsettled ?? 0);
            return timer(1, time);
          },
          { concurrency: 8, scheduler: time },
        ),
        settle(),
      )
      .subscribe(() => {
        running -= 1;
        done += 1;
      });
    await time.advanceBy(1_300);

    expect([most, mostOut, done]).toEqual([8, 32, 10_000]);
    subscription.unsubscribe();
  });
});
