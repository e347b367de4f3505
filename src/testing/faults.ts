import {
  asyncScheduler,
  concat,
  defer,
  from,
  ignoreElements,
  type MonoTypeOperatorFunction,
  Observable,
  of,
  type SchedulerLike,
  type Subscription,
  switchMap,
  throwError,
  timer,
} from 'rxjs';
import { DecoratedDelivery } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import type { Handler } from '../core/outcome.ts';
import { isInput } from '../core/when-done.ts';
import { FaultyDelivery } from './faulty-delivery.ts';
import { type Holding, held } from './held.ts';
import { seededRandom } from './random.ts';

/** Something that takes time, now and then. */
export interface DelayFault {
  readonly probability: number;
  /** The longest time, in ms. */
  readonly max: number;
}

/** A delivery that lets others pass, now and then. */
export interface ReorderFault {
  readonly probability: number;
  /** How many deliveries it lets pass at most. @defaultValue `3` */
  readonly window?: number;
  /** How long, in ms, it waits for them at most. @defaultValue `100` */
  readonly wait?: number;
}

/** A consumer that dies, and is started again. */
export interface CrashFault {
  /** How often, at most. */
  readonly times: number;
  /** The longest time, in ms, for which it runs before it dies. @defaultValue `1_000` */
  readonly uptime?: number;
  /** The longest time, in ms, until it is started again. @defaultValue `1_000` */
  readonly pause?: number;
}

