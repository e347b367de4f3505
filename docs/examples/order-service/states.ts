// Where a service keeps what it knows: memory, or a bucket of JetStream (nats-states.ts), and elsewhere a database.
import { defer, from, type Observable, of } from 'rxjs';

/** States by key. A key is two names with a dot between: what it is, and which. */
export interface States {
  get<T>(key: string): Observable<T | undefined>;
  /** Replaces a state by what `change` makes of it, and emits that. Nobody else changes it meanwhile; `change` may run again. */
  change<T>(key: string, change: (state: T | undefined) => T): Observable<T>;
  /** All of one kind. */
  all<T>(kind: string): Observable<T>;
}

export function memoryStates(): States {
  const states = new Map<string, unknown>();
  return {
    get: <T>(key: string) => defer(() => of(states.get(key) as T | undefined)),
    change: <T>(key: string, change: (state: T | undefined) => T) =>
      defer(() => {
        const next = change(states.get(key) as T | undefined);
        states.set(key, next);
        return of(next);
      }),
    all: <T>(kind: string) =>
      defer(() => from([...states].filter(([key]) => key.startsWith(`${kind}.`)).map(([, state]) => state as T))),
  };
}
