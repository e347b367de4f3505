import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';

/** A message's header block and payload, as they travel. */
export interface NatsMessage {
  /** `NATS/1.0`, the headers, and an empty line; `undefined` where there are none. */
  readonly headers: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** A message that is text throughout, as it is before it travels in UTF-8. */
export interface TextMessage {
  readonly headers: string | undefined;
  readonly data: string;
}

/** Turns events into messages and back. A codec of one's own may be given wherever {@link cloudEventsCodec} would do. */
export interface NatsCodec {
  /**
   * Writes a valid event. `headers` are what travels beside it: trace context, a message id; of these, what the codec
   * itself writes is left out.
   *
   * @throws InvalidEventError when its data cannot be written.
   */
  encode(event: Event, headers?: MessageHeaders): NatsMessage;
  /**
   * Like `encode`, where what is written is text: a connection then encodes all that it sends in one turn as one, which is
   * quicker. A codec may leave it out.
   */
  encodeText?(event: Event, headers?: MessageHeaders): TextMessage;
  /** Reads the one event of a message, and checks that it is valid. @throws DecodeError */
  decode(message: NatsMessage): Event;
  /** Reads all events of a message, which may be a batch, if the codec is told to take these. @throws DecodeError */
  decodeBatch?(message: NatsMessage): readonly Event[];
  /** Returns the headers beside the event: without those that the codec writes. */
  headersOf(message: NatsMessage): MessageHeaders;
}

/** A message that is to be sent. */
export type SentMessage = NatsMessage | TextMessage;

/** How events are written that are to be sent. */
export type Encoder = (event: Event, headers?: MessageHeaders) => SentMessage;

/** Returns how a codec writes events: as text if it can. */
export function encoderOf(codec: NatsCodec): Encoder {
  if (codec.encodeText !== undefined) return codec.encodeText.bind(codec);
  return codec.encode.bind(codec);
}
