import { Observable } from 'rxjs';
import type { Delivery, MessageHeaders, Position, SubscriptionInfo } from '../../core/delivery.ts';
import { ConfirmFailedError, LeaseLostError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { Leased } from '../../core/leases.ts';
import { readAckAddress } from './ack-address.ts';
import type { ClientMessage } from './client.ts';

/** How a delivery was settled. */
export type Settlement = 'ack' | 'nak' | 'term';

/** Who is told of a settlement, and decides whether it stands. */
export interface JetStreamOwner {
  readonly info: SubscriptionInfo;
  settle(delivery: JetStreamDelivery, settlement: Settlement, delay: number, reason: string | undefined): boolean;
  /** Acks, and asks the server to say that it has it. */
  confirm(delivery: JetStreamDelivery): Observable<void>;
  extend(delivery: JetStreamDelivery): void;
  headers(delivery: JetStreamDelivery): MessageHeaders;
}

/**
 * A message that a consumer has delivered, with its settlement and its place in the list of leases.
 *
 * A class, as there is one for each message: what few look at (position, headers, signal) is made when they look.
 */
export class JetStreamDelivery implements Delivery, Leased<JetStreamDelivery> {
  readonly message: ClientMessage;
  readonly owner: JetStreamOwner;
  readonly event: Event;
  readonly ackAddress: string;
  readonly attempt: number;
  readonly failure: unknown;
  settlement: Settlement | undefined = undefined;
  /** Whether the broker has taken it back: its lease ran out. */
  lost = false;
  lease = 0;
  deadline = 0;
  previous: JetStreamDelivery | undefined = undefined;
  next: JetStreamDelivery | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #headers: MessageHeaders | undefined;
  #position: Position | undefined = undefined;

  constructor(
    message: ClientMessage,
    owner: JetStreamOwner,
    event: Event,
    ackAddress: string,
    attempt: number,
    failure: unknown,
    headers: MessageHeaders | undefined,
  ) {
    this.message = message;
    this.owner = owner;
    this.event = event;
    this.ackAddress = ackAddress;
    this.attempt = attempt;
    this.failure = failure;
    this.#headers = headers;
  }

  get address(): string {
    return this.message.subject;
  }

  get headers(): MessageHeaders {
    this.#headers ??= this.owner.headers(this);
    return this.#headers;
  }

  get position(): Position {
    this.#position ??= readAckAddress(this.ackAddress);
    return this.#position;
  }

  get subscription(): SubscriptionInfo {
    return this.owner.info;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.lost) this.#controller.abort(new LeaseLostError(this.lease));
    }
    return this.#controller.signal;
  }

  get settled(): boolean {
    return this.settlement !== undefined;
  }

  ack(): boolean {
    return this.settlement === undefined && this.owner.settle(this, 'ack', 0, undefined);
  }

  nak(delay = 0): boolean {
    return this.settlement === undefined && this.owner.settle(this, 'nak', delay, undefined);
  }

  term(reason?: string): boolean {
    return this.settlement === undefined && this.owner.settle(this, 'term', 0, reason);
  }

  working(): void {
    if (this.settlement === undefined && !this.lost) this.owner.extend(this);
  }

  confirm(): Observable<void> {
    return new Observable((subscriber) => {
      if (this.settlement !== undefined && this.settlement !== 'ack')
        throw new ConfirmFailedError(`the delivery was already settled by ${this.settlement}`);
      subscriber.add(this.owner.confirm(this).subscribe(subscriber));
    });
  }

  abort(reason: unknown): void {
    if (this.settlement !== undefined) return;
    void this.signal;
    this.#controller?.abort(reason);
  }

  /** Takes the delivery back: its lease is over. */
  lose(): void {
    this.lost = true;
    this.#controller?.abort(new LeaseLostError(this.lease));
  }
}
