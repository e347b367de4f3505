import { type Observable, Subject, type Subscriber, takeUntil } from 'rxjs';

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
  const closed = new Subject<void>();
  subscriber.add(() => closed.next());
  source.pipe(takeUntil(closed)).subscribe({
    next: (value) => observer.next(value),
    error: (error) => observer.error(error),
    complete: () => {
      if (!subscriber.closed) observer.complete();
    },
  });
}
