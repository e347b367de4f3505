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
  return findCause(error, isFatalItself) !== undefined;
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
  return findCause(error, isRetryAt)?.at;
}

/** The largest time value of ECMAScript, either side of the epoch. */
const LAST_TIME = 8.64e15;

/**
 * Returns the first for which `test` holds: the error, its cause, the cause of that, and so on. Nothing stops causes from
 * forming a ring: one that follows at half the speed is met in it.
 */
function findCause<E>(error: unknown, test: (link: unknown) => link is E): E | undefined {
  let follower = error;
  let count = 0;
  for (let link = error; link !== undefined && link !== null; link = causeOf(link)) {
    if (test(link)) return link;
    count += 1;
    if (count % 2 === 0) continue;
    if (count > 1) follower = causeOf(follower);
    if (count > 1 && follower === link) return undefined;
  }
  return undefined;
}

function isFatalItself(link: unknown): link is MillraceError {
  return link instanceof MillraceError && FATAL_CODES.has(link.code);
}

function isRetryAt(link: unknown): link is RetryAtError {
  return link instanceof RetryAtError;
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
}
