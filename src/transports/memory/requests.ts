import { Observable, type Subscriber, type Subscription } from 'rxjs';
import type { MessageHeaders } from '../../core/delivery.ts';
import { NoRespondersError, RemoteError, RequestTimeoutError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { IncomingRequest, RequestOptions, ResponderNotice } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { MemoryBroker } from './memory-broker.ts';
import { type Complete, receiver } from './receiver.ts';
import { ERROR_CODE, ERROR_MESSAGE } from './reply-headers.ts';

/** A request that is ready to be sent. */
export interface OutgoingRequest {
  readonly address: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  readonly timeout: number;
  readonly many: boolean;
  readonly notice: RequestOptions['notice'];
}

/** Sends a request when subscribed: one reply, or all until the end mark, or until it is unsubscribed where it takes notices. */
export function request(broker: MemoryBroker, life: TransportLife, outgoing: OutgoingRequest): Observable<Event> {
  const { address, event, headers, timeout, notice } = outgoing;
  const many = notice !== undefined || outgoing.many;
  const { scheduler } = broker;
  return new Observable((subscriber) => {
    const inbox = broker.uniqueName('_INBOX.');
    let deadline: Subscription | undefined;

    const expectReply = () => {
      if (subscriber.closed) return;
      deadline?.unsubscribe();
      deadline = scheduler.schedule(() => subscriber.error(new RequestTimeoutError(address, timeout)), timeout);
    };
    const leave = broker.router.listen(inbox, undefined, (reply) => {
      const code = reply.headers[ERROR_CODE];
      const error = code === undefined ? undefined : new RemoteError(code, reply.headers[ERROR_MESSAGE] ?? '');
      if (error === undefined && reply.event !== undefined) {
        subscriber.next(reply.event);
        return many ? expectReply() : subscriber.complete();
      }
      if (notice !== undefined) {
        tell(notice, error === undefined ? { kind: 'ended' } : { kind: 'failed', error }, subscriber);
        return expectReply();
      }
      if (error === undefined) subscriber.complete();
      else subscriber.error(error);
    });
    const fail = (error: unknown) => subscriber.error(error);
    life.asking.add(fail);
    subscriber.add(() => {
      life.asking.delete(fail);
      leave();
      deadline?.unsubscribe();
    });

    if (broker.router.route({ address, event, headers, reply: inbox }) === 0) {
      subscriber.error(new NoRespondersError(address));
    } else if (deadline === undefined) {
      expectReply();
    }
  });
}

function tell(
  notice: NonNullable<RequestOptions['notice']>,
  what: ResponderNotice,
  subscriber: Subscriber<Event>,
): void {
  try {
    notice(what);
  } catch (error) {
    subscriber.error(error);
  }
}

/**
 * Receives requests while subscribed; `complete` fills and checks each reply.
 *
 * What has no reply address is nobody's request, and is told as a drop, as is a reply that nobody waits for. A drain waits
 * for requests that are not answered to the end, and then answers them with the error `DRAINED`.
 */
export function requests(
  broker: MemoryBroker,
  life: TransportLife,
  address: string,
  queue: string | undefined,
  complete: Complete,
): Observable<IncomingRequest> {
  return new Observable((subscriber) => {
    life.run(subscriber, (settled) => receiver({ broker, life, address, queue, complete, subscriber, settled }));
  });
}
