import { decodeBase64 } from '../../core/base64.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { readAckAddress } from './ack-address.ts';
import { type ClientMessage, headerBlockOf } from './client.ts';
import { decodeHeaders } from './headers.ts';
import { timeOf } from './nanos.ts';

/** What is stored under a key, as it travels. */
export interface RawEntry {
  readonly kind: 'put' | 'deleted' | 'purged';
  readonly key: string;
  readonly data: Uint8Array;
  readonly revision: number;
  /** When it was stored, in ms since the epoch, by the server's clock. */
  readonly time: number;
}

/** What JetStream answers when it is asked for one message. */
export interface StoredMessage {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly hdrs?: string;
    readonly data?: string;
    readonly time: string;
  };
}

/** Reads an entry that the stream's leader answered with. */
export function storedEntry({ message }: StoredMessage): RawEntry {
  const { subject, seq, hdrs, data = '', time } = message;
  const headers = hdrs === undefined ? {} : decodeHeaders(decodeBase64(hdrs));
  return { ...keyAndKind(subject, headers), data: decodeBase64(data), revision: seq, time: timeOf(time) ?? 0 };
}

/** Reads an entry that any server with the stream answered with: what is known of it stands in headers. */
export function directEntry({ data }: ClientMessage, headers: MessageHeaders): RawEntry {
  return {
    ...keyAndKind(headers['Nats-Subject'] ?? '', headers),
    data,
    revision: Number(headers['Nats-Sequence']),
    time: timeOf(headers['Nats-Time-Stamp']) ?? 0,
  };
}

/** Reads an entry that a consumer delivered. */
export function deliveredEntry(message: ClientMessage): RawEntry {
  const block = headerBlockOf(message);
  const { sequence, time } = readAckAddress(message.reply ?? '');
  const headers = block === undefined ? {} : decodeHeaders(block);
  return { ...keyAndKind(message.subject, headers), data: message.data, revision: sequence, time };
}

function keyAndKind(subject: string, headers: MessageHeaders): Pick<RawEntry, 'key' | 'kind'> {
  const [, , ...key] = subject.split('.');
  return { key: key.join('.'), kind: kindOf(headers) };
}

/** A client writes what it did; a server leaves a mark where it removed the last value by its age, or else. */
function kindOf(headers: MessageHeaders): RawEntry['kind'] {
  const { 'KV-Operation': operation, 'Nats-Marker-Reason': reason } = headers;
  if (operation === 'DEL' || reason === 'Remove') return 'deleted';
  return operation === 'PURGE' || reason !== undefined ? 'purged' : 'put';
}
