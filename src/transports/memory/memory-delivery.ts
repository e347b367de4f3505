import { Observable } from 'rxjs';
import type { Delivery, MessageHeaders, Position, SubscriptionInfo } from '../../core/delivery.ts';
import { ConfirmFailedError, LeaseLostError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';

/** How a delivery was settled. */
export type Settlement = 'ack' | 'nak' | 'term';

/** Who is told of a settlement, and decides whether it stands. */
export interface DeliveryOwner {
  readonly info: SubscriptionInfo;
  settle(delivery: MemoryDelivery, settlement: Settlement, delay: number, reason: string | undefined): boolean;
  extend(delivery: MemoryDelivery): void;
  position(delivery: MemoryDelivery): Position | undefined;
}

/** A delivery's place in its stream. A class, as there may be one for each message, and only some look at `pending`. */
export class MemoryPosition implements Position {
  readonly stream: string;
  readonly sequence: number;
  readonly consumerSequence: number;
  readonly time: number;
  readonly #pending: () => number;

  constructor(stream: string, { carried, consumerSequence }: MemoryDelivery, pending: () => number) {
    this.stream = stream;
    this.sequence = carried.sequence;
    this.consumerSequence = consumerSequence;
    this.time = carried.time;
    this.#pending = pending;
  }

  get pending(): number {
    return this.#pending();
  }
}

/** What a delivery carries. */
export interface Carried {
  readonly event: Event;
  readonly address: string;
  readonly headers: MessageHeaders;
  /** The sequence in the stream; `0` where nothing is stored. */
  readonly sequence: number;
  readonly time: number;
}

/**
 * A delivery, its place in the list of leases and its settlement in one object, since there is one for each message.
 *
 * A class for that reason alone: the methods and getters are shared, the controller is made only for those who look.
 */
export class MemoryDelivery implements Delivery {
  readonly carried: Carried;
  readonly owner: DeliveryOwner;
  readonly event: Event;
  readonly attempt: number;
  readonly consumerSequence: number;
  settlement: Settlement | undefined = undefined;
  /** Whether the broker has taken it back: its lease ran out. */
  lost = false;
  /** The lease, its end, and the neighbours in the list of leases of that length. */
  lease = 0;
  deadline = 0;
  previous: MemoryDelivery | undefined = undefined;
  next: MemoryDelivery | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(carried: Carried, event: Event, owner: DeliveryOwner, attempt: number, consumerSequence: number) {
    this.carried = carried;
    this.event = event;
    this.owner = owner;
    this.attempt = attempt;
    this.consumerSequence = consumerSequence;
  }

  get address(): string {
    return this.carried.address;
  }

  get headers(): MessageHeaders {
    return this.carried.headers;
  }

  get position(): Position | undefined {
    return this.owner.position(this);
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
      if (this.ack() || this.settlement === 'ack') return subscriber.complete();
      subscriber.error(new ConfirmFailedError(`the delivery was already settled by ${this.settlement ?? 'nobody'}`));
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
