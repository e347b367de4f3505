import { from, isObservable, type ObservableInput, type SchedulerLike, Subscription } from 'rxjs';
import { nextTurn } from '../../core/next-turn.ts';
import { isInput } from '../../core/when-done.ts';
import { closeCodes } from './close-codes.ts';
import { closeErrorOf } from './errors.ts';
import type { Outflow } from './outflow.ts';

/** How many values an iterable may send before others have their turn. */
const TURN = 256;

/**
 * Sends what a source has, until it ends or the returned subscription does.
 *
 * An iterable is asked for no more than is wanted. An Observable cannot wait: what comes too soon waits for it.
 */
export function drive<T>(
  source: ObservableInput<T> | T | undefined | void,
  outflow: Outflow<T>,
  scheduler: SchedulerLike,
): Subscription {
  const subscription = new Subscription();
  if (source instanceof Uint8Array || !isInput<T>(source as ObservableInput<T>)) {
    if (source !== undefined) outflow.push(source as T);
    outflow.end(undefined);
  } else if (isIterable<T>(source)) pull(source[Symbol.iterator](), outflow, subscription, scheduler);
  else if (isAsyncIterable<T>(source)) pullLater(source[Symbol.asyncIterator](), outflow, subscription);
  else {
    const pushing = from(source as ObservableInput<T>).subscribe({
      next: (value) => outflow.push(value),
      error: (error: unknown) => fail(outflow, error),
      complete: () => outflow.end(undefined),
    });
    subscription.add(pushing);
  }
  return subscription;
}

function pull<T>(
  iterator: Iterator<T>,
  outflow: Outflow<T>,
  subscription: Subscription,
  scheduler: SchedulerLike,
): void {
  let done = false;
  let running = false;
  subscription.add(() => {
    if (!done) iterator.return?.();
    done = true;
  });

  function run(): void {
    if (running) return;
    running = true;
    let left = TURN;
    try {
      while (!done && outflow.demand > 0 && left > 0) {
        left -= 1;
        const result = iterator.next();
        done = result.done === true;
        if (!done) outflow.push(result.value as T);
      }
    } catch (error) {
      done = true;
      fail(outflow, error);
    }
    running = false;
    if (done) outflow.end(undefined);
    else if (left === 0) nextTurn(scheduler, run);
  }

  outflow.onDemand = run;
  run();
}

function pullLater<T>(iterator: AsyncIterator<T>, outflow: Outflow<T>, subscription: Subscription): void {
  let done = false;
  let asking = false;
  subscription.add(() => {
    if (!done) void Promise.resolve(iterator.return?.()).catch(() => undefined);
    done = true;
  });

  async function run(): Promise<void> {
    if (asking) return;
    asking = true;
    try {
      while (!done && outflow.demand > 0) {
        const result = await iterator.next();
        if (done) return;
        done = result.done === true;
        if (!done) outflow.push(result.value as T);
      }
      if (done) outflow.end(undefined);
    } catch (error) {
      done = true;
      fail(outflow, error);
    } finally {
      asking = false;
    }
  }

  outflow.onDemand = () => void run();
  void run();
}

function fail<T>(outflow: Outflow<T>, error: unknown): void {
  outflow.end(closeErrorOf(error, closeCodes.internal));
}

function isIterable<T>(source: unknown): source is Iterable<T> {
  return !isObservable(source) && typeof (source as Partial<Iterable<T>>)[Symbol.iterator] === 'function';
}

function isAsyncIterable<T>(source: unknown): source is AsyncIterable<T> {
  return !isObservable(source) && typeof (source as Partial<AsyncIterable<T>>)[Symbol.asyncIterator] === 'function';
}
