import {
  asyncScheduler,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type Subscriber,
  Subscription,
} from 'rxjs';
import { isLastAttempt } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { BufferOverflowError, HandlerTimeoutError, LeaseLostError, MillraceError } from '../core/errors.ts';
import { isFatal } from '../core/failures.ts';
import { fifo } from '../core/fifo.ts';
import {
  type Arrival,
  type Failed,
  type Handler,
  isOutcome,
  type Outcome,
  type Retry,
  type Skipped,
  type Succeeded,
} from '../core/outcome.ts';
import { isInput, isPromiseLike, whenDone } from '../core/when-done.ts';
import { adaptiveLimit } from './adaptive-limit.ts';
import { drainWatch } from './drain-watch.ts';
import {
  checkHandle,
  DEFAULT_BOUND,
  DEFAULT_CONCURRENCY,
  DEFAULT_TIMEOUT,
  type HandleOptions,
} from './handle-options.ts';
import { leaseKeeper } from './lease-keeper.ts';
import { observe } from './observe.ts';
import { ordering } from './ordering.ts';
import { type Run, runs } from './runs.ts';
import { timeouts } from './timeouts.ts';

/** How the source ended. */
type Ending = { readonly kind: 'complete' } | { readonly kind: 'error'; readonly error: unknown };

/** How long a delivery that finds no room is handed back for, in ms. */
const OVERFLOW_DELAY = 1_000;

/**
 * Runs a handler for each delivery, so many at a time, and emits what became of it. Settles nothing.
 *
 * A synchronous throw, a rejection, an Observable error and a timeout are the same: a `failed` outcome; the stream goes
 * on. Outcomes that arrive in place of deliveries pass by. From arrival to settlement each lease is kept at a third of
 * its length. A timeout aborts the delivery's `signal` and unsubscribes an Observable handler.
 *
 * On completion of the source, what waits is still handled. On its error, the error passes when running handlers are
 * done, and what waits is handed back. On unsubscribe, Observable handlers are unsubscribed, `signal` is aborted, and
 * what was not done is handed back with `nak(0)`: at once, or for a promise, which nothing can stop, when it settles.
 *
 * @example
 * ```ts
 * deliveries.pipe(handle(charge, { concurrency: 32, orderBy: (d) => d.event.subject, timeout: 10_000 }));
 * ```
 */
export function handle<T, R>(
  handler: Handler<T, R>,
  options: HandleOptions<T> = {},
): OperatorFunction<Arrival<T>, Outcome<T, R>> {
  checkHandle(handler, options);
  return (source) => new Observable((subscriber) => run(source, handler, options, subscriber));
}

