import type { SubscriptionInfo } from './delivery.ts';
import { BufferOverflowError } from './errors.ts';
import { fifo } from './fifo.ts';
import type { LiveDelivery, LiveOwner } from './live-delivery.ts';
import type { OpenAttachment, Puller } from './puller.ts';
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
export function liveSource<M>(puller: Puller, options: LiveSourceOptions<M>): OpenAttachment {
  const { address, buffer, overflow } = options;
  const { ledger } = puller;
  const info: SubscriptionInfo = { prefetch: puller.prefetch, maxDeliver: 1, draining: puller.draining };
  const waiting = fifo<M>();
  let last: LiveDelivery | undefined;
  let unsettled = 0;
  let dropped = 0;
  let slow = false;
  let pumping = false;

  const owner: LiveOwner = {
    info,
    settled(delivery, delay) {
      const { settlement } = delivery;
      unlink(delivery);
      if (settlement === 'ack') ledger.acked += 1;
      else if (settlement === 'term') ledger.termed += 1;
      else {
        if (delay === 0 && puller.draining.aborted) ledger.returned += 1;
        else ledger.naked += 1;
        drop('nak where nothing is redelivered');
      }
      puller.settled();
      if (waiting.size > 0) pump();
    },
  };

  function link(delivery: LiveDelivery): void {
    delivery.previous = last;
    if (last !== undefined) last.next = delivery;
    last = delivery;
    unsettled += 1;
  }

  function unlink(delivery: LiveDelivery): void {
    const { previous, next } = delivery;
    if (previous !== undefined) previous.next = next;
    if (next === undefined) last = previous;
    else next.previous = previous;
    delivery.previous = undefined;
    delivery.next = undefined;
    unsettled -= 1;
  }

  function drop(reason: string, count = 1): void {
    dropped += count;
    puller.status({ kind: 'dropped', address, reason, total: dropped });
  }

  function receive(message: M): void {
    if (waiting.size >= buffer && (pumping || unsettled >= puller.prefetch)) {
      if (!slow) puller.status({ kind: 'slow', address, buffered: waiting.size });
      slow = true;
      if (overflow === 'error') return overflown();
      drop(overflow);
      if (overflow === 'drop-newest') return;
      waiting.shift();
    }
    if (waiting.size > 0 || pumping || unsettled >= puller.prefetch) {
      waiting.push(message);
      return pump();
    }
    pumping = true;
    hand(message);
    pumping = false;
    if (waiting.size > 0) pump();
  }

  function overflown(): void {
    stop();
    waiting.drain(); // the error says it: nothing is to come of what waits
    puller.error(new BufferOverflowError(`The buffer of '${address}' (${unsettled} deliveries are unsettled)`, buffer));
  }

  function pump(): void {
    if (pumping) return;
    pumping = true;
    while (waiting.size > 0 && unsettled < puller.prefetch) hand(waiting.shift() as M);
    pumping = false;
    if (waiting.size === 0) slow = false;
  }

  function hand(message: M): void {
    const delivery = options.deliver(message, owner);
    link(delivery);
    ledger.received += 1;
    puller.next(delivery);
  }

  const stop = options.listen(receive);

  function leave(): void {
    stop();
    const left = waiting.drain().length;
    if (left > 0) drop('left in the buffer', left);
  }

  return {
    info,
    get unsettled() {
      return unsettled;
    },
    detach: leave,
    abandon(reason) {
      const mine: LiveDelivery[] = [];
      for (let delivery = last; delivery !== undefined; delivery = delivery.previous) mine.push(delivery);
      for (const delivery of mine.reverse()) {
        delivery.abort(reason);
        if (delivery.settled) continue;
        delivery.settlement = 'nak';
        unlink(delivery);
        ledger.abandoned += 1;
        drop('abandoned by drain');
        puller.settled();
      }
      return mine.length;
    },
  };
}
