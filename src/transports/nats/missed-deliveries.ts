import { ackAddressFor } from './ack-address.ts';
import type { ConsumerFacts } from './consumer-lookup.ts';
import type { JetStreamDelivery } from './jetstream-delivery.ts';

/** Watches for what a consumer has delivered and the connection has not. */
export interface MissedDeliveries {
  received(delivery: JetStreamDelivery): void;
  /** Where that is settled which has been delivered since the last look, at most so many, and has not come. */
  find(facts: ConsumerFacts, atMost: number): readonly string[];
}

/** Among so many sequences of a stream, which may be of other addresses, it is looked for. */
const LARGEST_GAP = 16_384;

/**
 * Makes the watch over one subscription's deliveries, which begins where its consumer stood.
 *
 * What gets lost on its way to us is for the server still being worked on. Left to its lease, it would come after what
 * is newer, and order would be lost. The numbers of the consumer's deliveries tell that there is such, if this
 * subscription is the only one: where others read the consumer, it may be theirs, and is left alone.
 */
export function missedDeliveries({ delivered }: ConsumerFacts): MissedDeliveries {
  let since = delivered.consumerSequence;
  let count = 0;
  let latest: JetStreamDelivery | undefined;
  /** The latest that was delivered for the first time: no sequence before it is new. */
  let newest: JetStreamDelivery | undefined;
  let isAlone = false;

  function find({ delivered: now, waiting }: ConsumerFacts, atMost: number): readonly string[] {
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
    find,
  };
}
