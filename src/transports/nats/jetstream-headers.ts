import { NO_HEADERS } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { encodeUtf8 } from '../../core/utf8.ts';
import { decodeHeaders } from './headers.ts';
import type { NatsCodec, NatsMessage } from './nats-codec.ts';

/** Before the headers of what is no event, so that they are kept and nobody takes them for an event's. */
const ORIGINAL = 'millrace-original-';

/** What JetStream reads is for the stream that a message is sent to, and says nothing of where it is sent next. */
const JETSTREAM = /^nats-/i;

/** Returns the headers beside an event: without the codec's, and without JetStream's own. */
export function headersBeside(codec: NatsCodec, message: NatsMessage): MessageHeaders {
  if (message.headers === undefined) return NO_HEADERS;
  const beside = codec.headersOf(message);
  for (const name in beside) {
    if (JETSTREAM.test(name)) return Object.fromEntries(Object.entries(beside).filter(([key]) => !JETSTREAM.test(key)));
  }
  return beside;
}

/** Returns the headers of a message that is no event, all of them, under names of their own. */
export function originalHeaders({ headers }: NatsMessage): MessageHeaders {
  if (headers === undefined) return NO_HEADERS;
  return Object.fromEntries(Object.entries(decodeHeaders(headers)).map(([name, value]) => [ORIGINAL + name, value]));
}

/** The header block of a structured event that travels alone. */
export const PLAIN_BLOCK: Uint8Array = /* @__PURE__ */ encodeUtf8(
  'NATS/1.0\r\nContent-Type: application/cloudevents+json\r\n\r\n',
);

const PLAIN_START = /* @__PURE__ */ encodeUtf8(
  'NATS/1.0\r\nContent-Type: application/cloudevents+json\r\nNats-Msg-Id: ',
);
const NEW_LINE = 10;

/** Whether a block holds what every structured event that millrace stores has, and nothing else: most of them. */
export function isPlainBlock(bytes: Uint8Array, end: number): boolean {
  // From the end, where other blocks differ: they all begin alike.
  for (let i = PLAIN_START.length - 1; i >= 0; i -= 1) if (bytes[i] !== PLAIN_START[i]) return false;
  return bytes.indexOf(NEW_LINE, PLAIN_START.length) === end - 3;
}