/** Options for {@link faults}. What is not named does not happen; probabilities are from 0 to 1. */
export interface FaultOptions {
  /** That a delivery is swallowed: nobody sees it, and its lease runs out. @defaultValue `0` */
  readonly drop?: number;
  /** That a delivery is held back for a while. @defaultValue never */
  readonly delay?: DelayFault;
  /** That a delivery comes twice: another object, with the same settlement behind it. @defaultValue `0` */
  readonly duplicate?: number;
  /** That a delivery lets later ones pass. @defaultValue never */
  readonly reorder?: ReorderFault;
  /** That a settlement is lost on its way: it returns true, the broker never hears of it, and the lease runs out. @defaultValue `0` */
  readonly settle?: number;
  /** For {@link Faults.crash}. @defaultValue never */
  readonly crash?: CrashFault;
  /** Clock for whatever takes time. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Options for {@link Faults.handler}; probabilities are from 0 to 1. */
export interface HandlerFaultOptions {
  /** That it throws instead of doing its work. @defaultValue `0` */
  readonly throws?: number;
  /** That it does its work, and then fails asynchronously: the work is done, and nobody knows. @defaultValue `0` */
  readonly rejects?: number;
  /** That it waits before it does its work. @defaultValue never */
  readonly delay?: DelayFault;
}

/** How often each fault was injected. */
export interface FaultLog {
  readonly dropped: number;
  readonly delayed: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly settlementsLost: number;
  readonly crashes: number;
  readonly handlersThrown: number;
  readonly handlersRejected: number;
  readonly handlersDelayed: number;
}

/** A source of misfortune; see {@link faults}. */
export interface Faults {
  /** What was injected so far. */
  readonly log: FaultLog;
  /** Makes the operator to put between `transport.subscribe` and the pipeline. */
  deliveries<T>(): MonoTypeOperatorFunction<Delivery<T>>;
  /**
   * Runs a pipeline that dies and is started again. What is in flight when it dies is abandoned: whatever is said about
   * it afterwards, by a promise that nothing can stop or by a teardown that hands back, does not reach the broker.
   *
   * @param pipeline - Makes the pipeline from a `deliveries` of its own, which dies with it.
   */
  crash<R>(pipeline: (deliveries: Faults['deliveries']) => Observable<R>): Observable<R>;
  /** Wraps a handler so that it fails now and then, with an {@link InjectedFaultError}. */
  handler<T, R>(handler: Handler<T, R>, options: HandlerFaultOptions): Handler<T, R>;
}

/** Raised by a handler that {@link Faults.handler} made fail. */
export class InjectedFaultError extends Error {
  override readonly name = 'InjectedFaultError';
}

/**
 * Makes a seeded fault injector: the same seed, and the same events in the same order, give the same faults.
 *
 * Each kind of fault draws from numbers of its own, so that switching one on or off leaves the others as they were. A
 * source without leases loses for good what is dropped, or abandoned by a crash.
 *
 * @example
 * ```ts
 * const { deliveries, handler, log } = faults(seed, { drop: 0.01, duplicate: 0.02, settle: 0.01, scheduler: time });
 *
 * transport.subscribe({ stream: 'SHOP', consumer: 'billing' }).pipe(
 *   deliveries(),
 *   handle(handler(charge, { throws: 0.1 })),
 *   redeliver(constant(100)),
 *   settle(),
 * );
 * ```
 */
export function faults(seed: number, options: FaultOptions = {}): Faults {
  const { drop = 0, delay, duplicate = 0, reorder, settle = 0, crash, scheduler = asyncScheduler } = options;
  const random = randoms(seed);
  const log = {
    dropped: 0,
    delayed: 0,
    duplicated: 0,
    reordered: 0,
    settlementsLost: 0,
    crashes: 0,
    handlersThrown: 0,
    handlersRejected: 0,
    handlersDelayed: 0,
  };

  function happens(kind: Kind, probability: number, count: keyof FaultLog): boolean {
    if (random[kind]() >= probability) return false;
    log[count]++;
    return true;
  }

  /** How long something is held up; `undefined` for not at all. */
  function delayOf(kind: Kind, fault: DelayFault | undefined, count: keyof FaultLog): number | undefined {
    const length = random[kind]();
    return fault !== undefined && happens(kind, fault.probability, count) ? Math.ceil(length * fault.max) : undefined;
  }

  function disturb<T>(alive: () => boolean): MonoTypeOperatorFunction<Delivery<T>> {
    return held<Delivery<T>>(scheduler, (delivery) => {
      const losesSettlement = random.settle() < settle;
      const fate = { alive, losesSettlement, settlementLost: () => log.settlementsLost++ };
      if (happens('drop', drop, 'dropped')) return [];

      const faulty = new FaultyDelivery(delivery, fate);
      const first = { value: faulty, ...holdingOf() };
      if (!happens('duplicate', duplicate, 'duplicated')) return [first];
      return [first, { value: new DecoratedDelivery(faulty), ...holdingOf() }];
    });
  }

  function holdingOf(): Holding {
    const wait = delayOf('delay', delay, 'delayed');
    const passing = Math.ceil(random.reorder() * (reorder?.window ?? 3));
    if (wait !== undefined) return { wait };
    if (reorder === undefined || !happens('reorder', reorder.probability, 'reordered')) return {};
    return { wait: reorder.wait ?? 100, passing: Math.max(1, passing) };
  }

  function runAndCrash<R>(pipeline: (deliveries: Faults['deliveries']) => Observable<R>): Observable<R> {
    const { times = 0, uptime = 1_000, pause = 1_000 } = crash ?? {};
    return new Observable((subscriber) => {
      let left = times;
      let run: Subscription | undefined;
      let next: Subscription | undefined;

      function start(): void {
        let alive = true;
        run = defer(() => pipeline(() => disturb(() => alive))).subscribe({
          next: (value) => subscriber.next(value),
          error: (error) => subscriber.error(error),
          complete: () => subscriber.complete(),
        });
        if (left-- <= 0) return;
        next = scheduler.schedule(
          () => {
            alive = false;
            log.crashes++;
            run?.unsubscribe();
            next = scheduler.schedule(start, Math.ceil(random.crash() * pause));
          },
          Math.ceil(random.crash() * uptime),
        );
      }

      start();
      return () => {
        run?.unsubscribe();
        next?.unsubscribe();
      };
    });
  }

  function faultyHandler<T, R>(handler: Handler<T, R>, faultOptions: HandlerFaultOptions): Handler<T, R> {
    const { throws = 0, rejects = 0, delay: slow } = faultOptions;
    return (delivery) => {
      const fails = happens('throws', throws, 'handlersThrown');
      if (fails) throw new InjectedFaultError('The handler was made to throw before its work');
      const wait = delayOf('slow', slow, 'handlersDelayed');
      const rejected = happens('rejects', rejects, 'handlersRejected');
      if (wait === undefined && !rejected) return handler(delivery);

      const work = defer(() => asObservable(handler(delivery)));
      const error = () => new InjectedFaultError('The handler was made to fail after its work');
      const result = rejected ? concat(work.pipe(ignoreElements()), throwError(error)) : work;
      return wait === undefined ? result : timer(wait, scheduler).pipe(switchMap(() => result));
    };
  }

  return { log, deliveries: () => disturb(() => true), crash: runAndCrash, handler: faultyHandler };
}

const KINDS = ['drop', 'delay', 'duplicate', 'reorder', 'settle', 'crash', 'throws', 'rejects', 'slow'] as const;
type Kind = (typeof KINDS)[number];

/** A source of random numbers for each kind of fault. */
function randoms(seed: number): Readonly<Record<Kind, () => number>> {
  const entries = KINDS.map((kind, index) => [kind, seededRandom(seed * KINDS.length + index)] as const);
  return Object.fromEntries(entries) as Record<Kind, () => number>;
}

function asObservable<R>(result: ReturnType<Handler<unknown, R>>): Observable<R> {
  return isInput(result as R) ? from(result as Promise<R>) : of(result as R);
}
