import type { Observable, ObservableInput } from 'rxjs';
import type { Delivery, MessageHeaders, Position, SubscriptionInfo } from './delivery.ts';
import type { Event } from './event.ts';
import type { Decision } from './outcome.ts';

/**
 * A delivery that stands for another one; subclasses change how it is settled.
 *
 * A class, as there is one for each message on the hot path: the methods are shared.
 */
export class DecoratedDelivery<T = unknown> implements Delivery<T> {
  readonly inner: Delivery<T>;

  constructor(inner: Delivery<T>) {
    this.inner = inner;
  }

  get event(): Event<T> {
    return this.inner.event;
  }

  get address(): string {
    return this.inner.address;
  }

  get attempt(): number {
    return this.inner.attempt;
  }

  get headers(): MessageHeaders {
    return this.inner.headers;
  }

  get position(): Position | undefined {
    return this.inner.position;
  }

  get failure(): unknown {
    return this.inner.failure;
  }

  get subscription(): SubscriptionInfo {
    return this.inner.subscription;
  }

  get signal(): AbortSignal {
    return this.inner.signal;
  }

  get settled(): boolean {
    return this.inner.settled;
  }

  get lost(): boolean {
    return this.inner.lost ?? false;
  }

  get settling(): Observable<void> | undefined {
    return this.inner.settling;
  }

  ack(): boolean {
    return this.inner.ack();
  }

  nak(delay?: number): boolean {
    return this.inner.nak(delay);
  }

  term(reason?: string): boolean {
    return this.inner.term(reason);
  }

  working(): void {
    this.inner.working();
  }

  confirm(): Observable<void> {
    return this.inner.confirm();
  }

  abort(reason: unknown): void {
    this.inner.abort(reason);
  }

  /** Called when it has to wait for others: gives up meanwhile what it holds for itself alone. */
  park(): void {
    if (this.inner instanceof DecoratedDelivery) this.inner.park();
  }

  /** Takes again what `park` gave up, when its turn has come: undefined to go on, or what is to become of it instead. */
  resume(): Decision | undefined | ObservableInput<Decision | undefined> {
    return this.inner instanceof DecoratedDelivery ? this.inner.resume() : undefined;
  }
}

/** What a delivery is under all its decorations: as the broker has it. */
export function originalOf(delivery: Delivery): Delivery {
  let original = delivery;
  while (original instanceof DecoratedDelivery) original = original.inner;
  return original;
}

/** Whether the broker gives it up when it is not acked now. */
export function isLastAttempt(delivery: Delivery): boolean {
  const { attempt, subscription } = originalOf(delivery);
  return attempt >= (subscription.maxDeliver ?? Number.POSITIVE_INFINITY);
}
