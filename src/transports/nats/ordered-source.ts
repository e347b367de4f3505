import { concat, defer, EMPTY, ignoreElements, Observable } from 'rxjs';
import type { SubscriptionInfo } from '../../core/delivery.ts';
import type { OpenAttachment, Puller } from '../../core/puller.ts';
import { readAckAddress } from './ack-address.ts';
import type { ClientMessage } from './client.ts';
import { createEphemeral, deleteEphemeral, type EphemeralConsumer } from './ephemeral-consumer.ts';
import type { JetStreamApi } from './jetstream-api.ts';
import type { JetStreamDelivery, JetStreamOwner, Settlement } from './jetstream-delivery.ts';
import type { NatsCodec } from './nats-codec.ts';
import { pullLoop } from './pull-loop.ts';
import { readDelivery, readHeaders } from './read-delivery.ts';

/** Options for {@link orderedSource}. */
export interface OrderedSourceOptions {
  /** The consumer, which this source makes and deletes. */
  readonly consumer: EphemeralConsumer;
  readonly codec: NatsCodec;
  /** Fills the source of what is no event. */
  readonly name: string;
  readonly expires: number;
  readonly heartbeat: number;
}

/**
 * Reads a stream for a puller, each message once and in the stream's order.
 *
 * The server keeps no account of what is settled, so nothing has a lease and nothing comes again: the numbers of the
 * consumer's deliveries show that one got lost, and then the consumer is made anew to begin behind the last one that came.
 * It owns that position.
 */
export function orderedSource(api: JetStreamApi, puller: Puller, options: OrderedSourceOptions): OpenAttachment {
  const { consumer, codec, name, expires, heartbeat } = options;
  const { stream, name: consumerName } = consumer;
  const { ledger } = puller;
  const out = new Set<JetStreamDelivery>();
  const info: SubscriptionInfo = {
    stream,
    consumer: consumerName,
    ...(typeof consumer.from === 'object' && 'sequence' in consumer.from ? { start: consumer.from.sequence } : {}),
    prefetch: puller.prefetch,
    maxDeliver: 1,
    draining: puller.draining,
  };
  let lastSequence = 0;
  let expected = 1;
  let dropped = 0;
  let restarting = false;
  let detached = false;

  const owner: JetStreamOwner = {
    info,
    settle,
    confirm: (delivery) =>
      new Observable((subscriber) => {
        delivery.ack();
        subscriber.complete();
      }),
    extend() {
      // There is no lease here.
    },
    headers: (delivery) => readHeaders(delivery, codec),
  };

  const loop = pullLoop(
    api,
    {
      stream,
      consumer: consumerName,
      prefetch: puller.prefetch,
      maxBatch: Number.POSITIVE_INFINITY,
      expires,
      heartbeat,
      ephemeral: true,
    },
    {
      room: () => puller.prefetch - out.size,
      receive,
      look: again,
      restarted() {
        restarting = false;
        puller.status({ kind: 'sourceRestarted', stream, consumer: consumerName });
      },
      fail: (error) => puller.error(error),
    },
  );
  loop.pull();

  function receive(message: ClientMessage): void {
    const ackAddress = message.reply as string;
    const { sequence, consumerSequence } = readAckAddress(ackAddress);
    if (detached || restarting || sequence <= lastSequence) return;
    if (consumerSequence !== expected) {
      restarting = true;
      return loop.restart();
    }
    expected += 1;
    lastSequence = sequence;
    const delivery = readDelivery(message, owner, codec, ackAddress, 1, name);
    out.add(delivery);
    ledger.received += 1;
    puller.next(delivery);
  }

  /** Makes the consumer anew, to begin behind the last message that came. */
  function again(): Observable<never> {
    return defer(() => {
      restarting = true;
      const from = lastSequence === 0 ? consumer.from : { sequence: lastSequence + 1 };
      return concat(
        deleteEphemeral(api, stream, consumerName),
        createEphemeral(api, { ...consumer, from }),
        defer(() => {
          expected = 1;
          return EMPTY;
        }),
      ).pipe(ignoreElements());
    });
  }

  function settle(delivery: JetStreamDelivery, settlement: Settlement, delay: number): boolean {
    delivery.settlement = settlement;
    out.delete(delivery);
    if (settlement === 'ack') ledger.acked += 1;
    else if (settlement === 'term') ledger.termed += 1;
    else {
      if (delay === 0 && (puller.draining.aborted || detached)) ledger.returned += 1;
      else ledger.naked += 1;
      drop(delivery, 'nak where nothing is redelivered');
    }
    puller.settled();
    loop.pull();
    return true;
  }

  function drop({ address }: JetStreamDelivery, reason: string): void {
    dropped += 1;
    puller.status({ kind: 'dropped', address, reason, total: dropped });
  }

  return {
    info,
    get unsettled() {
      return out.size;
    },
    detach() {
      if (detached) return;
      detached = true;
      loop.stop();
    },
    abandon(reason) {
      const mine = [...out];
      for (const delivery of mine) {
        delivery.abort(reason);
        if (delivery.settled) continue;
        delivery.settlement = 'nak';
        out.delete(delivery);
        ledger.abandoned += 1;
        drop(delivery, 'abandoned by drain');
        puller.settled();
      }
      return mine.length;
    },
  };
}
