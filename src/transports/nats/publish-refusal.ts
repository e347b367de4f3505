import type { Outgoing } from '../../core/addressing.ts';
import { LimitReachedError, PublishError, WrongSequenceError } from '../../core/errors.ts';
import type { Expectation } from '../../core/transport.ts';
import type { JetStreamApiError } from './errors.ts';

/**
 * Refusals that say nothing of the message: the cluster is busy or between leaders, or another message with this id is on
 * its way to the replicas. Nothing was stored.
 */
const PASSING: ReadonlySet<number> = /* @__PURE__ */ new Set([10008, 10009, 10158, 10163, 10167, 10210, 10211]);

/** The server's numbers for limits of the stream, the account and its own resources. */
const LIMITS: ReadonlySet<number> = /* @__PURE__ */ new Set([10002, 10023, 10028, 10047, 10054]);

/** What a stream says with it when storing failed, where a limit of its own is the reason. */
const STORE_FAILED = 10077;
const LIMIT_OF_STREAM = /^maximum .* exceeded$/;

/** Whether a refusal may be another answer in a moment. */
export function isPassing({ errorCode }: JetStreamApiError): boolean {
  return PASSING.has(errorCode);
}

/** Returns the error that tells a publisher why a stream did not store its message. */
export function publishRefusal(
  { address, expect = {} }: Pick<Outgoing, 'address' | 'expect'>,
  stream: string,
  error: JetStreamApiError,
): PublishError {
  const { errorCode, description } = error;
  switch (errorCode) {
    case 10060:
      return new WrongSequenceError(address, 'stream', expect.stream ?? '', stream === '' ? 'another one' : stream);
    case 10070:
      return new WrongSequenceError(address, 'last message id', expect.lastMessageId ?? '', actualIn(description));
    case 10071:
    case 10164:
      return wrongSequence(address, expect, actualIn(description));
  }
  const isLimit = LIMITS.has(errorCode) || (errorCode === STORE_FAILED && LIMIT_OF_STREAM.test(description));
  if (isLimit) return new LimitReachedError(address, stream, description);
  const message = `The stream refused the message: ${description} (${errorCode})`;
  return new PublishError('refused', address, message, { cause: error });
}

/** A server has one number for both sequences, and looks at the stream's first. */
function wrongSequence(address: string, expect: Expectation, actual: string): WrongSequenceError {
  const { lastSequence, lastAddressSequence } = expect;
  const found = /^\d+$/.test(actual) ? Number(actual) : actual;
  const isOnAddress =
    lastSequence === undefined || (lastAddressSequence !== undefined && Number(found) <= lastSequence);
  return isOnAddress
    ? new WrongSequenceError(address, 'last sequence on the address', lastAddressSequence ?? '', found)
    : new WrongSequenceError(address, 'last sequence', lastSequence, found);
}

/** What stands behind the colon, as in `wrong last sequence: 7`; some servers do not say it. */
function actualIn(description: string): string {
  const colon = description.indexOf(': ');
  return colon < 0 ? 'another one' : description.slice(colon + 2);
}
