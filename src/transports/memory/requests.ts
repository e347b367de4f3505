import { Observable, type Subscription } from 'rxjs';
import type { MessageHeaders } from '../../core/delivery.ts';
import { NoRespondersError, RemoteError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { IncomingRequest } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { MemoryBroker } from './memory-broker.ts';
import type { CoreMessage } from './router.ts';

/** The headers of an answer that is an error (NATS ADR-32). */
const ERROR_CODE = 'Nats-Service-Error-Code';
const ERROR_MESSAGE = 'Nats-Service-Error';

/** A request that is ready to be sent. */
export interface OutgoingRequest {
  readonly address: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  readonly timeout: number;
  readonly many: boolean;
}

/** Sends a request when subscribed: one reply, or all until the end mark. */
export function request(broker: MemoryBroker, life: TransportLife, outgoing: OutgoingRequest): Observable<Event> {
  const { address, event, headers, timeout, many } = outgoing;
  const { scheduler } = broker;
  return new Observable((subscriber) => {
    const inbox = broker.uniqueName('_INBOX.');
    let deadline: Subscription | undefined;

    const expectReply = () => {
      deadline?.unsubscribe();
      deadline = scheduler.schedule(() => subscriber.error(new RequestTimeoutError(address, timeout)), timeout);
    };
    const leave = broker.router.listen(inbox, undefined, (reply) => {
      const code = reply.headers[ERROR_CODE];
      if (code !== undefined) return subscriber.error(new RemoteError(code, reply.headers[ERROR_MESSAGE] ?? ''));
      if (reply.event === undefined) return subscriber.complete();
      subscriber.next(reply.event);
      if (!many) subscriber.complete();
      else if (!subscriber.closed) expectReply();
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
    } else if (!subscriber.closed && deadline === undefined) {
      expectReply();
    }
  });
}

/** Receives requests while subscribed; `complete` fills and checks each reply. What has no reply address is nobody's request and is left out. */
export function requests(
  broker: MemoryBroker,
  life: TransportLife,
  address: string,
  queue: string | undefined,
  complete: (event: Event) => Event,
): Observable<IncomingRequest> {
  return new Observable((subscriber) => {
    if (life.draining.aborted) throw new TransportClosedError(life.name);
    const leave = broker.router.listen(address, queue, (message) => {
      const { event, reply } = message;
      if (event !== undefined && reply !== undefined)
        subscriber.next(incoming(broker, message, event, reply, complete));
    });
    const end = () => subscriber.complete();
    life.sources.add(end);
    return () => {
      life.sources.delete(end);
      leave();
    };
  });
}

function incoming(
  broker: MemoryBroker,
  message: CoreMessage,
  event: Event,
  inbox: string,
  complete: (event: Event) => Event,
): IncomingRequest {
  const { router } = broker;
  const gone = new AbortController();
  router.onceDeserted(inbox, () => gone.abort());

  const answer = (reply: Event | undefined, headers: MessageHeaders): boolean =>
    router.heard(inbox) && router.route({ address: inbox, event: reply, headers, reply: undefined }) > 0;

  return {
    event,
    address: message.address,
    headers: message.headers,
    signal: gone.signal,
    reply: (event) => answer(complete(event), {}),
    end: () => answer(undefined, {}),
    fail: (code, text) => answer(undefined, { [ERROR_CODE]: code, [ERROR_MESSAGE]: text }),
  };
}
