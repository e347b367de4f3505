import type { LimitFunction } from 'p-limit';
import {
  asyncScheduler,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
  type Subscriber,
  Subscription,
  type Unsubscribable,
} from 'rxjs';
import { type DecoratedDelivery, isLastAttempt } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { BufferOverflowError, HandlerTimeoutError, LeaseLostError, MillraceError } from '../core/errors.ts';
import { isFatal } from '../core/failures.ts';
import { fifo } from '../core/fifo.ts';
import {
  type Arrival,
  type Decision,
  type Failed,
  type Handler,
  isOutcome,
  type Outcome,
  type Retry,
  type Skipped,
  type Succeeded,
} from '../core/outcome.ts';
import { isInput, isPromiseLike, whenDone } from '../core/when-done.ts';
import { type AdaptiveOptions, adaptiveLimit, checkAdaptive } from './adaptive-limit.ts';
import { lanes } from './lanes.ts';
import { leaseKeeper } from './lease-keeper.ts';
import { observe } from './observe.ts';
import { timeouts } from './timeouts.ts';

/** Options for {@link handle}. */
export interface HandleOptions<T = unknown> {
  /** How many handlers run at a time: a number, or a `p-limit` limiter that several streams share. @defaultValue `16` */
  readonly concurrency?: number | LimitFunction;
  /** Lets the concurrency follow successes and failures, up to `concurrency`, which must then be a number. */
  readonly adaptive?: AdaptiveOptions;
  /**
   * The ordering key of a delivery: those of one key are handled one after the other, in the stream's order, each only
   * when the one before it is acked, termed or dead-lettered. `undefined` is no key. @defaultValue no order
   */
  readonly orderBy?: (delivery: Delivery<T>) => unknown;
  /** The largest number of keys at a time that run or wait for a retry; what exceeds it goes back. @defaultValue `100_000` */
  readonly maxLanes?: number;
  /** How many deliveries may wait behind a retry of their key; more go back until it is due. @defaultValue half of the source's prefetch */
  readonly maxBlocked?: number;
  /** How many deliveries may wait for a free slot; more go back. @defaultValue `100_000` */
  readonly maxWaiting?: number;
  /** Time, in ms, that a handler may take; `Infinity` for no end. @defaultValue `30_000` */
  readonly timeout?: number;
  /** Clock for timeouts and leases. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** A handler's run that takes time. */
interface Run<T> {
  readonly delivery: Delivery<T>;
  deadline: number;
  done: boolean;
  /** Its place among those that run. */
  index: number;
  work: Unsubscribable | undefined;
  /** Gives a shared limiter its slot back. */
  readonly release: (() => void) | undefined;
}

/** How the source ended. */
type Ending = { readonly kind: 'complete' } | { readonly kind: 'error'; readonly error: unknown };

const DEFAULT_CONCURRENCY = 16;
const DEFAULT_TIMEOUT = 30_000;
const DEFAULT_BOUND = 100_000;

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
  check(handler, options);
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
  /** In no order. An array: a set that churns is garbage that lives long. */
  const running: Run<T>[] = [];
  const resuming = new Set<Delivery<T>>();
  const keeper = leaseKeeper(scheduler);
  const clock = timeout === Number.POSITIVE_INFINITY ? undefined : timeouts<Run<T>>(timeout, scheduler, expire);
  const drains = new Map<AbortSignal, () => void>();
  /** What was decided before it came here, and waits for its turn all the same. */
  const decided = new WeakMap<Delivery<T>, Decision>();
  const blockable = (prefetch: number) => Math.min(maxBlocked ?? Math.floor(prefetch / 2), prefetch - 1);
  const order =
    orderBy &&
    lanes<T>({ maxLanes, maxBlocked: blockable, scheduler }, { ready: takeTurn, repeated: skip, returned: returnHeld });
  let lastDraining: AbortSignal | undefined;
  /** Whether that one is aborted: asking it each time would be slow. */
  let isDraining = false;
  let active = 0;
  let admitting = false;
  let returning = 0;
  let ending: Ending | undefined;
  let finished = false;

