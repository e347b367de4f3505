// A handler that fails now and then, in each of the four ways in which a handler can fail.
import { type Delivery, type Event, eventKey } from 'millrace';
import { NEVER, type Observable, type ObservableInput, tap, throwError } from 'rxjs';
import { chanceFor } from './chance.ts';

/** Raised by a handler that chance made fail; the next attempt may well succeed. */
export class ServiceDownError extends Error {
  override readonly name = 'ServiceDownError';
  readonly way: 'thrown' | 'rejected' | 'errored';

  constructor(way: 'thrown' | 'rejected' | 'errored') {
    super('The service that the handler needs is down');
    this.way = way;
  }
}

/** The share of events that fail at least once, and of those that failed, how many fail once more. */
const FAILS = 0.12;
const FAILS_AGAIN = 0.3;
/** Fewer than the backoff permits, so that each of these events is handled in the end. */
const MOST_FAILURES = 3;

/** A handler that fails, and what it alone knows about it. */
export interface Unreliable<R> {
  readonly handler: (delivery: Delivery) => ObservableInput<R>;
  /** Whether it hung on this delivery. Where it did not, a timeout says that the machine was too busy. */
  hung(delivery: Delivery): boolean;
}

/** Makes a handler fail before it does its work. Which events fail, how often and how, the seed decides. */
export function unreliable<R>(handler: (delivery: Delivery) => Observable<R>, seed: number): Unreliable<R> {
  /** How often each event has failed so far that is to fail, until its work is done. */
  const failures = new Map<string, number>();
  const hanging = new WeakSet<Delivery>();

  function handle(delivery: Delivery): ObservableInput<R> {
    const key = eventKey(delivery.event);
    const before = failures.get(key) ?? 0;
    const way = misfortunes(seed, delivery.event)[before];
    if (way === undefined) return handler(delivery).pipe(tap({ complete: () => failures.delete(key) }));

    failures.set(key, before + 1);
    switch (way) {
      case 'thrown':
        throw new ServiceDownError('thrown');
      case 'rejected':
        return Promise.reject(new ServiceDownError('rejected'));
      case 'errored':
        return throwError(() => new ServiceDownError('errored'));
      case 'timedOut':
        hanging.add(delivery);
        return NEVER;
    }
  }

  return { handler: handle, hung: (delivery) => hanging.has(delivery) };
}

type Way = ServiceDownError['way'] | 'timedOut';

/** The ways in which the first runs of an event fail; most events have none. */
function misfortunes(seed: number, event: Event): Way[] {
  const random = chanceFor(seed, 'failures', event);
  const ways: Way[] = [];
  while (ways.length < MOST_FAILURES && random() < (ways.length === 0 ? FAILS : FAILS_AGAIN))
    ways.push(wayOf(random()));
  return ways;
}

/** A timeout is the rarest: it is the one that takes long. */
function wayOf(chance: number): Way {
  if (chance < 0.03) return 'timedOut';
  if (chance < 0.34) return 'thrown';
  return chance < 0.67 ? 'rejected' : 'errored';
}
