import type { Delivery } from '../core/delivery.ts';
import type { Event } from '../core/event.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Receipt } from '../core/transport.ts';
import type { RecordedDelivery, RecordedSettlement } from './recorded-delivery.ts';

interface Entry {
  /** When, by the history's clock. */
  readonly at: number;
  readonly event: Event;
}

/** An event was published, or was to be. */
export interface PublishedEntry extends Entry {
  readonly kind: 'published';
  /** `refused`: it was not stored. `unknown`: a timeout, a lost connection or an unsubscribe; it may have been. */
  readonly result: 'receipt' | 'refused' | 'unknown';
  readonly receipt?: Receipt;
}

/** A delivery arrived. */
export interface ReceivedEntry extends Entry {
  readonly kind: 'received';
  readonly delivery: RecordedDelivery;
}

/** A delivery was settled, or was to be. */
export interface SettledEntry extends Entry, RecordedSettlement {
  readonly kind: 'settled';
  readonly delivery: RecordedDelivery;
}

/** A handler's run began. */
export interface StartedEntry extends Entry {
  readonly kind: 'started';
  readonly delivery: Delivery;
}

/** A handler's run ended. */
export interface EndedEntry extends Entry {
  readonly kind: 'ended';
  readonly delivery: Delivery;
  /** `cancelled`: it was unsubscribed. */
  readonly result: 'succeeded' | 'failed' | 'cancelled';
}

/** The pipeline said what became of a delivery. */
export interface OutcomeEntry extends Entry {
  readonly kind: 'outcome';
  readonly outcome: Outcome;
}

/** A dead letter has its receipt. */
export interface DeadLetterEntry extends Entry {
  readonly kind: 'deadLetter';
  readonly receipt: Receipt;
}

/** Something that happened. */
export type HistoryEntry =
  | PublishedEntry
  | ReceivedEntry
  | SettledEntry
  | StartedEntry
  | EndedEntry
  | OutcomeEntry
  | DeadLetterEntry;
