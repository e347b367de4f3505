/** Machine-readable reason carried by every {@link MillraceError}. */
export type MillraceErrorCode =
  | 'INVALID_EVENT'
  | 'INVALID_NAME'
  | 'INVALID_ADDRESS'
  | 'SCHEMA_REJECTED'
  | 'SCHEMA_FAILED'
  | 'DECODE_FAILED'
  | 'RETRY_EXHAUSTED'
  | 'RETRY_AT'
  | 'FATAL'
  | 'HANDLER_TIMEOUT'
  | 'BUFFER_OVERFLOW'
  | 'ALREADY_RUNNING'
  | 'STORE_FAILED'
  | 'DEAD_LETTER_REFUSED'
  | 'PUBLISH_FAILED'
  | 'UNBOUND_ADDRESS'
  | 'WRONG_SEQUENCE'
  | 'LIMIT_REACHED'
  | 'NO_RESPONDERS'
  | 'REQUEST_TIMEOUT'
  | 'REMOTE_ERROR'
  | 'TRANSPORT_CLOSED'
  | 'STREAM_NOT_FOUND'
  | 'STREAM_CONFLICT'
  | 'CONSUMER_NOT_FOUND'
  | 'CONSUMER_CONFLICT'
  | 'LEASE_LOST'
  | 'DRAINING'
  | 'UNSUBSCRIBED'
  | 'CONFIRM_FAILED'
  | 'MAX_DELIVERIES'
  | 'ALREADY_LISTENING'
  | 'INVALID_LISTENER'
  | 'RESPONSE_TIMEOUT'
  | 'SOURCE_CLOSED'
  | 'SESSION_CLOSED'
  | 'NOT_CLOSED'
  | 'CONNECTION_FAILED'
  | 'CONNECTION_LOST'
  | 'AUTHENTICATION_FAILED'
  | 'PERMISSION_DENIED'
  | 'JETSTREAM_API'
  | 'JETSTREAM_UNAVAILABLE'
  | 'UNSUPPORTED_BY_SERVER'
  | 'BUCKET_NOT_FOUND'
  | 'KEY_NOT_FOUND'
  | 'KEY_EXISTS'
  | 'WRONG_REVISION';

/** Base class of every error that millrace raises itself; errors from brokers and handlers pass through untouched. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError';
  readonly code: MillraceErrorCode;

  constructor(code: MillraceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Raised for an event that breaks a rule of CloudEvents 1.0. */
export class InvalidEventError extends MillraceError {
  override readonly name = 'InvalidEventError';
  /** The attribute that breaks it. */
  readonly attribute: string;
  /** The rule that it breaks. */
  readonly rule: string;

  constructor(attribute: string, rule: string, options?: ErrorOptions) {
    super('INVALID_EVENT', `Event attribute '${attribute}' ${rule}`, options);
    this.attribute = attribute;
    this.rule = rule;
  }
}

/** Options for a {@link DecodeError}. */
export interface DecodeErrorOptions extends ErrorOptions {
  /** The content type that came with the message. */
  readonly contentType?: string | undefined;
}

/** Raised for a message that is no event, or not one that can be read. Retrying cannot help. */
export class DecodeError extends MillraceError {
  override readonly name = 'DecodeError';
  /** What was expected and not found. Nothing of the payload is quoted. */
  readonly rule: string;
  /** The message's payload, whole and as it came. */
  readonly bytes: Uint8Array;
  /** The content type that came with the message. */
  readonly contentType: string | undefined;

  constructor(rule: string, bytes: Uint8Array, options: DecodeErrorOptions = {}) {
    super('DECODE_FAILED', `The message could not be decoded: ${rule}`, options);
    this.rule = rule;
    this.bytes = bytes;
    this.contentType = options.contentType;
  }
}

/** Raised for a stream or consumer name that no broker would take. */
export class InvalidNameError extends MillraceError {
  override readonly name = 'InvalidNameError';
  /** What the name is for: `stream`, `consumer`, `queue`. */
  readonly field: string;

  constructor(field: string, rule: string) {
    super('INVALID_NAME', `Invalid ${field} name: ${rule}`);
    this.field = field;
  }
}

/** Raised for an address or filter that is malformed, or that has wildcards where none may be. */
export class InvalidAddressError extends MillraceError {
  override readonly name = 'InvalidAddressError';
  readonly address: string;

  constructor(address: string, rule: string) {
    super('INVALID_ADDRESS', `Invalid address '${address}': ${rule}`);
    this.address = address;
  }
}

/** One complaint of a schema, in the shape of Standard Schema. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Raised when a definition's schema rejects an event's data. Retrying cannot help. */
export class SchemaRejectedError extends MillraceError {
  override readonly name = 'SchemaRejectedError';
  readonly type: string;
  readonly issues: readonly SchemaIssue[];

