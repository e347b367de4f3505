import { Observable, type Subscriber } from 'rxjs';

/** What an operator does with its source. */
export interface SourceObserver<T> {
  next(value: T): void;
  error(error: unknown): void;
  complete(): void;
}

/**
 * Subscribes an operator to its source, so that closing the operator's subscriber closes the source first: at once, even
 * in the middle of a synchronous burst, and before any teardown that is added later.
 */
export function observe<T>(source: Observable<T>, subscriber: Subscriber<unknown>, observer: SourceObserver<T>): void {
  // The Observable in between only gives us the Subscriber that RxJS makes, before the source can emit.
  const gate = new Observable<T>((inner) => {
    subscriber.add(inner);
    source.subscribe(inner);
  });
  gate.subscribe(observer);
}
