import type { Status } from '../../core/status.ts';
import type { Ledger } from './ledger.ts';
import type { MemoryDelivery } from './memory-delivery.ts';

/** A subscription that takes deliveries from a consumer. */
export interface Puller {
  readonly prefetch: number;
  readonly draining: AbortSignal;
  readonly ledger: Ledger;
  next(delivery: MemoryDelivery): void;
  /** The consumer is gone. */
  error(error: unknown): void;
  status(status: Status): void;
  /** The number of unsettled deliveries went down. */
  settled(): void;
}

/** A puller's place at a consumer. */
export interface Attachment {
  readonly unsettled: number;
  /** No more deliveries; those that are out can still be settled. */
  detach(): void;
  /** Aborts what is still out and hands it back; returns how many that were. */
  abandon(reason: unknown): number;
}
