import type { Observable, SchedulerLike } from 'rxjs';
import type { Delivery, MessageHeaders, SubscriptionInfo } from './delivery.ts';
import type { DecodeError, RemoteError } from './errors.ts';
import type { Event } from './event.ts';
import type { Status } from './status.ts';

/** Where a subscription starts in its stream. */
export type StartPosition =
  | 'all'
  | 'new'
  | 'last'
  | { readonly sequence: number }
  | { readonly time: Date | string | number };

/** What a source that cannot wait does when its buffer is full. */
export type OverflowPolicy = 'error' | 'drop-oldest' | 'drop-newest';

/** Options that every subscription has. */
export interface SubscriptionOptions {
  /** The largest number of unsettled deliveries out at a time. */
  readonly prefetch?: number;
  /** Where to start. */
  readonly from?: StartPosition;
  /** Clock for this subscription's timers. @defaultValue the transport's */
  readonly scheduler?: SchedulerLike;
  /** Called each time that the subscription is open: what is published from then on comes. */
  readonly opened?: (subscription: SubscriptionInfo) => void;
}

/** The state that a publisher expects its stream to be in; the publish is refused if it is in another. */
export interface Expectation {
  /** The stream's last sequence; `0` = the stream is empty. */
  readonly lastSequence?: number;
  /** The last sequence on this address; `0` = there is none. */
  readonly lastAddressSequence?: number;
  /** The message id of the stream's last message. */
  readonly lastMessageId?: string;
  /** The name of the stream that is to store the message. */
  readonly stream?: string;
}

/** Options for {@link Publisher.publish}. */
export interface PublishOptions {
  /** Where the event travels. @defaultValue the transport's mapping: prefix, `.`, type */
  readonly address?: string | ((event: Event) => string);
  /** Headers beside the event. */
  readonly headers?: MessageHeaders;
  /** What makes a second publish a duplicate; `false` for none. @defaultValue source and id of the event */
  readonly messageId?: string | false | ((event: Event) => string | false);
  readonly expect?: Expectation;
  /** Whether the event must be stored: `true` refuses to hand it to live subscribers alone. @defaultValue `false` */
  readonly stored?: boolean;
}

/** The result of a publish. */
export interface Receipt {
  readonly address: string;
  /** Whether a stream has it. `false`: it was handed to live subscribers, and may be lost. */
  readonly stored: boolean;
  readonly stream?: string;
  readonly sequence?: number;
  /** Whether the stream had it already; `sequence` is then the first one's. */
  readonly duplicate: boolean;
}

/** What one of several responders says that is no reply. */
export type ResponderNotice =
  /** It has sent all its replies. */
  | { readonly kind: 'ended' }
  /** It answered with an error, which ends its replies. */
  | { readonly kind: 'failed'; readonly error: RemoteError }
  /** It sent what is no event. More may follow. */
  | { readonly kind: 'unreadable'; readonly error: DecodeError };

/** Options for {@link Requester.request}. */
export interface RequestOptions {
  /** Where the request travels. @defaultValue the transport's mapping: prefix, `.`, type */
  readonly address?: string;
  readonly headers?: MessageHeaders;
  /** Time to wait, in ms, for the first reply and then between replies; at most 600 000. @defaultValue `5_000` */
  readonly timeout?: number;
  /** Whether to take replies until the responder ends the stream, and not only the first. @defaultValue `false` */
  readonly many?: boolean;
  /**
   * Told of each responder's end, failure and unreadable reply, where several may answer. With it, none of these ends the
   * request, and all replies are taken, until it is unsubscribed or nothing comes for `timeout`. `requestMany` of
   * `millrace` makes values of both.
   *
   * @defaultValue the first end completes the request, the first failure fails it
   */
  readonly notice?: (notice: ResponderNotice) => void;
}

/** A request as a responder received it. Answer with `reply` (several times, if you like) and `end`, or with `fail`. */
export interface IncomingRequest<T = unknown> {
  readonly event: Event<T>;
  readonly address: string;
  readonly headers: MessageHeaders;
  /** Aborted when the asker has gone: it unsubscribed, has its answer, or timed out. */
  readonly signal: AbortSignal;
  /**
   * Sends one reply, validated and with its source filled as in a publish. Returns false when nobody waits for it any
   * more: it is dropped, and told in the transport's status.
   *
   * @throws InvalidEventError when the reply is no event.
   */
  reply(event: Event): boolean;
  /** Ends the stream of replies. What is replied afterwards is dropped, and told in the transport's status. */
  end(): boolean;
  /** Answers with an error, which the asker gets as a `RemoteError`: the code and the message, and no stack. */
  fail(code: string, message: string): boolean;
}

