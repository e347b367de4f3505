import { defer, type Observable, tap } from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';

/** A settlement as a history saw it. */
export interface RecordedSettlement {
  readonly settlement: 'ack' | 'nak' | 'term';
  /** Whether it was the one that counts. */
  readonly accepted: boolean;
  /** Whether the lease was lost already. */
  readonly late: boolean;
}

/** A delivery that tells of its settlements. */
export class RecordedDelivery<T = unknown> extends DecoratedDelivery<T> {
  readonly #record: (settlement: RecordedSettlement) => void;

  constructor(inner: Delivery<T>, record: (settlement: RecordedSettlement) => void) {
    super(inner);
    this.#record = record;
  }

  override ack(): boolean {
    return this.#settle('ack', () => super.ack());
  }

  override nak(delay?: number): boolean {
    return this.#settle('nak', () => super.nak(delay));
  }

  override term(reason?: string): boolean {
    return this.#settle('term', () => super.term(reason));
  }

  override confirm(): Observable<void> {
    return defer(() => {
      const { settled, lost } = this;
      const record = () => this.#record({ settlement: 'ack', accepted: !settled, late: lost });
      return super.confirm().pipe(tap({ complete: record }));
    });
  }

  #settle(settlement: 'ack' | 'nak' | 'term', send: () => boolean): boolean {
    const { settled, lost } = this; // as they were before
    const accepted = send();
    this.#record({ settlement, accepted, late: lost && !settled });
    return accepted;
  }
}
