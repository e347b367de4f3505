import { Observable, type Subscriber } from 'rxjs';

/**
 * Shares one run of `source` among all who subscribe at a time: the first one starts it, the last one out ends it, and
 * after its end the next one starts it anew.
 *
 * As `share()` does, without a Subject and a function for each value: every delivery comes through here.
 */
export function hot<T>(source: Observable<T>): Observable<T> {
  /** Never changed but replaced, so that whoever comes or goes during a value does not disturb its round. */
  let listeners: readonly Subscriber<T>[] = [];
  let run: Subscriber<T> | undefined;

  function end(): readonly Subscriber<T>[] {
    const left = listeners;
    listeners = [];
    run = undefined;
    return left;
  }

  function start(): void {
    // The Observable in between gives us the Subscriber that ends the run, before the source can emit.
    const gate = new Observable<T>((inner) => {
      run = inner;
      source.subscribe(inner);
    });
    gate.subscribe({
      next(value) {
        for (const listener of listeners) listener.next(value);
      },
      error(error: unknown) {
        for (const listener of end()) listener.error(error);
      },
      complete() {
        for (const listener of end()) listener.complete();
      },
    });
  }

  return new Observable((subscriber) => {
    listeners = [...listeners, subscriber];
    subscriber.add(() => {
      if (!listeners.includes(subscriber)) return;
      listeners = listeners.filter((listener) => listener !== subscriber);
      if (listeners.length > 0) return;
      const ending = run;
      run = undefined; // before it ends: whoever subscribes meanwhile starts anew
      ending?.unsubscribe();
    });
    if (listeners.length === 1) start();
  });
}