/** What a transport can do; the conformance suite skips the cases that a transport does not claim. */
export interface Capabilities {
  /** Events outlive the subscribers. */
  readonly durable: boolean;
  /** What is not acked comes again. */
  readonly redelivery: boolean;
  /** `nak(delay)` is honoured. */
  readonly delay: boolean;
  /** A second publish with the same message id is recognised. */
  readonly dedup: boolean;
  readonly requestReply: boolean;
  /** It has a raw wire, on which sessions travel. */
  readonly sessions: boolean;
  /** Several subscribers can share one address as a queue group. */
  readonly queueGroups: boolean;
  /** `*` and `>` in addresses and filters. */
  readonly wildcards: boolean;
  /** A subscription can start at a sequence or a time. */
  readonly replay: boolean;
  /** `PublishOptions.expect` is honoured. */
  readonly expectations: boolean;
  /** `Delivery.confirm` waits for the broker. */
  readonly confirm: boolean;
}

/** Options for {@link Transport.drain}. */
export interface DrainOptions {
  /** Time, in ms, that running handlers get before they are aborted. @defaultValue `30_000` */
  readonly grace?: number;
  /**
   * Keeps the transport open for publishes and requests, though at most for `grace`, until this emits or ends: handlers
   * of other transports may still publish through it. @defaultValue closes when all of its own is settled
   */
  readonly openUntil?: Observable<unknown>;
}

/** Accounts for every delivery that a transport received: `received` is the sum of the six counts below it. */
export interface DrainReport {
  readonly received: number;
  readonly acked: number;
  readonly naked: number;
  readonly termed: number;
  /** Handed back before a handler had started. */
  readonly returned: number;
  /** Lost to their lease and never acked. */
  readonly expired: number;
  /** Aborted and handed back when `grace` was over, or dropped where nothing can be handed back. */
  readonly abandoned: number;
  /** Settlements that came after the lease was lost, whatever became of them. */
  readonly late: number;
  /** How long the drain took, in ms. */
  readonly elapsedMs: number;
}

export interface Publisher {
  /**
   * Publishes events in order when subscribed, and emits one receipt for each.
   *
   * Fails with a `PublishError` whose `outcome` is `'refused'` (nothing was stored) or `'unknown'` (it may have been).
   */
  publish(events: Event | readonly Event[], options?: PublishOptions): Observable<Receipt>;
}

export interface Subscriber<O extends SubscriptionOptions = SubscriptionOptions> {
  /**
   * Opens a subscription: hot while anyone listens. The first subscriber opens it, later ones join the same
   * deliveries, the last one out closes it and hands back what was buffered.
   */
  subscribe<T = unknown>(options: O): Observable<Delivery<T>>;
}

export interface Requester {
  /** Asks when subscribed. Fails at once with `NoRespondersError` where nobody listens. Unsubscribing tells the responder. */
  request<T = unknown>(event: Event, options?: RequestOptions): Observable<Event<T>>;
}

/** The other end of {@link Requester}. */
export interface Responder {
  /** Receives requests while subscribed; members of one `queue` share them. */
  requests<T = unknown>(options: { readonly address: string; readonly queue?: string }): Observable<IncomingRequest<T>>;
}

/**
 * Turns a wire or a store into events and deliveries.
 *
 * An implementer owes: no more than `prefetch` unsettled deliveries out; each settled once; `signal` aborted when the
 * lease is lost; a synchronous settlement inside `next` without recursion; the cases of `transportContract` that its
 * `capabilities` claim.
 */
export interface Transport<O extends SubscriptionOptions = SubscriptionOptions> extends Publisher, Subscriber<O> {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** The connection's state now, and everything that happens from now on. */
  readonly status$: Observable<Status>;
  /**
   * Stops intake, has unstarted deliveries handed back, waits for handlers until `grace`, aborts and hands back the
   * rest, closes, and emits the report. Later calls join the first; one with a shorter `grace` brings the end forward.
   */
  drain(options?: DrainOptions): Observable<DrainReport>;
}
