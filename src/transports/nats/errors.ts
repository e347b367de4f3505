import { MillraceError } from '../../core/errors.ts';

/** Raised when JetStream refuses a request for a reason that has no error of its own here. */
export class JetStreamApiError extends MillraceError {
  override readonly name = 'JetStreamApiError';
  /** The server's own number for the reason, such as `10059`; see its `errors.json`. */
  readonly errorCode: number;
  /** The class of the reason, as in HTTP: 4xx, 5xx. */
  readonly status: number;
  readonly description: string;

  constructor(errorCode: number, status: number, description: string, options?: ErrorOptions) {
    super('JETSTREAM_API', `JetStream refused the request: ${description} (${errorCode})`, options);
    this.errorCode = errorCode;
    this.status = status;
    this.description = description;
  }
}

/** Raised when nobody answers for JetStream: it is off on this server or account, or has no leader at the moment. */
export class JetStreamUnavailableError extends MillraceError {
  override readonly name = 'JetStreamUnavailableError';

  constructor(options?: ErrorOptions) {
    super(
      'JETSTREAM_UNAVAILABLE',
      'JetStream does not answer: it is not enabled for this account, or its cluster has no leader at the moment',
      options,
    );
  }
}

/** Raised for something that the server is too old to do. Nothing was changed. */
export class UnsupportedByServerError extends MillraceError {
  override readonly name = 'UnsupportedByServerError';
  readonly feature: string;
  /** The first server version that has it. */
  readonly needs: string;

  constructor(feature: string, needs: string, found: string) {
    super('UNSUPPORTED_BY_SERVER', `${feature} needs nats-server ${needs} or newer, and this is ${found}`);
    this.feature = feature;
    this.needs = needs;
  }
}

/** Raised when no server could be connected to; `cause` is what the last one failed with. */
export class ConnectionFailedError extends MillraceError {
  override readonly name = 'ConnectionFailedError';
  /** The servers that were tried, without what their URLs say of users. */
  readonly servers: readonly string[];

  constructor(servers: readonly string[], reason: string, options?: ErrorOptions) {
    super('CONNECTION_FAILED', `No connection to ${servers.join(', ')}: ${reason}`, options);
    this.servers = servers;
  }
}

/**
 * Why a server does not let a client in: `refused` when the credentials were never good, `expired` when their time is
 * over, `revoked` when they were taken back, `timeout` when they came too late, `certificate` when it asks for a client's
 * certificate and got none, or one that it does not take.
 */
export type AuthenticationFailure = 'refused' | 'expired' | 'revoked' | 'timeout' | 'certificate';

/** Raised when a server does not let this client in, or no longer. No field holds the credentials. */
export class AuthenticationFailedError extends MillraceError {
  override readonly name = 'AuthenticationFailedError';
  readonly reason: AuthenticationFailure;

  constructor(reason: AuthenticationFailure, options?: ErrorOptions) {
    super('AUTHENTICATION_FAILED', refusals[reason], options);
    this.reason = reason;
  }
}

const refusals: Readonly<Record<AuthenticationFailure, string>> = {
  refused: 'The server refused the credentials, or asks for some and got none',
  expired: 'The credentials have expired',
  revoked: 'The credentials were revoked',
  timeout: 'The server did not get the credentials in time',
  certificate: "The server asks for a client's certificate, and got none or one that it does not take",
};

/** Told by a connection's status when the server does not let this client publish to an address, or listen at it. */
export class PermissionDeniedError extends MillraceError {
  override readonly name = 'PermissionDeniedError';
  readonly operation: 'publish' | 'subscribe';
  readonly address: string;

  constructor(operation: 'publish' | 'subscribe', address: string, options?: ErrorOptions) {
    super(
      'PERMISSION_DENIED',
      `This client may not ${operation} ${operation === 'publish' ? 'to' : 'at'} '${address}'`,
      options,
    );
    this.operation = operation;
    this.address = address;
  }
}

/**
 * Raised when the connection is lost for good, or while something waited for an answer that may have been lost with it.
 * Nobody knows what became of a request: what can be repeated may be asked again at once.
 */
export class ConnectionLostError extends MillraceError {
  override readonly name = 'ConnectionLostError';

  constructor(what: string, options?: ErrorOptions) {
    super('CONNECTION_LOST', `The connection was lost ${what}`, options);
  }
}

/** Raised when a bucket does not exist, or no longer. Nothing creates one as a side effect. */
export class BucketNotFoundError extends MillraceError {
  override readonly name = 'BucketNotFoundError';
  readonly bucket: string;

  constructor(bucket: string, options?: ErrorOptions) {
    super('BUCKET_NOT_FOUND', `There is no bucket '${bucket}'; provision it with ensureBucket`, options);
    this.bucket = bucket;
  }
}

/** Raised when a key that was to be created has a value. */
export class KeyExistsError extends MillraceError {
  override readonly name = 'KeyExistsError';
  readonly bucket: string;
  readonly key: string;
  /** The revision of its value. */
  readonly revision: number;

  constructor(bucket: string, key: string, revision: number, options?: ErrorOptions) {
    super('KEY_EXISTS', `Key '${key}' of bucket '${bucket}' exists, at revision ${revision}`, options);
    this.bucket = bucket;
    this.key = key;
    this.revision = revision;
  }
}

/** Raised when a key was not at the revision that was expected. Nothing was written. */
export class WrongRevisionError extends MillraceError {
  override readonly name = 'WrongRevisionError';
  readonly bucket: string;
  readonly key: string;
  readonly expected: number;

  constructor(bucket: string, key: string, expected: number, options?: ErrorOptions) {
    const place = `Key '${key}' of bucket '${bucket}'`;
    super(
      'WRONG_REVISION',
      `${place} was expected ${expected === 0 ? 'not to exist' : `at revision ${expected}`}, and is not so`,
      options,
    );
    this.bucket = bucket;
    this.key = key;
    this.expected = expected;
  }
}
