// What a plain client would do of a session: values in JSON, in base64, in JSON again, from subject to subject. Nothing
// bounds, counts or ends it.
import type { NatsConnection } from 'nats';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends a value to a subject. */
export function sendFrame(connection: NatsConnection, subject: string, value: unknown): void {
  const data = Buffer.from(JSON.stringify(value)).toString('base64');
  connection.publish(subject, encoder.encode(JSON.stringify({ type: 1, data })));
}

/** Reads a value. */
export function readFrame<T>(bytes: Uint8Array): T {
  const { data } = JSON.parse(decoder.decode(bytes)) as { readonly data: string };
  return JSON.parse(Buffer.from(data, 'base64').toString()) as T;
}
