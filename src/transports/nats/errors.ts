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
