import type { Outgoing } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { PublishError } from '../../core/errors.ts';
import { sizeAbove } from './message-size.ts';
import type { Encoder, SentMessage } from './nats-codec.ts';
import type { PubAckReader } from './pub-ack.ts';
import { publishHeaders } from './publish-headers.ts';
import type { PublishSettings } from './publish-options.ts';
import type { StreamLookup } from './stream-lookup.ts';
import type { Wire } from './wire.ts';

/** What is to be published, checked and in order. */
export interface PublishPlan {
  readonly messages: readonly Outgoing[];
  readonly settings: PublishSettings;
  /** Headers for each of the messages, beside those that follow from the message itself. */
  readonly extra: ((index: number) => MessageHeaders) | undefined;
}

/** One call of publish that was subscribed to, as the window sees it. */
export interface PublishJob {
  /** Whether there is something left to send. */
  readonly hasMore: boolean;
  /** Sends what is next, for which there is room. */
  sendNext(): void;
  /** There is no connection. */
  disconnected(): void;
  reconnected(): void;
  /** Ends it: what is on its way as unknown, and else what would be next as refused. */
  abandon(said: string, cause: unknown): void;
}

/** What the jobs of one publisher share. */
export interface PublishOwner {
  readonly wire: Wire;
  readonly encode: Encoder;
  readonly readAck: PubAckReader;
  readonly lookup: StreamLookup;
  /** How many messages may be on their way at a time. */
  readonly inFlight: number;
  /** Whether JetStream has stored something for this publisher: then it is there, though it may not be at the moment. */
  hasStored: boolean;
  /** There is room for one message more. */
  released(): void;
  /** There is no connection: `reconnected` is to be called when there is one again. */
  offline(): void;
  ended(job: PublishJob): void;
}

/** Encodes a message. @throws InvalidEventError for data that cannot be written, PublishError for what the server would not take. */
export function encodeMessage(
  { encode, wire }: Pick<PublishOwner, 'encode' | 'wire'>,
  message: Outgoing,
  extra: MessageHeaders | undefined,
): SentMessage {
  const encoded = encode(message.event, publishHeaders(message, extra));
  const most = wire.client.info?.max_payload ?? Number.POSITIVE_INFINITY;
  const size = sizeAbove(most, encoded.data, encoded.headers);
  if (size === undefined) return encoded;
  throw new PublishError('refused', message.address, `The message has ${size} bytes, and the server takes ${most}`);
}
