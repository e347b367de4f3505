import { FatalError, MillraceError, type MillraceErrorCode, RetryAtError } from './errors.ts';

/** The failures that come back however often the same event is tried. */
const FATAL_CODES: ReadonlySet<MillraceErrorCode> = new Set<MillraceErrorCode>([
  'FATAL',
  'INVALID_EVENT',
  'SCHEMA_REJECTED',
  'DECODE_FAILED',
]);

/**
 * Marks a failure as one that no retry can mend.
 *
 * What is given becomes the `cause`; a text becomes the message. A `FatalError` is returned as it is.
 *
 * @example
 * ```ts
 * if (order.total < 0) throw fatal('The total is negative');
 * ```
 */
export function fatal(errorOrMessage: unknown): FatalError {
  if (errorOrMessage instanceof FatalError) return errorOrMessage;
  if (typeof errorOrMessage === 'string') return new FatalError(errorOrMessage);
  const message = errorOrMessage instanceof Error ? errorOrMessage.message : 'The failure cannot be mended by a retry';
  return new FatalError(message, { cause: errorOrMessage });
}

/**
 * Tells whether retrying cannot help: the error, or one in its chain of causes, was made by {@link fatal}, says that the
 * event is invalid, that a schema rejected its data, or that it could not be decoded.
 *
 * Fatal wins over {@link retryAt}, whichever of the two wraps the other.
 */
export function isFatal(error: unknown): boolean {
  for (const link of causes(error)) {
    if (link instanceof MillraceError && FATAL_CODES.has(link.code)) return true;
  }
  return false;
}

/**
 * Marks a failure as one to be retried at a given time, such as that of a `Retry-After` header.
 *
 * @param when - A date, or milliseconds since the epoch.
 * @param cause - The failure itself.
 *
 * @throws RangeError when `when` is not a time that a date can hold.
 */
export function retryAt(when: Date | number, cause?: unknown): RetryAtError {
  const at = Number(when);
  if (!(Math.abs(at) <= LAST_TIME)) throw new RangeError(`when must be a valid time, not ${at}`);
  return new RetryAtError(at, cause === undefined ? undefined : { cause });
}

/** Returns when a failure asks to be retried, in milliseconds since the epoch; the outermost in its chain of causes. */
export function retryAtOf(error: unknown): number | undefined {
  for (const link of causes(error)) {
    if (link instanceof RetryAtError) return link.at;
  }
  return undefined;
}

/** The largest time value of ECMAScript, either side of the epoch. */
const LAST_TIME = 8.64e15;

/** The error, its cause, the cause of that, and so on; each once, since nothing stops causes from forming a ring. */
function* causes(error: unknown): Generator<unknown, void> {
  const seen = new Set<unknown>();
  for (let link = error; link !== undefined && link !== null && !seen.has(link); link = causeOf(link)) {
    seen.add(link);
    yield link;
  }
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}
