import type { Delivery, SubscriptionInfo } from './delivery.ts';
import type { Ledger } from './ledger.ts';
import type { Status } from './status.ts';

/** A subscription that takes deliveries from a source. */
export interface Puller<D extends Delivery = Delivery> {
  readonly prefetch: number;
  readonly draining: AbortSignal;
  readonly ledger: Ledger;
  next(delivery: D): void;
  /** The source cannot go on. */
  error(error: unknown): void;
  status(status: Status): void;
  /** The number of unsettled deliveries went down. */
  settled(): void;
}

/** A puller's place at a source that is open. */
export interface OpenAttachment extends Attachment {
  readonly info: SubscriptionInfo;
}

/** A puller's place at a source. */
export interface Attachment {
  readonly unsettled: number;
  /** No more deliveries; those that are out can still be settled. */
  detach(): void;
  /** Aborts what is still out and hands it back; returns how many that were. */
  abandon(reason: unknown): number;
}
