import { defer, NEVER, type Observable, throwError } from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { ConfirmFailedError } from '../core/errors.ts';

/** What is to go wrong with a delivery. */
export interface Fate {
  /** Whether its consumer still runs: what a dead one says reaches nobody. */
  alive(): boolean;
  /** Whether its settlement is lost on its way. */
  readonly losesSettlement: boolean;
  /** Is told when it was. */
  settlementLost(): void;
}

/** A delivery whose settlement may get lost: the consumer takes it to be settled, the broker never hears of it. */
export class FaultyDelivery<T> extends DecoratedDelivery<T> {
  readonly #fate: Fate;
  #swallowed = false;

  constructor(inner: Delivery<T>, fate: Fate) {
    super(inner);
    this.#fate = fate;
  }

  override get settled(): boolean {
    return this.#swallowed || super.settled;
  }

  override ack(): boolean {
    return this.#swallows() || (!this.#swallowed && super.ack());
  }

  override nak(delay?: number): boolean {
    return (!this.lost && this.#swallows()) || (!this.#swallowed && super.nak(delay));
  }

  override term(reason?: string): boolean {
    return (!this.lost && this.#swallows()) || (!this.#swallowed && super.term(reason));
  }

  override working(): void {
    if (this.#fate.alive() && !this.#swallowed) super.working();
  }

  override confirm(): Observable<void> {
    return defer(() => {
      if (!this.#swallows() && !this.#swallowed) return super.confirm();
      return this.#fate.alive() ? throwError(() => new ConfirmFailedError('the ack was lost on its way')) : NEVER;
    });
  }

  /** Whether a first settlement gets lost here. */
  #swallows(): boolean {
    if (this.settled) return false;
    if (this.#fate.alive() && !this.#fate.losesSettlement) return false;
    if (this.#fate.alive()) this.#fate.settlementLost();
    this.#swallowed = true;
    return true;
  }
}
