import type { Subscriber } from 'rxjs';
import { ConnectionLostError } from './errors.ts';
import type { Wire } from './wire.ts';

/** Ends a subscriber with the connection: completes when that is closed, and fails when it is lost for good. */
export function endWithConnection<T>(wire: Wire, subscriber: Subscriber<T>): void {
  const changes = wire.changes$.subscribe((status) => {
    if (status.kind !== 'closed') return;
    if (status.error === undefined) subscriber.complete();
    else subscriber.error(new ConnectionLostError('for good', { cause: status.error }));
  });
  subscriber.add(changes);
}
