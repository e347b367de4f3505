import { asapScheduler } from 'rxjs';
import { encodeUtf8 } from '../../core/utf8.ts';
import { HeaderBlock, lineProtocolOf, type NatsConnectionLike } from './client.ts';
import { bytesOf, sizeOf } from './message-size.ts';

/** Sends messages. */
export interface LineWriter {
  /** Text is UTF-8. @throws what the client throws for a message that it does not take. */
  publish(
    address: string,
    data: string | Uint8Array,
    headers: string | Uint8Array | undefined,
    reply: string | undefined,
  ): void;
  /** Hands over to the client what has been published so far. */
  flush(): void;
}

/** So many characters and bytes are handed over at once, in a turn that has more. */
const LARGEST_BATCH = 65_536;

/**
 * Makes a writer that hands all messages of one turn to a client as one.
 *
 * A client makes and encodes a line, and keeps three buffers, for each message: in one piece it costs a fraction, and
 * text is encoded with all that surrounds it. A client that takes no lines of the protocol gets the messages one by one.
 */
export function lineWriter(client: NatsConnectionLike): LineWriter {
  const protocol = lineProtocolOf(client);
  /** What is written, in order: finished pieces, and the text after them. */
  let pieces: Uint8Array[] = [];
  let text = '';
  let length = 0;
  let messages = 0;
  let bytes = 0;
  let lastHeaders: string | Uint8Array | undefined;
  let lastHeadersSize = 0;

  function flush(): void {
    if (messages === 0) return;
    seal();
    const written = pieces;
    if (protocol !== undefined && !client.isClosed()) {
      protocol.outMsgs += messages;
      protocol.outBytes += bytes;
      protocol.sendCommand(written[0] as Uint8Array, ...written.slice(1));
    }
    pieces = [];
    length = 0;
    messages = 0;
    bytes = 0;
  }

  function seal(): void {
    if (text === '') return;
    pieces.push(encodeUtf8(text));
    text = '';
  }

  function add(part: string | Uint8Array): void {
    if (typeof part === 'string') text += part;
    else if (part.length > 0) {
      seal();
      pieces.push(part);
    }
  }

  function headersSize(headers: string | Uint8Array | undefined): number {
    if (headers === undefined) return 0;
    if (headers !== lastHeaders) lastHeadersSize = sizeOf(headers); // most share one
    lastHeaders = headers;
    return lastHeadersSize;
  }

  return {
    publish(address, data, headers, reply) {
      const before = headersSize(headers);
      const size = before + sizeOf(data);
      if (protocol === undefined || !takes(client, protocol, size, headers !== undefined))
        return publishAlone(client, address, data, headers, reply);
      const to = reply === undefined ? address : `${address} ${reply}`;
      text += headers === undefined ? `PUB ${to} ${size}\r\n` : `HPUB ${to} ${before} ${size}\r\n`;
      if (headers !== undefined) add(headers);
      add(data);
      text += '\r\n';
      messages += 1;
      bytes += size;
      length += size + to.length;
      if (messages === 1) asapScheduler.schedule(flush);
      else if (length >= LARGEST_BATCH) flush();
    },
    flush,
  };
}

/** Whether a client would take a message; if not, it is best placed to say why. */
function takes(
  client: NatsConnectionLike,
  { noMorePublishing }: { readonly noMorePublishing: boolean },
  size: number,
  hasHeaders: boolean,
): boolean {
  const { info } = client;
  if (info === undefined || noMorePublishing || client.isClosed()) return false;
  return size <= info.max_payload && (!hasHeaders || info.headers === true);
}

function publishAlone(
  client: NatsConnectionLike,
  address: string,
  data: string | Uint8Array,
  headers: string | Uint8Array | undefined,
  reply: string | undefined,
): void {
  client.publish(address, bytesOf(data), {
    ...(reply === undefined ? {} : { reply }),
    ...(headers === undefined ? {} : { headers: new HeaderBlock(bytesOf(headers)) }),
  });
}
