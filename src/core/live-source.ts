import type { SubscriptionInfo } from './delivery.ts';
import { BufferOverflowError } from './errors.ts';
import { fifo } from './fifo.ts';
import type { LiveDelivery, LiveOwner } from './live-delivery.ts';
import type { Attachment, Puller } from './puller.ts';
import type { OverflowPolicy } from './transport.ts';

/** Options of a source that cannot wait. */
export interface LiveSourceOptions<M> {
  readonly address: string;
  readonly buffer: number;
  readonly overflow: OverflowPolicy;
  /** Starts to listen, and returns what ends it. */
  readonly listen: (receive: (message: M) => void) => () => void;
  /** Makes a message's delivery, when its turn has come. */
  readonly deliver: (message: M, owner: LiveOwner) => LiveDelivery;
}

/**
 * Listens for a puller where nothing is stored: hands over what it has demand for, buffers up to `buffer`, and then
 * follows `overflow`. A nak or an abandoned delivery is a drop, as is what waits in the buffer at the end; each is told.
 */
export function liveSource<M>(puller: Puller, options: LiveSourceOptions<M>): Attachment {
  const { address, buffer, overflow } = options;
  const { ledger } = puller;
  const info: SubscriptionInfo = { prefetch: puller.prefetch, maxDeliver: 1, draining: puller.draining };
  const waiting = fifo<M>();
  const out = new Set<LiveDelivery>();
  let dropped = 0;
  let slow = false;
  let pumping = false;

  const owner: LiveOwner = {
    info,
    settled(delivery, delay) {
      const { settlement } = delivery;
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
    },
  };

  function drop(reason: string, count = 1): void {
    dropped += count;
    puller.status({ kind: 'dropped', address, reason, total: dropped });
  }

  function receive(message: M): void {
    if (waiting.size >= buffer && (pumping || out.size >= puller.prefetch)) {
      if (!slow) puller.status({ kind: 'slow', address, buffered: waiting.size });
      slow = true;
      if (overflow === 'error') return overflown();
      drop(overflow);
      if (overflow === 'drop-newest') return;
      waiting.shift();
    }
    waiting.push(message);
    pump();
  }

  function overflown(): void {
    stop();
    waiting.drain(); // the error says it: nothing is to come of what waits
    puller.error(new BufferOverflowError(`The buffer of '${address}' (${out.size} deliveries are unsettled)`, buffer));
  }

  function pump(): void {
    if (pumping) return;
    pumping = true;
    while (waiting.size > 0 && out.size < puller.prefetch) {
      const delivery = options.deliver(waiting.shift() as M, owner);
      out.add(delivery);
      ledger.received += 1;
      puller.next(delivery);
    }
    pumping = false;
    if (waiting.size === 0) slow = false;
  }

  const stop = options.listen(receive);

  function leave(): void {
    stop();
    const left = waiting.drain().length;
    if (left > 0) drop('left in the buffer', left);
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
