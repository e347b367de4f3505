import { Observable } from 'rxjs';
import type { Delivery, MessageHeaders, SubscriptionInfo } from './delivery.ts';
import { ConfirmFailedError } from './errors.ts';
import type { Event } from './event.ts';

/** How a delivery was settled. */
export type LiveSettlement = 'ack' | 'nak' | 'term';

/** Who is told of a settlement. */
export interface LiveOwner {
  readonly info: SubscriptionInfo;
  settled(delivery: LiveDelivery, delay: number): void;
}

/**
 * A delivery of a message that nothing stores: it comes once, has no lease, and cannot be handed back.
 *
 * A class, as there is one for each message. A transport's subclass says what it carries.
 */
export abstract class LiveDelivery implements Delivery {
  abstract readonly event: Event;
  abstract readonly address: string;
  abstract readonly headers: MessageHeaders;
  readonly owner: LiveOwner;
  settlement: LiveSettlement | undefined = undefined;
  /** The neighbours in the list of what its source has out. */
  previous: LiveDelivery | undefined = undefined;
  next: LiveDelivery | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(owner: LiveOwner) {
    this.owner = owner;
  }

  get attempt(): number {
    return 1;
  }

  get position(): undefined {
    return undefined;
  }

  get subscription(): SubscriptionInfo {
    return this.owner.info;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get settled(): boolean {
    return this.settlement !== undefined;
  }

  get lost(): boolean {
    return false;
  }

  ack(): boolean {
    return this.#settle('ack', 0);
  }

  nak(delay = 0): boolean {
    return this.#settle('nak', delay);
  }

  term(): boolean {
    return this.#settle('term', 0);
  }

  working(): void {
    // There is no lease.
  }

  confirm(): Observable<void> {
    return new Observable((subscriber) => {
      if (this.ack() || this.settlement === 'ack') return subscriber.complete();
      subscriber.error(new ConfirmFailedError(`the delivery was already settled by ${this.settlement}`));
    });
  }

  abort(reason: unknown): void {
    if (this.settlement !== undefined) return;
    void this.signal;
    this.#controller?.abort(reason);
  }

  #settle(settlement: LiveSettlement, delay: number): boolean {
    if (this.settlement !== undefined) return false;
    this.settlement = settlement;
    this.owner.settled(this, delay);
    return true;
  }
}
