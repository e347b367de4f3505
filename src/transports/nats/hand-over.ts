import { PublishError, TransportClosedError } from '../../core/errors.ts';
import { sizeAbove } from './message-size.ts';
import type { Wire } from './wire.ts';

/**
 * Hands a message to the client.
 *
 * @throws PublishError that says `refused`, when it is larger than the server takes or too much waits for a connection;
 * TransportClosedError when the connection is closed.
 */
export type HandOver = (
  address: string,
  data: string | Uint8Array,
  headers?: string | Uint8Array,
  reply?: string,
) => void;

/** Makes what hands messages to a connection's client. */
export function handOver(wire: Wire): HandOver {
  let limit = Number.POSITIVE_INFINITY;

  return (address, data, headers, reply) => {
    // A client that is not connected knows of no server; what the last one said is the best guess.
    limit = wire.client.info?.max_payload ?? limit;
    const size = sizeAbove(limit, data, headers);
    if (size !== undefined) {
      const said = `A message of ${size} bytes is more than the server takes (max_payload ${limit})`;
      throw new PublishError('refused', address, said);
    }
    try {
      wire.publish(address, data, headers, reply);
    } catch (cause) {
      if (cause instanceof TransportClosedError) throw cause;
      throw new PublishError('refused', address, 'The client did not take the message', { cause });
    }
  };
}
