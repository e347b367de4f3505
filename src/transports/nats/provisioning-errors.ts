import { catchError, type Observable, throwError } from 'rxjs';
import {
  ConsumerConflictError,
  ConsumerNotFoundError,
  StreamConflictError,
  StreamNotFoundError,
} from '../../core/errors.ts';
import { JetStreamApiError, UnsupportedByServerError } from './errors.ts';

/** The server's numbers for its reasons. */
export const codes = {
  consumerNotFound: 10014,
  consumerDoesNotExist: 10149,
  consumerExists: 10148,
  messageNotFound: 10037,
  messageNotDeleted: 10057,
  streamNotFound: 10059,
  streamInUse: 10058,
  subjectsOverlap: 10065,
  invalidStream: 10052,
  invalidConsumer: 10012,
  backoffTooLong: 10116,
} as const;

/** Why a stream cannot be as asked, by number; the server's own words follow where it says more than the number does. */
const streamConflicts: ReadonlyMap<number, string> = new Map([
  [codes.streamInUse, 'exists with another configuration'],
  [codes.subjectsOverlap, 'cannot store what another stream stores'],
  [10055, 'mirrors what it was made to mirror, for good'],
  [10109, 'is sealed'],
]);

const consumerConflicts: ReadonlyMap<number, string> = new Map([
  [10013, 'exists already'],
  [10084, 'cannot be one of a work queue'],
  [10093, 'has a filter that matches nothing that the stream stores'],
  [10099, 'takes messages that another consumer takes; in a work queue each has one taker'],
  [10100, 'takes messages that another consumer takes; in a work queue each has one taker'],
  [10101, "must start from 'all': each message of a work queue is somebody's work"],
  [10105, 'exists already and is in use'],
  [10121, "has more in flight than the stream's limits for consumers allow"],
  [10134, 'must have as many replicas as its stream, which keeps messages for those that are interested'],
  [10138, 'has filters that overlap'],
  [codes.consumerExists, 'exists with another configuration'],
  [10153, "lives longer without a pull than the stream's limits for consumers allow"],
]);

/** Gives what JetStream refuses about a stream the error that it has here. */
export function streamErrors<T>(stream: string): (source: Observable<T>) => Observable<T> {
  return catchError((error: unknown) => throwError(() => streamError(error, stream)));
}

/** Gives what JetStream refuses about a consumer the error that it has here. */
export function consumerErrors<T>(
  stream: string,
  consumer: string,
  version: string | undefined,
): (source: Observable<T>) => Observable<T> {
  return catchError((error: unknown) => throwError(() => consumerError(error, stream, consumer, version)));
}

/** Whether JetStream refused for one of these reasons. */
export function isRefusal(error: unknown, ...reasons: readonly number[]): error is JetStreamApiError {
  return error instanceof JetStreamApiError && reasons.includes(error.errorCode);
}

function streamError(error: unknown, stream: string): unknown {
  if (!(error instanceof JetStreamApiError)) return error;
  const { errorCode, description } = error;
  const cause = { cause: error };
  if (errorCode === codes.streamNotFound) return new StreamNotFoundError(stream, cause);
  const conflict = streamConflicts.get(errorCode);
  if (conflict !== undefined) return new StreamConflictError(stream, conflict, cause);
  if (errorCode === codes.invalidStream && saysFixed(description))
    return new StreamConflictError(stream, `cannot be changed so: ${description}`, cause);
  return error;
}

function consumerError(error: unknown, stream: string, consumer: string, version = 'an older one'): unknown {
  if (!(error instanceof JetStreamApiError)) return error;
  const { errorCode, description } = error;
  const cause = { cause: error };
  if (errorCode === codes.streamNotFound) return new StreamNotFoundError(stream, cause);
  if (errorCode === codes.consumerNotFound || errorCode === codes.consumerDoesNotExist)
    return new ConsumerNotFoundError(stream, consumer, cause);
  const conflict = consumerConflicts.get(errorCode);
  if (conflict !== undefined) return new ConsumerConflictError(stream, consumer, conflict, cause);
  if (errorCode === codes.invalidConsumer)
    return new ConsumerConflictError(stream, consumer, `cannot be as asked: ${description}`, cause);
  // Servers since 2.10 refuse no more than what is refused here before it is sent.
  if (errorCode === codes.backoffTooLong)
    return new UnsupportedByServerError("'backoff' with as many entries as 'maxDeliver'", '2.10', version);
  return error;
}

function saysFixed(description: string): boolean {
  return /\bupdate\b|can ?not be (?:changed|disabled|unset|updated)|can ?not change/.test(description);
}
