import { defer, filter, Observable, type Subscriber, switchMap, take } from 'rxjs';
import type { Outgoing } from '../../core/addressing.ts';
import { PublishError, TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { PublishOptions, Receipt } from '../../core/transport.ts';
import type { CoreContext } from './core-context.ts';
import type { SentMessage } from './nats-codec.ts';
import type { Wire } from './wire.ts';

/** Options for publishing on core NATS. */
export interface CorePublishOptions extends PublishOptions {
  /**
   * Travels as `Nats-Msg-Id` where it is given, for a stream that happens to listen; core NATS itself knows no duplicates.
   *
   * @defaultValue none
   */
  readonly messageId?: NonNullable<PublishOptions['messageId']>;
  /** Whether to wait, before the receipts, until the server has got the events. @defaultValue `false` */
  readonly flush?: boolean;
}

const MESSAGE_ID = 'Nats-Msg-Id';

/**
 * Makes a core transport's `publish`: events are handed to the client, and their receipts wait for nothing.
 *
 * While there is no connection they are kept until there is one, up to a bound. What the client has sent when the
 * connection is lost may be lost with it. All events of a list are checked and encoded before the first one is sent.
 */
export function corePublisher(
  context: CoreContext,
): (events: Event | readonly Event[], options?: CorePublishOptions) => Observable<Receipt> {
  const { wire, life, addresses, send } = context;

  /** The message id travels only where it was asked for. */
  function encode({ event, headers, messageId }: Outgoing, { messageId: wanted }: CorePublishOptions): SentMessage {
    const named = wanted !== undefined && messageId !== undefined;
    return context.encode(event, named ? { ...headers, [MESSAGE_ID]: messageId } : headers);
  }

  function publishOne(event: Event, options: CorePublishOptions, subscriber: Subscriber<Receipt>): void {
    const outgoing = addresses.prepare(event, options);
    const { data, headers } = encode(outgoing, options);
    send(outgoing.address, data, headers);
    subscriber.next({ address: outgoing.address, stored: false, duplicate: false });
    subscriber.complete();
  }

  function publishAll(events: readonly Event[], options: CorePublishOptions, subscriber: Subscriber<Receipt>): void {
    const outgoing = events.map((event) => addresses.prepare(event, options));
    const first = outgoing[0];
    if (options.stored === true && first !== undefined) {
      throw new PublishError('refused', first.address, 'Core NATS stores nothing: publish it to JetStream');
    }
    const messages = outgoing.map((each) => encode(each, options));
    const receipts: Receipt[] = [];
    for (const [index, { address }] of outgoing.entries()) {
      if (subscriber.closed) return;
      const { data, headers } = messages[index] as SentMessage;
      send(address, data, headers);
      const receipt: Receipt = { address, stored: false, duplicate: false };
      if (options.flush === true) receipts.push(receipt);
      else subscriber.next(receipt);
    }
    if (receipts.length === 0) return subscriber.complete();
    const flushed = flushedWhenConnected(wire).subscribe({
      error: (cause: unknown) => subscriber.error(unconfirmed(receipts, cause)),
      complete: () => {
        for (const receipt of receipts) subscriber.next(receipt);
        subscriber.complete();
      },
    });
    subscriber.add(flushed);
  }

  return (events, options = {}) => {
    if (options.expect !== undefined) throw new TypeError("'expect' needs a stream, and core NATS has none");
    const { stored = false, flush = false } = options;
    const one = stored || flush || Array.isArray(events) ? undefined : (events as Event);

    return new Observable<Receipt>((subscriber) => {
      if (life.closed) throw new TransportClosedError(life.name);
      if (one !== undefined) publishOne(one, options, subscriber);
      else publishAll(Array.isArray(events) ? events : [events as Event], options, subscriber);
    });
  };
}

/** A flush of a client without a connection fails or is forgotten, so it waits for one. */
function flushedWhenConnected(wire: Wire): Observable<void> {
  return defer(() => {
    if (wire.connected || wire.closed) return wire.flush();
    return wire.changes$.pipe(
      filter(({ kind }) => kind === 'connected' || kind === 'closed'),
      take(1),
      switchMap(() => wire.flush()),
    );
  });
}

function unconfirmed(receipts: readonly Receipt[], cause: unknown): PublishError {
  const { address } = receipts.at(-1) as Receipt;
  return new PublishError('unknown', address, 'The connection was lost before the server confirmed the events', {
    cause,
  });
}
