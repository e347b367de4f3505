import { Observable, type Subscription } from 'rxjs';
import { ConfirmFailedError, RequestTimeoutError } from '../../core/errors.ts';
import { isUnheard } from './request-raw.ts';
import type { Wire } from './wire.ts';

const ACK = /* @__PURE__ */ new TextEncoder().encode('+ACK');

/** Before asking again where the server could not answer, in ms. */
const UNHEARD_DELAY = 500;

/**
 * Acks when subscribed, and completes when the server says that it has it.
 *
 * An ack changes nothing where it has been made, so it is sent again where the connection was lost or a cluster elects a
 * leader. Fails with `ConfirmFailedError` where there is no answer within `timeout` ms; the ack may have arrived.
 */
export function confirmAck(wire: Wire, ackAddress: string, timeout: number): Observable<void> {
  return new Observable((subscriber) => {
    let again: Subscription | undefined;
    const fail = (cause: unknown) => subscriber.error(new ConfirmFailedError('the server did not answer', { cause }));
    const entry = wire.inbox.open({
      receive(message) {
        if (!isUnheard(message)) return subscriber.complete();
        again = wire.scheduler.schedule(send, UNHEARD_DELAY);
      },
      timedOut: () => fail(new RequestTimeoutError(ackAddress, timeout)),
      disconnected: send, // it waits until there is a connection
    });
    subscriber.add(() => {
      again?.unsubscribe();
      entry.close();
    });

    function send(): void {
      try {
        wire.publish(ackAddress, ACK, undefined, entry.address);
      } catch (error) {
        fail(error);
      }
    }

    entry.expect(timeout);
    send();
  });
}