  function arrive(arrival: Arrival<T>): void {
    if (isOutcome(arrival)) return pass(arrival);
    const { draining } = arrival.subscription;
    if (draining !== lastDraining) watch(draining);
    if (isDraining) return handBack(arrival, 0, sourceGone());
    if (arrival.settled) return passOver(arrival, undefined); // a copy of one that was settled; it must not pass for its retry
    if (arrival.failure !== undefined) return emit({ kind: 'failed', delivery: arrival, error: arrival.failure });
    if (orderBy === undefined || order === undefined) return enqueue(arrival);
    let key: unknown;
    try {
      key = orderBy(arrival);
    } catch (error) {
      return emit({ kind: 'failed', delivery: arrival, error });
    }
    if (key === undefined) return enqueue(arrival);
    if (order.arrive(key, arrival)) keeper.keep(arrival);
  }

  /** It needs no handler; but what goes back keeps its place among the deliveries of its key. */
  function pass(outcome: Skipped<T> | Failed<T> | Retry<T>): void {
    const key = outcome.kind === 'skipped' ? undefined : keyOf(outcome.delivery);
    if (key === undefined || order === undefined) return emit(outcome);
    decided.set(outcome.delivery, outcome);
    if (order.arrive(key, outcome.delivery)) keeper.keep(outcome.delivery);
  }

  function keyOf(delivery: Delivery<T>): unknown {
    try {
      return orderBy?.(delivery);
    } catch {
      return undefined; // it has failed for another reason already
    }
  }

  /** Its turn in its lane has come: it takes again what it gave up while it waited, and goes on, or is decided. */
  function takeTurn(delivery: DecoratedDelivery<T>): void {
    const decision = decided.get(delivery.inner) ?? delivery.resume();
    if (!isInput<Decision | undefined>(decision)) return goOn(delivery, decision as Decision | undefined); // TypeScript cannot subtract the inputs
    active += 1;
    resuming.add(delivery);
    const resumed = (answer: Decision | undefined) => {
      if (!resuming.delete(delivery)) return void delivery.nak(0);
      active -= 1;
      goOn(delivery, answer);
      if (ready.size > 0) admit();
    };
    whenDone<Decision | undefined>(decision, resumed, (error) => resumed({ kind: 'failed', error }));
  }

  function goOn(delivery: DecoratedDelivery<T>, decision: Decision | undefined): void {
    if (decision !== undefined) decided.set(delivery, decision);
    else if (delivery.subscription.draining.aborted) return handBack(delivery, 0, sourceGone());
    enqueue(delivery);
  }

  function enqueue(delivery: Delivery<T>): void {
    if (limiter === undefined && !admitting && ready.size === 0 && active < limit()) return admit(delivery);
    if (ready.size >= maxWaiting) {
      return handBack(delivery, OVERFLOW_DELAY, new BufferOverflowError('The queue of deliveries', maxWaiting));
    }
    keeper.keep(delivery);
    ready.push(delivery);
    // What goes wrong in there is an outcome, so the limiter's promise never rejects.
    if (limiter !== undefined) void limiter(takeSlot);
  }

  function limit(): number {
    return adaptive === undefined ? cap : adaptive.current;
  }

  /** Starts what there are slots for: one after the other, and not by recursion, where handlers are done at once. */
  function admit(first?: Delivery<T>): void {
    if (limiter !== undefined || admitting) return;
    admitting = true;
    if (first !== undefined) start(first, undefined);
    while (ready.size > 0 && active < limit() && !subscriber.closed) start(ready.shift() as Delivery<T>, undefined);
    admitting = false;
  }

  function takeSlot(): Promise<void> | undefined {
    const delivery = subscriber.closed ? undefined : ready.shift();
    if (delivery === undefined) return undefined;
    return new Promise((release) => start(delivery, release));
  }

  function start(delivery: Delivery<T>, release: (() => void) | undefined): void {
    if (delivery.settled || delivery.lost === true) return passOver(delivery, release);
    const decision = order === undefined ? undefined : decided.get(delivery);
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

    const item: Run<T> = { delivery, release, deadline: 0, done: false, work: undefined, index: running.length };
    running.push(item);
    if (subscriber.closed && !isPromiseLike(result)) return giveBack(item);
    const succeeded = (value: R | undefined) => finish(item, { kind: 'succeeded', delivery, value });
    const failed = (error: unknown) => finish(item, { kind: 'failed', delivery, error });
    if (!subscriber.closed) {
      keeper.keep(delivery);
      clock?.start(item);
    }
    item.work = whenDone(result, succeeded, failed);
    if (subscriber.closed && !item.done) abandon(item);
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
    if (subscriber.closed) return giveBack(item);
    item.done = true;
    remove(item);
    end(outcome, item.release);
  }

