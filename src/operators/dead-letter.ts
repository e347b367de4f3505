import {
  asyncScheduler,
  defer,
  last,
  map,
  Observable,
  type OperatorFunction,
  type SchedulerLike,
  Subscription,
  tap,
  timeout as timeoutAfter,
} from 'rxjs';
import { type Backoff, exponential } from '../core/backoff.ts';
import { deadLetterId, describeDeadLetter } from '../core/dead-letter-headers.ts';
import { isLastAttempt, originalOf } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { DeadLetterRefusedError, TransportClosedError, UnboundAddressError } from '../core/errors.ts';
import type { Failed, Outcome } from '../core/outcome.ts';
import type { Publisher, Receipt } from '../core/transport.ts';
import { observe } from './observe.ts';
import { retryBackoff } from './retry-backoff.ts';

/** Options for {@link deadLetter}. */
export interface DeadLetterOptions<T = unknown> {
  /** Where dead letters go; a stream must be bound to it. @defaultValue the delivery's address and `.dlq` */
  readonly to?: string | ((delivery: Delivery<T>) => string);
  /**
   * When to try again to store one, in this process, before the delivery goes back to the broker. On the last attempt
   * that the broker makes, it is tried until it is stored. @defaultValue 3 attempts, 200 ms apart and more
   */
  readonly backoff?: Backoff;
  /** Time, in ms, that one attempt to store may take. @defaultValue `5_000` */
  readonly timeout?: number;
  /**
   * Told of each refusal that is tried again in this process, since no outcome tells of it until the event is stored or
   * goes back. @defaultValue a warning of the process, at the first refusal of each subscription
   */
  readonly onRefused?: Refused<T>;
  /** How long a delivery goes back for, in ms, when its dead letter could not be stored. @defaultValue `30_000` */
  readonly returnDelay?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

const OWN_ADDRESS = "The consumer would receive its own dead letters: set 'to', or the consumer's filter";

type Refused<T> = (error: DeadLetterRefusedError, delivery: Delivery<T>) => void;

const shortBackoff = /* @__PURE__ */ exponential({ initial: 200, max: 5_000, maxAttempts: 3 });
const endlessBackoff = /* @__PURE__ */ exponential({ initial: 200, max: 5_000 });

/**
 * Stores what failed for good as a dead letter; other outcomes pass.
 *
 * A dead letter is the original event, unchanged, with its reason as `millrace-*` headers (see `deadLetterHeaders`). Its
 * message id follows from where the delivery came from, so that storing it twice stores it once. The outcome is
 * `deadLettered` when the receipt says that it is stored, and `retry` with a `DeadLetterRefusedError` when it could not
 * be: the delivery goes back to the broker, and nothing is lost. On unsubscribe, what is not stored yet is handed back.
 *
 * @example
 * ```ts
 * outcomes.pipe(deadLetter(transport, { to: (d) => `${d.address}.dlq` }), settle());
 * ```
 */
export function deadLetter<T, R>(
  publisher: Publisher,
  options: DeadLetterOptions<T> = {},
): OperatorFunction<Outcome<T, R>, Outcome<T, R>> {
  const { to = dlqAddress, backoff = shortBackoff, timeout = 5_000, returnDelay = 30_000 } = options;
  const { onRefused, scheduler = asyncScheduler } = options;
  if (typeof publisher?.publish !== 'function') throw new TypeError("deadLetter needs a publisher with 'publish'");
  if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
  if (!(returnDelay > 0)) throw new RangeError(`'returnDelay' must be above 0 ms, not ${returnDelay}`);

  function store({ delivery, error }: Failed<T>, address: string, refused: Refused<T>): Observable<Receipt> {
    const headers = describeDeadLetter(delivery, error, scheduler.now());
    const { event } = originalOf(delivery); // and not what a schema made of it
    const messageId = deadLetterId(delivery);
    const shouldRetry = (refusal: unknown) => !(refusal instanceof TransportClosedError);
    return defer(() => publisher.publish(event, { address, headers, messageId, stored: true })).pipe(
      timeoutAfter({ each: timeout, scheduler }),
      last(),
      map((receipt) => {
        if (!receipt.stored) throw new UnboundAddressError(address);
        return receipt;
      }),
      tap({ error: (cause) => refused(new DeadLetterRefusedError(address, { cause }), delivery) }),
      retryBackoff(isLastAttempt(delivery) ? endlessBackoff : backoff, { shouldRetry, scheduler }),
    );
  }

  return (source) =>
    new Observable((subscriber) => {
      const storing = new Map<Delivery<T>, Subscription>();
      const tell = onRefused ?? warnOnce();
      let ending: (() => void) | undefined;

      function begin(failed: Failed<T>): void {
        const { delivery, error } = failed;
        let address = '';
        const refused = (cause: unknown) => {
          const both = new AggregateError([error, cause], 'The handler failed, and so did storing the dead letter');
          done(delivery, {
            kind: 'retry',
            delivery,
            error: new DeadLetterRefusedError(address, { cause: both }),
            delay: returnDelay,
          });
        };
        try {
          address = typeof to === 'function' ? to(delivery) : to;
          if (delivery.subscription.takes?.(address) === true) throw new TypeError(OWN_ADDRESS);
          const storage = store(failed, address, tell);
          const work = storage.subscribe({
            next: (receipt) => done(delivery, { kind: 'deadLettered', delivery, error, receipt }),
            error: refused,
          });
          if (!work.closed) storing.set(delivery, work);
        } catch (cause) {
          refused(cause);
        }
      }

      function done(delivery: Delivery<T>, outcome: Outcome<T, R>): void {
        storing.delete(delivery);
        subscriber.next(outcome);
        if (storing.size === 0) ending?.();
      }

      const endWith = (end: () => void) => {
        ending = end;
        if (storing.size === 0) end();
      };
      observe(source, subscriber, {
        next: (outcome) => (outcome.kind === 'failed' ? begin(outcome) : subscriber.next(outcome)),
        error: (error) => endWith(() => subscriber.error(error)),
        complete: () => endWith(() => subscriber.complete()),
      });

      return () => {
        const rest = new Subscription(); // so that one that throws keeps none of the others
        for (const [delivery, work] of storing) {
          rest.add(work);
          rest.add(() => delivery.nak(0));
        }
        rest.unsubscribe();
      };
    });
}

/** Warns of the first refusal only: the ones that follow it mostly say the same. */
function warnOnce(): Refused<unknown> {
  let warned = false;
  return (error) => {
    if (!warned) process.emitWarning(error);
    warned = true;
  };
}

function dlqAddress({ address }: Delivery): string {
  return `${address}.dlq`;
}