function run<T, R>(
  source: Observable<Arrival<T>>,
  handler: Handler<T, R>,
  options: HandleOptions<T>,
  subscriber: Subscriber<Outcome<T, R>>,
): () => void {
  const { concurrency = DEFAULT_CONCURRENCY, orderBy, maxBlocked, scheduler = asyncScheduler } = options;
  const { timeout = DEFAULT_TIMEOUT, maxWaiting = DEFAULT_BOUND, maxLanes = DEFAULT_BOUND } = options;
  const limiter = typeof concurrency === 'function' ? concurrency : undefined;
  const cap = typeof concurrency === 'function' ? Number.POSITIVE_INFINITY : concurrency;
  const adaptive = options.adaptive && adaptiveLimit(cap, options.adaptive, scheduler, admit);
  const ready = fifo<Delivery<T>>();
  const running = runs<T>();
  const keeper = leaseKeeper(scheduler);
  const clock = timeout === Number.POSITIVE_INFINITY ? undefined : timeouts<Run<T>>(timeout, scheduler, expire);
  const drains = drainWatch(returnWaiting);
  const order =
    orderBy &&
    ordering<T>(
      { orderBy, maxLanes, maxBlocked, scheduler },
      { ready: enqueue, decided: emit, held: keeper.keep, returned: returnHeld, freed: admitWaiting },
    );
  let active = 0;
  let admitting = false;
  let returning = 0;
  let ending: Ending | undefined;
  let finished = false;

  function arrive(arrival: Arrival<T>): void {
    if (isOutcome(arrival)) return pass(arrival);
    if (drains.isDraining(arrival.subscription.draining)) return handBack(arrival, 0, sourceGone());
    if (arrival.settled) return passOver(arrival, undefined); // a copy of one that was settled; it must not pass for its retry
    if (arrival.failure !== undefined) return emit({ kind: 'failed', delivery: arrival, error: arrival.failure });
    if (order === undefined || !order.take(arrival)) enqueue(arrival);
  }

  /** It needs no handler; but what goes back keeps its place among the deliveries of its key. */
  function pass(outcome: Skipped<T> | Failed<T> | Retry<T>): void {
    if (order === undefined || !order.takeDecided(outcome)) emit(outcome);
  }

  function enqueue(delivery: Delivery<T>): void {
    if (limiter === undefined && !admitting && ready.size === 0 && isFree()) return admit(delivery);
    if (ready.size >= maxWaiting) {
      return handBack(delivery, OVERFLOW_DELAY, new BufferOverflowError('The queue of deliveries', maxWaiting));
    }
    keeper.keep(delivery);
    ready.push(delivery);
    // What goes wrong in there is an outcome, so the limiter's promise never rejects.
    if (limiter !== undefined) void limiter(takeSlot);
  }

  function isFree(): boolean {
    const taken = order === undefined ? active : active + order.resuming;
    return taken < (adaptive === undefined ? cap : adaptive.current);
  }

  /** Starts what there are slots for: one after the other, and not by recursion, where handlers are done at once. */
  function admit(first?: Delivery<T>): void {
    if (limiter !== undefined || admitting) return;
    admitting = true;
    if (first !== undefined) start(first, undefined);
    while (ready.size > 0 && isFree() && !subscriber.closed) start(ready.shift() as Delivery<T>, undefined);
    admitting = false;
  }

  function admitWaiting(): void {
    if (ready.size > 0) admit();
  }

  function takeSlot(): Promise<void> | undefined {
    const delivery = subscriber.closed ? undefined : ready.shift();
    if (delivery === undefined) return undefined;
    return new Promise((release) => start(delivery, release));
  }

  function start(delivery: Delivery<T>, release: (() => void) | undefined): void {
    if (delivery.settled || delivery.lost === true) return passOver(delivery, release);
    const decision = order?.decisionOn(delivery);
    if (decision !== undefined) {
      release?.();
      return emit({ ...decision, delivery });
    }
    let result: ObservableInput<R> | R | undefined;
    active += 1;
    try {
      result = handler(delivery) as ObservableInput<R> | R | undefined;
    } catch (error) {
      return end({ kind: 'failed', delivery, error }, release);
    }
    if (!isInput(result)) return end({ kind: 'succeeded', delivery, value: result }, release);

    const item = running.begin(delivery, release);
    if (subscriber.closed && !isPromiseLike(result)) return running.giveBack(item);
    const succeeded = (value: R | undefined) => finish(item, { kind: 'succeeded', delivery, value });
    const failed = (error: unknown) => finish(item, { kind: 'failed', delivery, error });
    if (!subscriber.closed) {
      keeper.keep(delivery);
      clock?.start(item);
    }
    item.work = whenDone(result, succeeded, failed);
    if (subscriber.closed) running.abandon(item);
  }

  /** It was settled elsewhere, or its lease was lost and somebody else has it by now: running it would only repeat it. */
  function passOver(delivery: Delivery<T>, release: (() => void) | undefined): void {
    release?.();
    if (delivery.settled) {
      delivery.nak(0); // changes nothing about the delivery, but gives back what was claimed for it
      emit({ kind: 'skipped', delivery, reason: 'settled before it was handled' });
    } else handBack(delivery, 0, new LeaseLostError(delivery.subscription.lease ?? 0));
  }

  function finish(item: Run<T>, outcome: Succeeded<T, R> | Failed<T>): void {
    if (item.done) return;
    if (subscriber.closed) return running.giveBack(item);
    running.end(item);
    end(outcome, item.release);
  }

  function end(outcome: Succeeded<T, R> | Failed<T>, release: (() => void) | undefined): void {
    active -= 1;
    release?.();
    if (outcome.kind === 'succeeded') adaptive?.succeeded();
    else if (adaptive !== undefined && !isFatal(outcome.error)) adaptive.failed();
    const isNested = admitting;
    admitting = true; // what its settlement makes ready comes after it
    emit(outcome);
    admitting = isNested;
    admitWaiting();
  }

  function expire(item: Run<T>): void {
    const { delivery, work } = item;
    const timedOut = new HandlerTimeoutError(timeout);
    let error: Error = timedOut;
    try {
      work?.unsubscribe();
    } catch (stopError) {
      error = new AggregateError([timedOut, stopError], 'The handler timed out, and failed to stop');
    }
    delivery.abort(timedOut);
    finish(item, { kind: 'failed', delivery, error });
  }

  function emit(outcome: Outcome<T, R>): void {
    const { delivery } = outcome;
    if (subscriber.closed) return void delivery.nak(0); // nobody is left to settle it
    subscriber.next(outcome);
    if (!delivery.settled && !subscriber.closed) keeper.keep(delivery);
    if (ending !== undefined) finishIfDone();
  }

  function handBack(delivery: Delivery<T>, delay: number, error: unknown): void {
    // What must wait on its last attempt, or was lost on it, never comes again; as a failure it can be dead-lettered.
    if ((delay > 0 || delivery.lost === true) && isLastAttempt(delivery)) emit({ kind: 'failed', delivery, error });
    else emit({ kind: 'retry', delivery, error, delay });
  }

  function handBackAll(deliveries: readonly Delivery<T>[], error: unknown): void {
    returning += deliveries.length;
    for (const delivery of deliveries) {
      returning -= 1;
      handBack(delivery, 0, error);
    }
  }

  function returnHeld(delivery: Delivery<T>, delay: number, full?: Error): void {
    handBack(delivery, delay, full ?? sourceGone());
  }

  function returnWaiting(draining: AbortSignal): void {
    const isGoing = (delivery: Delivery<T>) => delivery.subscription.draining === draining;
    const waiting = ready.drain();
    for (const delivery of waiting) if (!isGoing(delivery)) ready.push(delivery);
    handBackAll([...waiting.filter(isGoing), ...(order?.drain(isGoing) ?? [])], sourceGone());
  }

  function endSource(how: Ending): void {
    ending = how;
    order?.close();
    if (how.kind === 'error') handBackAll([...ready.drain(), ...(order?.drain() ?? [])], how.error);
    finishIfDone();
  }

  function finishIfDone(): void {
    if (ending === undefined || finished || active > 0 || ready.size > 0 || returning > 0) return;
    if (order !== undefined && order.held + order.resuming > 0) return;
    finished = true;
    if (ending.kind === 'error') subscriber.error(ending.error);
    else subscriber.complete();
  }

  observe(source, subscriber, {
    next: arrive,
    error: (error) => endSource({ kind: 'error', error }),
    complete: () => endSource({ kind: 'complete' }),
  });

  return () => {
    drains.stop();
    clock?.stop();
    adaptive?.stop();
    const waiting = [...ready.drain(), ...(order?.stop() ?? [])];
    if (finished) return keeper.finish(); // what is not settled yet is settled downstream, and its lease is kept until then
    keeper.stop();
    const rest = new Subscription(); // so that one that throws keeps none of the others
    // In the order in which they would have run: the broker delivers them again as they come back.
    for (const item of running.all()) rest.add(() => running.abandon(item));
    for (const delivery of waiting) rest.add(() => void delivery.nak(0));
    rest.unsubscribe();
  };
}

function sourceGone(): MillraceError {
  return new MillraceError('DRAINING', 'The source stopped before the delivery was handled');
}
