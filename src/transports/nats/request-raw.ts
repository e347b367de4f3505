import { Observable } from 'rxjs';
import { NoRespondersError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import { type ClientMessage, headerBlockOf } from './client.ts';
import { statusOf } from './headers.ts';
import type { Wire } from './wire.ts';

/** Options for {@link requestRaw}. */
export interface RawRequestOptions {
  /** Time, in ms, to wait for the reply. */
  readonly timeout: number;
  /** The header block. */
  readonly headers?: Uint8Array;
}

/**
 * Asks when subscribed, for one reply, and emits what `read` makes of it.
 *
 * Fails with `NoRespondersError` where nobody listens, and with `RequestTimeoutError`, also where the connection was lost.
 */
export function requestRaw<T>(
  wire: Wire,
  address: string,
  data: Uint8Array,
  { timeout, headers }: RawRequestOptions,
  read: (message: ClientMessage) => T,
): Observable<T> {
  return new Observable((subscriber) => {
    if (wire.closed) throw new TransportClosedError('nats');
    const entry = wire.inbox.open({
      receive(message) {
        if (isUnheard(message)) return subscriber.error(new NoRespondersError(address));
        let answer: T;
        try {
          answer = read(message);
        } catch (error) {
          return subscriber.error(error);
        }
        subscriber.next(answer);
        subscriber.complete();
      },
      timedOut: () => subscriber.error(new RequestTimeoutError(address, timeout)),
      disconnected: () => undefined, // it may be answered yet, and if not, its time will tell
    });
    subscriber.add(() => entry.close());
    entry.expect(timeout);
    wire.publish(address, data, headers, entry.address);
  });
}

/** Whether a reply is the server's word that nobody listens where the request was sent. */
export function isUnheard(message: ClientMessage): boolean {
  if (message.data.length > 0) return false;
  const block = headerBlockOf(message);
  return block !== undefined && statusOf(block)?.code === 503;
}
