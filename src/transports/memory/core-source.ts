import type { SubscriptionInfo } from '../../core/delivery.ts';
import { BufferOverflowError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { fifo } from '../../core/fifo.ts';
import type { Attachment, Puller } from '../../core/puller.ts';
import type { OverflowPolicy } from '../../core/transport.ts';
import { type DeliveryOwner, MemoryDelivery } from './memory-delivery.ts';
import type { CoreMessage, Router } from './router.ts';

/** Options of a source that cannot wait. */
export interface CoreSourceOptions {
  readonly address: string;
  readonly queue: string | undefined;
  readonly buffer: number;
  readonly overflow: OverflowPolicy;
  now(): number;
}

/**
 * Listens at an address for a puller: hands over what it has demand for, buffers up to `buffer`, and then follows
 * `overflow`. Nothing is stored, so a nak or an abandoned delivery is a drop, and is said to be one.
 */
export function coreSource(router: Router, puller: Puller, options: CoreSourceOptions): Attachment {
  const { address, queue, buffer, overflow } = options;
  const { ledger } = puller;
  const info: SubscriptionInfo = { prefetch: puller.prefetch, maxDeliver: 1, draining: puller.draining };
  const waiting = fifo<CoreMessage>();
  const out = new Set<MemoryDelivery>();
  let delivered = 0;
  let dropped = 0;
  let slow = false;
  let pumping = false;

  const owner: DeliveryOwner = {
    info,
    settle(delivery, settlement, delay) {
      delivery.settlement = settlement;
      out.delete(delivery);
      if (settlement === 'ack') ledger.acked += 1;
      else if (settlement === 'term') ledger.termed += 1;
      else {
        if (delay === 0 && puller.draining.aborted) ledger.returned += 1;
        else ledger.naked += 1;
        drop('nak where nothing is redelivered');
      }
      puller.settled();
      pump();
      return true;
    },
    extend() {
      // There is no lease here.
    },
    position: () => undefined,
  };

  function drop(reason: string): void {
    dropped += 1;
    puller.status({ kind: 'dropped', address, reason, total: dropped });
  }

  function receive(message: CoreMessage): void {
    if (waiting.size >= buffer && (pumping || out.size >= puller.prefetch)) {
      if (!slow) puller.status({ kind: 'slow', address, buffered: waiting.size });
      slow = true;
      if (overflow === 'error') {
        leave();
        return puller.error(
          new BufferOverflowError(`The buffer of '${address}' (${out.size} deliveries are unsettled)`, buffer),
        );
      }
      drop(overflow);
      if (overflow === 'drop-newest') return;
      waiting.shift();
    }
    waiting.push(message);
    pump();
  }

  function pump(): void {
    if (pumping) return;
    pumping = true;
    while (waiting.size > 0 && out.size < puller.prefetch) deliver(waiting.shift() as CoreMessage);
    pumping = false;
    if (waiting.size === 0) slow = false;
  }

  function deliver({ address: at, event, headers }: CoreMessage): void {
    if (event === undefined) return;
    delivered += 1;
    const carried = { event: event as Event, address: at, headers, sequence: 0, time: options.now() };
    const delivery = new MemoryDelivery(carried, carried.event, owner, 1, delivered);
    out.add(delivery);
    ledger.received += 1;
    puller.next(delivery);
  }

  const stop = router.listen(address, queue, receive);

  function leave(): void {
    stop();
    waiting.drain();
  }

  return {
    get unsettled() {
      return out.size;
    },
    detach: leave,
    abandon(reason) {
      const mine = [...out];
      for (const delivery of mine) {
        delivery.abort(reason);
        if (delivery.settled) continue;
        delivery.settlement = 'nak';
        out.delete(delivery);
        ledger.abandoned += 1;
        drop('abandoned by drain');
        puller.settled();
      }
      return mine.length;
    },
  };
}
