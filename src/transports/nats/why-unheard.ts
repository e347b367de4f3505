import { catchError, map, type Observable, of } from 'rxjs';
import { PublishError, UnboundAddressError } from '../../core/errors.ts';
import { JetStreamApiError, JetStreamUnavailableError } from './errors.ts';
import type { PublishOwner } from './publish-job.ts';

/** Where nobody took a message: how long to wait before it is sent again, in ms, and how often (NATS ADR-22). */
export const UNHEARD_DELAY = 250;
export const UNHEARD_RETRIES = 2;

/**
 * Asks why nobody takes what is published at an address, when subscribed. Emits the error that says so, or undefined where
 * a stream stores it that has no leader at the moment, so that waiting helps.
 */
export function whyUnheard(
  { lookup, hasStored }: Pick<PublishOwner, 'lookup' | 'hasStored'>,
  address: string,
): Observable<PublishError | undefined> {
  return lookup.find(address).pipe(
    map((facts) => (facts === undefined ? new UnboundAddressError(address) : undefined)),
    catchError((cause: unknown) => {
      // The whole of JetStream is between leaders, it seems, if it has worked before.
      if (hasStored || cause instanceof JetStreamApiError) return of(undefined);
      if (!(cause instanceof JetStreamUnavailableError)) return of(new UnboundAddressError(address, { cause }));
      return of(new PublishError('refused', address, 'JetStream does not answer', { cause }));
    }),
  );
}
