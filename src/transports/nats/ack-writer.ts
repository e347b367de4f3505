import { asapScheduler } from 'rxjs';
import { encodeUtf8 } from '../../core/utf8.ts';
import { lineWriterOf, type NatsConnectionLike } from './client.ts';

/** Sends acks. */
export interface AckWriter {
  add(address: string): void;
  /** Hands over to the client what has been added so far. */
  flush(): void;
}

/** So many acks are handed over at once, in a turn that has more. */
const LARGEST_BATCH = 512;

/**
 * Makes a writer that hands all acks of one turn to the client as one.
 *
 * A message is acked for each that is read, and a client makes and encodes a line, and keeps three buffers, for each of
 * them: in one piece it costs a fraction. A client that takes no lines of the protocol gets them one by one.
 */
export function ackWriter(client: NatsConnectionLike): AckWriter {
  const write = lineWriterOf(client);
  let lines = '';
  let count = 0;

  function flush(): void {
    if (count === 0) return;
    const batch = encodeUtf8(lines);
    const messages = count;
    lines = '';
    count = 0;
    if (!client.isClosed()) write?.(batch, messages);
  }

  return {
    add(address) {
      if (write === undefined) return client.publish(address);
      lines += `PUB ${address} 0\r\n\r\n`;
      count += 1;
      if (count === 1) asapScheduler.schedule(flush);
      else if (count === LARGEST_BATCH) flush();
    },
    flush,
  };
}
