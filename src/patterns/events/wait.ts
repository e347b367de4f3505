import type { Subscriber } from 'rxjs';
import type { Event } from '../../core/event.ts';
import type { Leased } from '../../core/leases.ts';
import { ResponseTimeoutError, SourceClosedError } from './errors.ts';
import type { Listener } from './listeners.ts';

/** What somebody waits for. */
export interface Wanted {
  readonly transactionId: string | undefined;
  readonly types: readonly string[] | undefined;
  readonly once: boolean;
  readonly timeout: number;
}

/** One who waits for events. A class, as there may be tens of thousands. */
export class Wait implements Listener, Leased<Wait> {
  readonly transactionId: string | undefined;
  readonly types: readonly string[] | undefined;
  readonly once: boolean;
  readonly timeout: number;
  readonly subscriber: Subscriber<Event>;
  readonly leave: (wait: Wait) => void;
  opened = false;
  received = 0;
  lease = 0;
  deadline = 0;
  previous: Wait | undefined = undefined;
  next: Wait | undefined = undefined;

  constructor(wanted: Wanted, subscriber: Subscriber<Event>, leave: (wait: Wait) => void) {
    this.transactionId = wanted.transactionId;
    this.types = wanted.types;
    this.once = wanted.once;
    this.timeout = wanted.timeout;
    this.subscriber = subscriber;
    this.leave = leave;
  }

  /** Whether it is over by a certain time. */
  get timed(): boolean {
    return this.timeout !== Number.POSITIVE_INFINITY;
  }

  receive(event: Event): void {
    this.received += 1;
    if (this.once) this.leave(this); // before anybody can publish the next one
    this.subscriber.next(event);
    if (this.once) this.subscriber.complete();
  }

  expire(): void {
    this.subscriber.error(new ResponseTimeoutError(this));
  }

  /** Nothing comes any more. */
  end(error: unknown): void {
    if (error !== undefined) this.subscriber.error(error);
    else if (this.timed) this.subscriber.error(new SourceClosedError());
    else this.subscriber.complete();
  }

  unsubscribe(): void {
    this.leave(this);
  }
}
