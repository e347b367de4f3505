import { Observable, type Subscriber } from 'rxjs';
import type { Event } from '../../core/event.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { Attachment } from '../../core/puller.ts';
import type { IncomingRequest } from '../../core/transport.ts';
import type { Askers } from './cancellation.ts';
import type { ClientMessage } from './client.ts';
import type { CoreContext } from './core-context.ts';
import { asDecodeError, frameOf } from './core-delivery.ts';
import { endWithConnection } from './end-with-connection.ts';
import { encodeHeaders } from './headers.ts';
import { Incoming, type IncomingOwner } from './incoming-request.ts';
import { errorHeaders, termsIn } from './request-headers.ts';

/** Where requests are received. */
export interface RequestsOptions {
  readonly address: string;
  readonly queue?: string;
}

/** How long somebody may wait who does not say how long it does, in ms: as long as anybody may here. */
const LONGEST_WAIT = 600_000;

/**
 * Makes a core transport's `requests`.
 *
 * What is no event is answered with an error; what has no reply address is nobody's request, and is told as a drop, as is
 * a reply that nobody waits for. A drain waits for requests that have not been answered to the end, or at all where the
 * asker does not say how much it wants, and then answers them with the error `DRAINED`.
 */
export function responder(
  context: CoreContext,
  askers: Askers,
): (options: RequestsOptions) => Observable<IncomingRequest> {
  const { wire, life } = context;
  return ({ address, queue }) => {
    validateAddress(address, { wildcards: true });
    if (queue !== undefined) validateName('queue', queue);
    return new Observable<IncomingRequest>((subscriber) => {
      subscriber.add(askers.responding());
      life.run(subscriber, (settled) => {
        const receiver = new Receiver(context, askers, subscriber, settled, address);
        const stop = wire.listen(
          address,
          queue,
          (message) => receiver.receive(message),
          (error) => subscriber.error(error),
        );
        receiver.detach = stop;
        return receiver;
      });
      endWithConnection(wire, subscriber);
    });
  };
}

/** Receives requests for one subscriber, and answers them. */
class Receiver implements Attachment, IncomingOwner {
  readonly context: CoreContext;
  readonly askers: Askers;
  readonly subscriber: Subscriber<IncomingRequest>;
  readonly settled: () => void;
  readonly pattern: string;
  readonly unanswered: Set<Incoming> = new Set();
  detach: () => void = () => undefined;
  dropped = 0;

  constructor(
    context: CoreContext,
    askers: Askers,
    subscriber: Subscriber<IncomingRequest>,
    settled: () => void,
    pattern: string,
  ) {
    this.context = context;
    this.askers = askers;
    this.subscriber = subscriber;
    this.settled = settled;
    this.pattern = pattern;
  }

  get unsettled(): number {
    return this.unanswered.size;
  }

  receive(message: ClientMessage): void {
    const { codec, life } = this.context;
    const inbox = message.reply;
    if (inbox === undefined || inbox === '') return this.#drop('a request without a reply address');
    const frame = frameOf(message);
    let event: Event;
    try {
      event = codec.decode(frame);
    } catch (cause) {
      const error = asDecodeError(cause, frame);
      this.#send(inbox, errorHeaders(error.code, error.message));
      return life.tell({ kind: 'error', error });
    }
    const headers = codec.headersOf(frame);
    const terms = termsIn(headers);
    const request = new Incoming(this, message, event, headers, terms);
    this.unanswered.add(request);
    this.askers.open(request, terms?.timeout ?? LONGEST_WAIT, terms !== undefined);
    this.subscriber.next(request);
  }

  reply({ inbox }: Incoming, event: Event): void {
    const { addresses, encode, send } = this.context;
    const { data, headers } = encode(addresses.complete(event));
    send(inbox, data, headers);
  }

  finish({ inbox }: Incoming, headers: Readonly<Record<string, string>> | undefined): void {
    this.#send(inbox, headers);
  }

  answered(request: Incoming): void {
    this.askers.again(request, request.terms?.timeout ?? LONGEST_WAIT);
    if (request.terms === undefined && this.unanswered.delete(request)) this.settled();
  }

  late(): void {
    this.#drop('a reply that nobody waits for any more');
  }

  closed(request: Incoming): void {
    this.askers.close(request);
    if (this.unanswered.delete(request)) this.settled();
  }

  abandon(reason: unknown): number {
    const left = [...this.unanswered];
    for (const request of left) {
      this.finish(request, errorHeaders('DRAINED', 'The responder was drained before it had answered'));
      request.close(reason);
    }
    return left.length;
  }

  #drop(reason: string): void {
    this.dropped += 1;
    this.context.life.tell({ kind: 'dropped', address: this.pattern, reason, total: this.dropped });
  }

  #send(inbox: string, headers: Readonly<Record<string, string>> | undefined): void {
    this.context.send(inbox, '', headers === undefined ? undefined : encodeHeaders(headers));
  }
}
