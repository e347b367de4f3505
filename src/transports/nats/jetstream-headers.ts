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
  if (message.headers === undefined || isPlain(message.headers)) return NO_HEADERS;
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

const PLAIN = /* @__PURE__ */ encodeUtf8('NATS/1.0\r\nContent-Type: application/cloudevents+json\r\nNats-Msg-Id: ');
const NEW_LINE = 10;

/** Whether it holds what every structured event that millrace stores has, and nothing else: most of them. */
function isPlain(block: Uint8Array): boolean {
  // From the end, where other blocks differ: they all begin alike.
  for (let i = PLAIN.length - 1; i >= 0; i -= 1) if (block[i] !== PLAIN[i]) return false;
  return block.indexOf(NEW_LINE, PLAIN.length) === block.length - 3;
}
