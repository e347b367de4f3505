import type { MessageHeaders } from '../../core/delivery.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { uuidv4 } from '../../core/ids.ts';
import { LiveDelivery, type LiveOwner } from '../../core/live-delivery.ts';
import { undecodable } from '../../core/undecodable.ts';
import { type ClientMessage, headerBlockOf } from './client.ts';
import type { NatsCodec, NatsMessage } from './nats-codec.ts';

/** Makes a message's delivery. One that is no event carries it as bytes, and the reason as its `failure`. */
export function coreDelivery(message: ClientMessage, owner: LiveOwner, codec: NatsCodec, source: string): LiveDelivery {
  const frame = frameOf(message);
  try {
    return new CoreDelivery(owner, message, codec, codec.decode(frame), undefined);
  } catch (error) {
    const failure = asDecodeError(error, frame);
    const event = undecodable(frame, failure, { id: newId(), source });
    return new CoreDelivery(owner, message, codec, event, failure);
  }
}

/** A message's header block and payload. */
export function frameOf(message: ClientMessage): NatsMessage {
  return { headers: headerBlockOf(message), data: message.data };
}

/** What a codec threw, as a `DecodeError`. */
export function asDecodeError(cause: unknown, { data }: NatsMessage): DecodeError {
  return cause instanceof DecodeError ? cause : new DecodeError('the codec must be able to read it', data, { cause });
}

const newId = /* @__PURE__ */ uuidv4();

/** A class, as there is one for each message: what few look at is read when they look. */
class CoreDelivery extends LiveDelivery {
  readonly event: Event;
  readonly failure: unknown;
  readonly message: ClientMessage;
  readonly codec: NatsCodec;
  #headers: MessageHeaders | undefined = undefined;

  constructor(owner: LiveOwner, message: ClientMessage, codec: NatsCodec, event: Event, failure: unknown) {
    super(owner);
    this.event = event;
    this.failure = failure;
    this.message = message;
    this.codec = codec;
  }

  get address(): string {
    return this.message.subject;
  }

  get headers(): MessageHeaders {
    this.#headers ??= this.codec.headersOf(frameOf(this.message));
    return this.#headers;
  }
}
