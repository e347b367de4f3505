import type { Subscriber } from 'rxjs';
import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { Attachment } from '../../core/puller.ts';
import type { IncomingRequest } from '../../core/transport.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { MemoryBroker } from './memory-broker.ts';
import { errorHeaders } from './reply-headers.ts';
import type { CoreMessage } from './router.ts';

/** Fills an event's source and checks it. */
export type Complete = (event: Event) => Event;

/** What a receiver of requests needs. */
export interface ReceiverOptions {
  readonly broker: MemoryBroker;
  readonly life: TransportLife;
  readonly address: string;
  readonly queue: string | undefined;
  readonly complete: Complete;
  readonly subscriber: Subscriber<IncomingRequest>;
  readonly settled: () => void;
}

/** Receives requests for one subscriber, until it is detached, and keeps those that are open. */
export function receiver(options: ReceiverOptions): Attachment {
  const { broker, life, address, queue, complete, subscriber, settled } = options;
  const { router } = broker;
  const open = new Map<AbortController, (reason: unknown) => void>();
  let dropped = 0;

  function drop(reason: string): void {
    dropped += 1;
    life.tell({ kind: 'dropped', address, reason, total: dropped });
  }

  function receive(message: CoreMessage): void {
    const { event, reply } = message;
    if (event === undefined) return; // the end of somebody's replies
    if (reply === undefined) return drop('a request without a reply address');
    subscriber.next(incoming(message, event, reply));
  }

  function incoming(message: CoreMessage, event: Event, inbox: string): IncomingRequest {
    const gone = new AbortController();
    const send = (reply: Event | undefined, headers: MessageHeaders) => {
      if (router.heard(inbox)) router.route({ address: inbox, event: reply, headers, reply: undefined });
    };
    const close = (reason?: unknown) => {
      if (gone.signal.aborted) return;
      gone.abort(reason);
      if (open.delete(gone)) settled();
    };
    const finish = (headers: MessageHeaders) => {
      if (gone.signal.aborted) return false;
      send(undefined, headers);
      close();
      return true;
    };
    open.set(gone, (reason) => {
      send(undefined, errorHeaders('DRAINED', 'The responder was drained before it had answered'));
      close(reason);
    });
    router.onceDeserted(inbox, () => close());

    return {
      event,
      address: message.address,
      headers: message.headers,
      signal: gone.signal,
      reply(event) {
        if (gone.signal.aborted) {
          drop('a reply that nobody waits for any more');
          return false;
        }
        send(complete(event), {});
        return true;
      },
      end: () => finish({}),
      fail: (code, text) => finish(errorHeaders(code, text)),
    };
  }

  const leave = router.listen(address, queue, receive);
  return {
    get unsettled() {
      return open.size;
    },
    detach: leave,
    abandon(reason) {
      const left = [...open.values()];
      for (const giveUp of left) giveUp(reason);
      return left.length;
    },
  };
}
