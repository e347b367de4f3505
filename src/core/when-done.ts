import { from, isObservable, type ObservableInput, type Unsubscribable } from 'rxjs';

/**
 * Calls `done` with the last value of whatever a user's function returned, or `fail` with its error.
 *
 * A plain value is done at once, without a promise or a microtask; a promise when it settles; everything else that RxJS
 * takes when it completes. A string is a value. Returns what cancels the work, where it can be cancelled.
 */
export function whenDone<R>(
  result: ObservableInput<R> | R | undefined,
  done: (value: R | undefined) => void,
  fail: (error: unknown) => void,
): Unsubscribable | undefined {
  if (!isInput(result)) {
    done(result);
    return undefined;
  }
  try {
    if (!isPromiseLike(result)) return lastOf(result, done, fail);
    result.then(done, fail);
  } catch (error) {
    fail(error); // it is no promise, and no Observable, though it looks like one
  }
  return undefined;
}

function lastOf<R>(
  result: ObservableInput<R>,
  done: (value: R | undefined) => void,
  fail: (error: unknown) => void,
): Unsubscribable {
  let last: R | undefined;
  const source = isObservable(result) ? result : from(result);
  return source.subscribe({
    next: (value) => {
      last = value;
    },
    error: fail,
    complete: () => done(last),
  });
}

/** Whether a result takes time, or may: anything that RxJS turns into an Observable, but for strings. */
export function isInput<R>(result: ObservableInput<R> | R | undefined): result is ObservableInput<R> {
  if (typeof result !== 'object' || result === null) return typeof result === 'function' && isPromiseLike(result);
  return (
    isPromiseLike(result) ||
    isObservable(result) ||
    Symbol.iterator in result ||
    Symbol.asyncIterator in result ||
    interopSymbol() in result ||
    'getReader' in result
  );
}

/** The property under which other Observables offer themselves; a polyfill may have made it a symbol. */
function interopSymbol(): PropertyKey {
  return (Symbol as { readonly observable?: symbol }).observable ?? '@@observable';
}

/** Whether a value is a promise, whoever made it. */
export function isPromiseLike<T>(value: unknown): value is PromiseLike<T> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
