import { JetStreamApiError } from './errors.ts';

/** What a stream says of a message that was published to it. */
export interface PubAck {
  readonly stream: string;
  readonly sequence: number;
  /** Whether the stream had it already; `sequence` is then the first one's. */
  readonly duplicate: boolean;
  /** Why it was not stored. */
  readonly error?: JetStreamApiError;
}

/** Reads the acks of one publisher. */
export type PubAckReader = (data: Uint8Array) => PubAck | undefined;

/**
 * Makes a reader of acks, which returns undefined for what is none.
 *
 * The plain ack of a stored message, `{"stream":"SHOP", "seq":1}`, is read from its bytes: for most publishers all acks
 * name the stream that the one before named, and differ in their digits. All else goes through `JSON.parse`.
 */
export function pubAckReader(): PubAckReader {
  let start: Uint8Array = NOTHING;
  let stream = '';

  return (data) => {
    const sequence = start.length > 0 && beginsWith(data, start) ? sequenceAt(data, start.length) : 0;
    if (sequence > 0) return { stream, sequence, duplicate: false };

    const ack = parse(data);
    if (ack !== undefined && ack.error === undefined) {
      const known = startOf(data);
      if (known !== undefined) {
        start = known;
        stream = ack.stream;
      }
    }
    return ack;
  };
}

interface RawPubAck {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

const NOTHING = /* @__PURE__ */ new Uint8Array(0);
const CLOSING_BRACE = 125;
const ZERO = 48;

/** Digits that are surely a safe integer. */
const MOST_DIGITS = 15;

const decoder = /* @__PURE__ */ new TextDecoder();

function parse(data: Uint8Array): PubAck | undefined {
  let raw: RawPubAck | null;
  try {
    raw = JSON.parse(decoder.decode(data)) as RawPubAck | null;
  } catch {
    return undefined; // it says so: what is returned is no ack
  }
  const { stream = '', seq: sequence = 0, duplicate = false, error } = raw ?? {};
  if (error !== undefined) {
    const { code = 0, err_code: errorCode = 0, description = 'no reason given' } = error;
    return { stream, sequence, duplicate, error: new JetStreamApiError(errorCode, code, description) };
  }
  return sequence > 0 ? { stream, sequence, duplicate } : undefined;
}

/** What stands before the digits in an ack that has nothing behind them. */
function startOf(data: Uint8Array): Uint8Array | undefined {
  let at = data.length - 1;
  if (data[at] !== CLOSING_BRACE) return undefined;
  while (at > 0 && isDigit(data[at - 1])) at -= 1;
  const start = data.slice(0, at);
  return decoder.decode(start).endsWith('"seq":') ? start : undefined;
}

function beginsWith(data: Uint8Array, start: Uint8Array): boolean {
  if (data.length <= start.length) return false;
  for (let i = 0; i < start.length; i++) if (data[i] !== start[i]) return false;
  return true;
}

/** The number from a place to a closing brace that ends all; 0 where something else stands there. */
function sequenceAt(data: Uint8Array, from: number): number {
  const end = data.length - 1;
  if (data[end] !== CLOSING_BRACE || end - from > MOST_DIGITS) return 0;
  let value = 0;
  for (let at = from; at < end; at++) {
    const code = data[at];
    if (!isDigit(code)) return 0;
    value = value * 10 + code - ZERO;
  }
  return value;
}

function isDigit(code: number | undefined): code is number {
  return code !== undefined && code >= 48 && code <= 57;
}
