import { NO_HEADERS } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import { undecodable } from '../../core/undecodable.ts';
import { readAckAddress } from './ack-address.ts';
import { type ClientMessage, headerBlockIs, headerBlockOf } from './client.ts';
import { JetStreamDelivery, type JetStreamOwner } from './jetstream-delivery.ts';
import { headersBeside, isPlainBlock, originalHeaders, PLAIN_BLOCK } from './jetstream-headers.ts';
import type { NatsCodec } from './nats-codec.ts';

/** Makes a delivery of a message; one that is no event carries the failure, and its bytes in an event of their own. */
export function readDelivery(
  message: ClientMessage,
  owner: JetStreamOwner,
  codec: NatsCodec,
  ackAddress: string,
  attempt: number,
  name: string,
): JetStreamDelivery {
  const isPlain = headerBlockIs(message, isPlainBlock);
  const frame = { headers: isPlain ? PLAIN_BLOCK : headerBlockOf(message), data: message.data };
  let event: Event;
  try {
    event = codec.decode(frame);
  } catch (failure) {
    const { stream, sequence } = readAckAddress(ackAddress);
    const wrapped = undecodable(frame, failure, { id: `${stream}-${sequence}`, source: name });
    return new JetStreamDelivery(message, owner, wrapped, ackAddress, attempt, failure, undefined);
  }
  const headers = isPlain ? NO_HEADERS : undefined;
  return new JetStreamDelivery(message, owner, event, ackAddress, attempt, undefined, headers);
}

/** Reads the headers beside the event of a delivery, or all of them where it is none. */
export function readHeaders({ message, failure }: JetStreamDelivery, codec: NatsCodec): MessageHeaders {
  const frame = { headers: headerBlockOf(message), data: message.data };
  return failure === undefined ? headersBeside(codec, frame) : originalHeaders(frame);
}
