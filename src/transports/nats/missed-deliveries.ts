import { catchError, defer, EMPTY, ignoreElements, type Observable } from 'rxjs';
import { ackAddressFor } from './ack-address.ts';
import type { ConsumerFacts } from './consumer-lookup.ts';
import type { JetStreamDelivery } from './jetstream-delivery.ts';
import { requestRaw } from './request-raw.ts';
import type { Wire } from './wire.ts';

/** Watches for what a consumer has delivered and the connection has not. */
export interface MissedDeliveries {
  received(delivery: JetStreamDelivery): void;
  /**
   * Hands back what was on its way when the connection was lost, at most so many deliveries, when subscribed. Completes
   * when the server has taken it back, so that it delivers that first and what comes after it then.
   */
  handBack(facts: ConsumerFacts, atMost: number): Observable<never>;
}

const NAK = /* @__PURE__ */ new TextEncoder().encode('-NAK');

/** How long to wait until the server has taken it back, in ms. */
const TIMEOUT = 1_000;

/** Among so many sequences of a stream, which may be of other addresses, it is looked for. */
const LARGEST_GAP = 16_384;

/**
 * Makes the watch over one subscription's deliveries, which begins where its consumer stood.
 *
 * What gets lost on its way to us is for the server still being worked on. Left to its lease, it would come after what
 * is newer, and order would be lost. The numbers of the consumer's deliveries tell that there is such, if this
 * subscription is the only one: where others read the consumer, it may be theirs, and is left alone.
 */
export function missedDeliveries(wire: Wire, { delivered }: ConsumerFacts): MissedDeliveries {
  let since = delivered.consumerSequence;
  let count = 0;
  let latest: JetStreamDelivery | undefined;
  /** The latest that was delivered for the first time: no sequence before it is new. */
  let newest: JetStreamDelivery | undefined;
  let isAlone = false;

  function missed({ delivered: now, waiting }: ConsumerFacts, atMost: number): readonly string[] {
    if (count > 0) isAlone = latest?.position.consumerSequence === since + count;
    const lost = now.consumerSequence - since - count;
    since = now.consumerSequence;
    count = 0;
    if (!isAlone || waiting > 0 || lost < 1 || lost > atMost || newest === undefined) return [];
    const first = newest.position.sequence + 1;
    if (now.sequence - first >= LARGEST_GAP) return [];
    const { ackAddress } = newest;
    const { consumerSequence } = now;
    return Array.from({ length: Math.max(0, now.sequence - first + 1) }, (_, index) =>
      ackAddressFor(ackAddress, first + index, consumerSequence),
    );
  }

  return {
    received(delivery) {
      count += 1;
      latest = delivery;
      if (delivery.attempt === 1) newest = delivery;
    },
    handBack: (facts, atMost) =>
      defer(() => {
        const addresses = missed(facts, atMost);
        const last = addresses.at(-1);
        if (last === undefined) return EMPTY;
        for (const address of addresses.slice(0, -1)) wire.publish(address, NAK);
        // The server takes these in turn. Without an answer they come after their lease.
        return requestRaw(wire, last, NAK, { timeout: TIMEOUT }, () => undefined).pipe(catchError(() => EMPTY));
      }).pipe(ignoreElements()),
  };
}
