/** Why a session ended: the codes of bacalhau's streams, most of them WebSocket's (RFC 6455 §7.4.1). Others are yours. */
export const closeCodes = {
  /** All was said. */
  normal: 1000,
  /** The one side stops: it is drained, or was unsubscribed. */
  goingAway: 1001,
  /** The other side has sent more than was wanted. */
  protocolError: 1002,
  /** What came cannot be read. */
  unsupportedData: 1003,
  /** The other side is gone, or something was lost on the way; nobody sends it. */
  abnormal: 1006,
  /** There are more sessions already than the producer takes. */
  tryAgainLater: 1013,
  /** The request cannot be read, or is refused. */
  badRequest: 4000,
  /** The producer failed. */
  internal: 5000,
} as const;

const NAMES: Readonly<Record<number, string>> = {
  1000: 'normal',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1006: 'abnormal closure',
  1013: 'try again later',
  4000: 'bad request',
  5000: 'internal server error',
};

/** A code as people read it: `1006 (abnormal closure)`. */
export function describeCode(code: number): string {
  const name = NAMES[code];
  return name === undefined ? String(code) : `${code} (${name})`;
}
