import type { Observable } from 'rxjs';
import type { Event } from './event.ts';

/** Message headers beside the event: trace context, dead-letter reasons, and what a publisher adds. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** Where a delivery stands in the stream that it came from. */
export interface Position {
  readonly stream: string;
  /** The sequence in the stream: equal to the publish receipt's, and the same on every redelivery. */
  readonly sequence: number;
  /** The sequence among the consumer's deliveries: another one on each redelivery. */
  readonly consumerSequence: number;
  /** When the stream stored the message, in milliseconds since the epoch. */
  readonly time: number;
  /** How many further messages wait for this consumer: as of the delivery, or of the look, whichever the broker can say. */
  readonly pending: number;
}

/** What all deliveries of one subscription share. */
export interface SubscriptionInfo {
  readonly stream?: string;
  readonly consumer?: string;
  /** The first sequence that comes of a subscription without a consumer of its own name; absent where that is not known. */
  readonly start?: number;
  /** Time, in ms, until a delivery must be settled or kept by `working`: the shortest, where it differs by attempt. Absent where there are no leases. */
  readonly lease?: number;
  /** The largest number of unsettled deliveries that the source may have out. */
  readonly prefetch: number;
  /** The attempt after which the broker gives up: `1` where nothing is redelivered, absent where it never gives up. */
  readonly maxDeliver?: number;
  /** Tells whether a message published at an address would come to this very consumer; absent where that is not known. */
  readonly takes?: (address: string) => boolean;
  /** Aborted when the transport starts to drain: what has not been started is to be handed back with `nak(0)`. */
  readonly draining: AbortSignal;
}

/**
 * One event as it was received, with its settlement.
 *
 * The first `ack`, `nak` or `term` settles it and returns true; later calls return false and change nothing. After the
 * lease was lost, `signal` is aborted, a first `ack` is still sent (the work was done), and `nak` and `term` are refused.
 */
export interface Delivery<T = unknown> {
  readonly event: Event<T>;
  /** Where the message travelled: a NATS subject, a topic, a queue. */
  readonly address: string;
  /** `1` on the first delivery; counted by the broker. */
  readonly attempt: number;
  readonly headers: MessageHeaders;
  /** Absent where nothing is stored. */
  readonly position?: Position | undefined;
  /** Why it cannot be handled, where the transport knows: `handle` makes it a `failed` outcome without running the handler. */
  readonly failure?: unknown;
  readonly subscription: SubscriptionInfo;
  /** Aborted when the lease is lost, the handler's timeout is over, or drain gives up. */
  readonly signal: AbortSignal;
  readonly settled: boolean;
  /** Whether the broker has taken it back: its lease ran out. Absent where there are no leases. */
  readonly lost?: boolean;
  /** Set while a settlement takes time of its own (an asynchronous dedup commit); completes or fails with it. */
  readonly settling?: Observable<void> | undefined;
  /** Says that the work is done. */
  ack(): boolean;
  /** Hands it back for redelivery after `delay` ms. @defaultValue `0` */
  nak(delay?: number): boolean;
  /** Gives it up for good: it is not redelivered. */
  term(reason?: string): boolean;
  /** Keeps the lease for another full length. */
  working(): void;
  /** Acks, and completes when the broker says that it has the ack; fails if it does not. Cold, like everything else. */
  confirm(): Observable<void>;
  /** Aborts `signal` without settling: the pipeline gives this run up. */
  abort(reason: unknown): void;
}
