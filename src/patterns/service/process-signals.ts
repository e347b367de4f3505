import { Observable } from 'rxjs';

/**
 * Emits the names of the signals that the process gets. Those are no longer handled by Node, which would end the process,
 * as long as somebody is subscribed.
 *
 * @example
 * ```ts
 * service({ pipelines }, { stopOn: processSignals('SIGTERM', 'SIGINT') }).run().subscribe();
 * ```
 */
export function processSignals(...names: readonly NodeJS.Signals[]): Observable<NodeJS.Signals> {
  if (names.length === 0) throw new TypeError("'processSignals' needs the name of a signal: 'SIGTERM', 'SIGINT'");
  return new Observable((subscriber) => {
    const emit = (name: NodeJS.Signals) => subscriber.next(name);
    for (const name of names) {
      process.on(name, emit);
      subscriber.add(() => process.off(name, emit));
    }
  });
}
