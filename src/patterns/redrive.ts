import { defer, last, type Observable, type SchedulerLike } from 'rxjs';
import { type Backoff, constant, defaultBackoff } from '../core/backoff.ts';
import { deadLetterHeaders, redriveCount } from '../core/dead-letter-headers.ts';
import type { Delivery, MessageHeaders } from '../core/delivery.ts';
import { fatal } from '../core/failures.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Publisher, Receipt, Subscriber, SubscriptionOptions } from '../core/transport.ts';
import { handle } from '../operators/handle.ts';
import { redeliver } from '../operators/redeliver.ts';
import { settle } from '../operators/settle.ts';

/** Options for {@link redrive}. */
export interface RedriveOptions<O extends SubscriptionOptions> {
  /** The dead letters: a subscription to the stream that keeps them, through a consumer of its own. */
  readonly from: O;
  /** Where an event is sent. @defaultValue the address that it was given up at */
  readonly to?: (delivery: Delivery) => string;
  /** How many are on their way at a time; more than 1 may change the order. @defaultValue `1` */
  readonly concurrency?: number;
  /** How often one event may be sent back. Beyond it the outcome is `failed`, and the dead letter is kept. @defaultValue `3` */
  readonly maxRedrives?: number;
  /** When to try again to send one. @defaultValue {@link defaultBackoff} */
  readonly backoff?: Backoff;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** How long a dead letter that may not be sent back is left alone before it is looked at again, in ms. */
const KEPT_DELAY = 60_000;

/**
 * Sends dead letters back to where they were given up, while subscribed; each outcome holds the new receipt.
 *
 * The event is unchanged. Its headers lose their reason and gain a count of how often it was sent back, which `dedupe`
 * counts as part of the event's identity: it is handled again although it was given up. A dead letter is acked when the
 * receipt says that its event is stored; sending one twice stores it once.
 *
 * @example
 * ```ts
 * redrive(transport, { from: { stream: 'DEAD', consumer: 'redrive' } }).pipe(take(100)).subscribe();
 * ```
 */
export function redrive<O extends SubscriptionOptions>(
  transport: Publisher & Subscriber<O>,
  options: RedriveOptions<O>,
): Observable<Outcome<unknown, Receipt>> {
  const { from, to = givenUpAt, concurrency = 1, maxRedrives = 3, backoff = defaultBackoff } = options;
  if (!(maxRedrives >= 1)) throw new RangeError(`'maxRedrives' must be at least 1, not ${maxRedrives}`);
  const clock = options.scheduler === undefined ? {} : { scheduler: options.scheduler };

  function send(delivery: Delivery): Observable<Receipt> {
    const redriven = redriveCount(delivery.headers) + 1;
    if (redriven > maxRedrives) throw fatal(`The event was sent back ${maxRedrives} times already`);
    const address = to(delivery);
    const headers = { ...withoutReason(delivery.headers), [deadLetterHeaders.redriven]: String(redriven) };
    const messageId = `redrive ${delivery.position?.stream ?? ''} ${delivery.position?.sequence ?? delivery.event.id}`;
    return defer(() => transport.publish(delivery.event, { address, headers, messageId, stored: true })).pipe(last());
  }

  return transport
    .subscribe(from)
    .pipe(
      handle(send, { concurrency, ...clock }),
      redeliver(backoff, clock),
      settle({ backoff: constant(KEPT_DELAY), ...clock }),
    );
}

function givenUpAt({ headers }: Delivery): string {
  const address = headers[deadLetterHeaders.address];
  if (address === undefined)
    throw fatal(`The message is no dead letter: it has no header '${deadLetterHeaders.address}'`);
  return address;
}

function withoutReason(headers: MessageHeaders): MessageHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('millrace-')));
}