  constructor(type: string, issues: readonly SchemaIssue[]) {
    const first = issues[0];
    const path = first?.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    const where = path ? ` at '${path}'` : '';
    super('SCHEMA_REJECTED', `Data of '${type}' was rejected${where}: ${first?.message ?? 'no reason given'}`);
    this.type = type;
    this.issues = issues;
  }
}

/** Raised when a definition's schema threw or rejected instead of answering; `cause` is what it threw. */
export class SchemaFailedError extends MillraceError {
  override readonly name = 'SchemaFailedError';
  readonly type: string;

  constructor(type: string, options?: ErrorOptions) {
    super('SCHEMA_FAILED', `The schema of '${type}' failed to validate`, options);
    this.type = type;
  }
}

/** Raised by `retryBackoff` when the policy says STOP; `cause` is the last failure. */
export class RetryExhaustedError extends MillraceError {
  override readonly name = 'RetryExhaustedError';
  readonly attempts: number;

  constructor(attempts: number, options?: ErrorOptions) {
    super('RETRY_EXHAUSTED', `Gave up after ${attempts} attempt${attempts === 1 ? '' : 's'}`, options);
    this.attempts = attempts;
  }
}

/** Marks a failure that no retry can mend; made by `fatal`. */
export class FatalError extends MillraceError {
  override readonly name = 'FatalError';

  constructor(message: string, options?: ErrorOptions) {
    super('FATAL', message, options);
  }
}

/** Marks a failure that is to be retried at a given time; made by `retryAt`. */
export class RetryAtError extends MillraceError {
  override readonly name = 'RetryAtError';
  /** When to try again, in milliseconds since the epoch. */
  readonly at: number;

  constructor(at: number, options?: ErrorOptions) {
    super('RETRY_AT', `To be retried at ${new Date(at).toISOString()}`, options);
    this.at = at;
  }
}

/** Raised when a handler has not finished within its timeout. */
export class HandlerTimeoutError extends MillraceError {
  override readonly name = 'HandlerTimeoutError';
  readonly timeout: number;