  function remove(item: Run<T>): void {
    const last = running.pop();
    if (last === undefined || last === item) return;
    running[item.index] = last;
    last.index = item.index;
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
    if (ready.size > 0) admit();
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

  function returnHeld(delivery: Delivery<T>, delay: number, full: BufferOverflowError | undefined): void {
    handBack(delivery, delay, full ?? sourceGone());
  }

  function skip(delivery: Delivery<T>): void {
    emit({ kind: 'skipped', delivery, reason: 'settled by an earlier delivery' });
  }

  function watch(draining: AbortSignal): void {
    lastDraining = draining;
    isDraining = draining.aborted;
    if (isDraining || drains.has(draining)) return;
    const isGoing = (delivery: Delivery<T>) => delivery.subscription.draining === draining;
    const returnWaiting = () => {
      isDraining = lastDraining?.aborted === true;
      const waiting = ready.drain();
      for (const delivery of waiting) if (!isGoing(delivery)) ready.push(delivery);
      handBackAll([...waiting.filter(isGoing), ...(order?.drain(isGoing) ?? [])], sourceGone());
    };
    drains.set(draining, returnWaiting);
    draining.addEventListener('abort', returnWaiting, { once: true });
  }

  function endSource(how: Ending): void {
    ending = how;
    order?.close();
    if (how.kind === 'error') handBackAll([...ready.drain(), ...(order?.drain() ?? [])], how.error);
    finishIfDone();
  }

  function finishIfDone(): void {
    if (ending === undefined || finished || active > 0 || ready.size > 0 || returning > 0) return;
    if (order !== undefined && order.held > 0) return;
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
    for (const [draining, listener] of drains) draining.removeEventListener('abort', listener);
    clock?.stop();
    adaptive?.stop();
    const waiting = [...ready.drain(), ...(order?.drain() ?? [])];
    order?.stop();
    if (finished) return keeper.finish(); // what is not settled yet is settled downstream, and its lease is kept until then
    keeper.stop();
    const rest = new Subscription(); // so that one that throws keeps none of the others
    for (const delivery of [...waiting, ...resuming]) rest.add(() => void delivery.nak(0));
    resuming.clear();
    for (const item of [...running]) rest.add(() => (item.done ? undefined : abandon(item))); // stopping one may end another
    rest.unsubscribe();
  };

  function abandon(item: Run<T>): void {
    const { delivery, work } = item;
    delivery.abort(new MillraceError('UNSUBSCRIBED', 'The pipeline was unsubscribed while its handler ran'));
    if (work === undefined) return; // a promise: it is handed back when it settles
    item.done = true;
    try {
      work.unsubscribe();
    } finally {
      giveBack(item);
    }
  }

  function giveBack(item: Run<T>): void {
    item.done = true;
    remove(item);
    item.release?.();
    item.delivery.nak(0);
  }
}

function sourceGone(): MillraceError {
  return new MillraceError('DRAINING', 'The source stopped before the delivery was handled');
}

function check<T, R>(handler: Handler<T, R>, options: HandleOptions<T>): void {
  if (typeof handler !== 'function') throw new TypeError(`'handler' must be a function, not ${typeof handler}`);
  const { concurrency = DEFAULT_CONCURRENCY, adaptive, orderBy, timeout = DEFAULT_TIMEOUT } = options;
  if (typeof concurrency !== 'function') atLeast1('concurrency', concurrency);
  else if (adaptive !== undefined) {
    throw new TypeError("'adaptive' needs a number as 'concurrency': a shared limiter has its own limit");
  }
  if (adaptive !== undefined) checkAdaptive(concurrency as number, adaptive);
  if (!(timeout > 0)) throw new RangeError(`'timeout' must be above 0 ms, not ${timeout}`);
  if (orderBy !== undefined && typeof orderBy !== 'function') throw new TypeError("'orderBy' must be a function");
  for (const field of ['maxLanes', 'maxWaiting'] as const) atLeast1(field, options[field] ?? DEFAULT_BOUND);
  for (const field of ['maxLanes', 'maxBlocked'] as const) {
    if (options[field] !== undefined && orderBy === undefined) throw new TypeError(`'${field}' needs 'orderBy'`);
  }
  const { maxBlocked = 0 } = options;
  if (!(maxBlocked >= 0)) throw new RangeError(`'maxBlocked' must be at least 0, not ${maxBlocked}`);
}

function atLeast1(field: string, value: number): void {
  if (!(value >= 1)) throw new RangeError(`'${field}' must be at least 1, not ${value}`);
}
