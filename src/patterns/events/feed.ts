import type { Delivery } from '../../core/delivery.ts';
import type { StartPosition, Subscriber, SubscriptionOptions } from '../../core/transport.ts';

/** What a source of events subscribes with: to a stream, or at an address. A transport has the one or the other, or both. */
export interface FeedSubscription extends SubscriptionOptions {
  readonly stream?: string;
  readonly filter?: string | readonly string[];
  readonly from?: StartPosition;
  /** Read only, where the transport can: nothing is acked, and nothing comes again. */
  readonly ordered?: boolean;
  readonly address?: string;
}

/** The part of a transport that a feed needs. */
export type FeedTransport = Subscriber<FeedSubscription>;

/** Who takes what a feed brings. */
export interface FeedTarget {
  receive(delivery: Delivery): void;
  /** Nothing comes any more: it broke, or the transport was drained. */
  ended(error: unknown): void;
}

/** Brings the events of a growing set of addresses, each once. */
export interface Feed {
  /** Calls `covered` when what is published at these addresses from then on comes; at once where it does already. */
  cover(addresses: readonly string[], covered: () => void): void;
  close(): void;
}

/** What a subscription of a feed is opened with, whatever it reads. */
export type FeedDefaults = Pick<FeedSubscription, 'prefetch' | 'scheduler'>;
