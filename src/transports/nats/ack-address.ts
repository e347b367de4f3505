import type { Position } from '../../core/delivery.ts';

/** Where a delivery is acked, read: JetStream says there what it knows of the delivery. */
export interface AckAddress extends Position {
  readonly consumer: string;
  readonly attempt: number;
}

const DOT = 46;
const ZERO = 48;

/** How many tokens stand before the stream's name: `$JS.ACK`, and in the newer form a domain and an account's hash. */
const OLD_TOKENS = 9;

/**
 * Reads where a delivery is acked:
 * `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<consumer sequence>.<nanoseconds>.<pending>`, or the same with domain
 * and account hash before the stream.
 */
export function readAckAddress(address: string): AckAddress {
  const tokens = address.split('.');
  const at = tokens.length > OLD_TOKENS ? 4 : 2;
  return {
    stream: tokens[at] ?? '',
    consumer: tokens[at + 1] ?? '',
    attempt: Number(tokens[at + 2]),
    sequence: Number(tokens[at + 3]),
    consumerSequence: Number(tokens[at + 4]),
    time: Math.floor(Number(tokens[at + 5]) / 1_000_000),
    pending: Number(tokens[at + 6]),
  };
}

/** Returns where another delivery of the same consumer is settled. */
export function ackAddressFor(address: string, sequence: number, consumerSequence: number): string {
  const tokens = address.split('.');
  const at = tokens.length > OLD_TOKENS ? 4 : 2;
  tokens[at + 3] = String(sequence);
  tokens[at + 4] = String(consumerSequence);
  return tokens.join('.');
}

/** Returns where the attempt stands in the ack addresses of one consumer, of which all but the numbers is the same. */
export function attemptOffset(address: string): number {
  const tokens = address.split('.');
  const before = tokens.length > OLD_TOKENS ? 6 : 4;
  let offset = 0;
  for (let i = 0; i < before; i += 1) offset += (tokens[i]?.length ?? 0) + 1;
  return offset;
}

/** Reads the attempt alone, which every delivery is asked for. */
export function attemptAt(address: string, offset: number): number {
  let attempt = 0;
  for (let i = offset; i < address.length; i += 1) {
    const code = address.charCodeAt(i);
    if (code === DOT) break;
    attempt = attempt * 10 + code - ZERO;
  }
  return attempt;
}
