import { catchError, defer, EMPTY, ignoreElements, type Observable } from 'rxjs';
import { requestRaw } from './request-raw.ts';
import type { Wire } from './wire.ts';

const NAK = /* @__PURE__ */ new TextEncoder().encode('-NAK');

/** How long to wait until the server has taken it back, in ms. */
const TIMEOUT = 1_000;

/**
 * Hands deliveries back when subscribed, by where they are settled, in the order in which they are to come again.
 * Completes when the server has taken them, or does not say so in time; it takes them one after the other.
 */
export function handBack(wire: Wire, ackAddresses: readonly string[]): Observable<never> {
  return defer(() => {
    const last = ackAddresses.at(-1);
    if (last === undefined || wire.closed) return EMPTY;
    for (const address of ackAddresses.slice(0, -1)) wire.publish(address, NAK);
    return requestRaw(wire, last, NAK, { timeout: TIMEOUT }, () => undefined);
  }).pipe(
    ignoreElements(),
    catchError(() => EMPTY), // what was not taken back comes after its lease
  );
}