  constructor(timeout: number) {
    super('HANDLER_TIMEOUT', `The handler did not finish within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** Raised when a bounded buffer is full and its policy is to say so. */
export class BufferOverflowError extends MillraceError {
  override readonly name = 'BufferOverflowError';
  readonly limit: number;

  constructor(what: string, limit: number) {
    super('BUFFER_OVERFLOW', `${what} is full at ${limit}`);
    this.limit = limit;
  }
}

/** Carried by a delivery that goes back because another delivery of the same event is still being handled. */
export class AlreadyRunningError extends MillraceError {
  override readonly name = 'AlreadyRunningError';
  readonly key: string;

  constructor(key: string) {
    super('ALREADY_RUNNING', 'Another delivery of this event is still being handled');
    this.key = key;
  }
}

/** Raised when a dedup store fails; `cause` is its own error. */
export class StoreFailedError extends MillraceError {
  override readonly name = 'StoreFailedError';
  readonly operation: 'claim' | 'commit' | 'release';
  readonly key: string;

  constructor(operation: 'claim' | 'commit' | 'release', key: string, options?: ErrorOptions) {
    super('STORE_FAILED', `The dedup store failed to ${operation}`, options);
    this.operation = operation;
    this.key = key;
  }
}

/** Raised when a dead letter could not be stored; `cause` holds both failures, the handler's first. */
export class DeadLetterRefusedError extends MillraceError {
  override readonly name = 'DeadLetterRefusedError';
  readonly address: string;

  constructor(address: string, options?: ErrorOptions) {
    super('DEAD_LETTER_REFUSED', `The dead letter could not be stored at '${address}'`, options);
    this.address = address;
  }
}

/**
 * Raised when a publish did not end in a receipt.
 *
 * `outcome` is `'refused'` when nothing was stored, and `'unknown'` when it may have been (a timeout, a lost
 * connection): then retry only with the same message id, inside the dedup window.
 */
export class PublishError extends MillraceError {
  override readonly name: string = 'PublishError';
  readonly outcome: 'refused' | 'unknown';
  readonly address: string;

  constructor(
    outcome: 'refused' | 'unknown',
    address: string,
    message: string,
    options?: ErrorOptions & { readonly code?: MillraceErrorCode },
  ) {
    super(options?.code ?? 'PUBLISH_FAILED', message, options);
    this.outcome = outcome;
    this.address = address;
  }
}

/** Raised for an address to which no stream is bound and nobody listens: the event would be lost. */
export class UnboundAddressError extends PublishError {
  override readonly name = 'UnboundAddressError';

  constructor(address: string, options?: ErrorOptions) {
    super('refused', address, `No stream is bound to '${address}'; provision one with ensureStream`, {
      ...options,
      code: 'UNBOUND_ADDRESS',
    });
  }
}

/** Raised when a stream was not in the state that the publisher expected. */
export class WrongSequenceError extends PublishError {
  override readonly name = 'WrongSequenceError';
  readonly expected: number | string;
  readonly actual: number | string;

  constructor(address: string, what: string, expected: number | string, actual: number | string) {
    super('refused', address, `Expected ${what} ${expected} but it is ${actual}`, { code: 'WRONG_SEQUENCE' });
    this.expected = expected;
    this.actual = actual;
  }
}

/** Raised when a limit of a stream with `discard: 'new'` refuses a message. */
export class LimitReachedError extends PublishError {
  override readonly name = 'LimitReachedError';
  readonly stream: string;
  readonly limit: string;

  constructor(address: string, stream: string, limit: string) {
    super('refused', address, `Stream '${stream}' is at its limit: ${limit}`, { code: 'LIMIT_REACHED' });
    this.stream = stream;
    this.limit = limit;
  }
}

/** Raised at once when nobody listens where a request was sent. */
export class NoRespondersError extends MillraceError {
  override readonly name = 'NoRespondersError';
  readonly address: string;

  constructor(address: string) {
    super('NO_RESPONDERS', `Nobody responds at '${address}'`);
    this.address = address;
  }
}

/** Raised when a reply did not come in time. */
export class RequestTimeoutError extends MillraceError {
  override readonly name = 'RequestTimeoutError';
  readonly address: string;
  readonly timeout: number;

  constructor(address: string, timeout: number) {
    super('REQUEST_TIMEOUT', `No reply from '${address}' within ${timeout} ms`);
    this.address = address;
    this.timeout = timeout;
  }
}

/** Raised at the asker when the responder answered with an error. */
export class RemoteError extends MillraceError {
  override readonly name = 'RemoteError';
  /** The responder's own code. */
  readonly remoteCode: string;

  constructor(remoteCode: string, message: string) {
    super('REMOTE_ERROR', message);
    this.remoteCode = remoteCode;
  }
}

/** Raised when a transport is used after it was drained. */
export class TransportClosedError extends MillraceError {
  override readonly name = 'TransportClosedError';
  readonly transport: string;

  constructor(transport: string) {
    super('TRANSPORT_CLOSED', `Transport '${transport}' was drained and is closed`);
    this.transport = transport;
  }
}

/** Raised when a stream does not exist. Nothing creates one as a side effect. */
export class StreamNotFoundError extends MillraceError {
  override readonly name = 'StreamNotFoundError';
  readonly stream: string;

  constructor(stream: string, options?: ErrorOptions) {
    super('STREAM_NOT_FOUND', `There is no stream '${stream}'; provision it with ensureStream`, options);
    this.stream = stream;
  }
}

/** Raised when a stream cannot be made or changed as asked. */
export class StreamConflictError extends MillraceError {
  override readonly name = 'StreamConflictError';
  readonly stream: string;

  constructor(stream: string, rule: string, options?: ErrorOptions) {
    super('STREAM_CONFLICT', `Stream '${stream}' ${rule}`, options);
    this.stream = stream;
  }
}

/** Raised when a consumer does not exist, or has been deleted under a running subscription. */
export class ConsumerNotFoundError extends MillraceError {
  override readonly name = 'ConsumerNotFoundError';
  readonly stream: string;
  readonly consumer: string;

  constructor(stream: string, consumer: string, options?: ErrorOptions) {
    super(
      'CONSUMER_NOT_FOUND',
      `Stream '${stream}' has no consumer '${consumer}'; provision it with ensureConsumer`,
      options,
    );
    this.stream = stream;
    this.consumer = consumer;
  }
}

/** Raised when a consumer cannot be made or changed as asked. */
export class ConsumerConflictError extends MillraceError {
  override readonly name = 'ConsumerConflictError';
  readonly stream: string;
  readonly consumer: string;

  constructor(stream: string, consumer: string, rule: string, options?: ErrorOptions) {
    super('CONSUMER_CONFLICT', `Consumer '${consumer}' of stream '${stream}' ${rule}`, options);
    this.stream = stream;
    this.consumer = consumer;
  }
}

/** The reason on a delivery's `signal` when its lease ran out. */
export class LeaseLostError extends MillraceError {
  override readonly name = 'LeaseLostError';
  readonly lease: number;

  constructor(lease: number) {
    super('LEASE_LOST', `The lease of ${lease} ms ran out before the delivery was settled`);
    this.lease = lease;
  }
}

/** The reason of a dead letter that nobody failed at last: the broker gave the message up after its last attempt. */
export class MaxDeliveriesError extends MillraceError {
  override readonly name = 'MaxDeliveriesError';
  readonly attempts: number;

  constructor(attempts: number) {
    super('MAX_DELIVERIES', `The broker gave it up after ${attempts} attempt${attempts === 1 ? '' : 's'}`);
    this.attempts = attempts;
  }
}

/** Raised by `confirm` when the broker cannot say that it has the ack. */
export class ConfirmFailedError extends MillraceError {
  override readonly name = 'ConfirmFailedError';

  constructor(reason: string, options?: ErrorOptions) {
    super('CONFIRM_FAILED', `The ack could not be confirmed: ${reason}`, options);
  }
}
