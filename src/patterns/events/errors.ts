import { MillraceError } from '../../core/errors.ts';

/** Raised when a consumer is listened to a second time in one process while the first one still listens. */
export class AlreadyListeningError extends MillraceError {
  override readonly name = 'AlreadyListeningError';
  readonly stream: string;
  readonly consumer: string;

  constructor(stream: string, consumer: string) {
    super(
      'ALREADY_LISTENING',
      `Consumer '${consumer}' of stream '${stream}' has a listener already; give it all handlers, or another consumer`,
    );
    this.stream = stream;
    this.consumer = consumer;
  }
}

/** Raised for a listener that says in no way, or in an impossible one, what it waits for. */
export class InvalidListenerError extends MillraceError {
  override readonly name = 'InvalidListenerError';
  /** What is wrong: `types` or `transactionId`. */
  readonly field: 'types' | 'transactionId';

  constructor(field: 'types' | 'transactionId', rule: string) {
    super('INVALID_LISTENER', `Invalid '${field}' of a listener: ${rule}`);
    this.field = field;
  }
}

/** Raised when a response did not come in time. */
export class ResponseTimeoutError extends MillraceError {
  override readonly name = 'ResponseTimeoutError';
  readonly transactionId: string | undefined;
  /** The types that were waited for; undefined for all. */
  readonly types: readonly string[] | undefined;
  readonly timeout: number;
  /** How many responses had come. */
  readonly received: number;
  /** Whether the subscription was open; `false` where the broker did not even answer that. */
  readonly opened: boolean;

  constructor(options: {
    readonly transactionId: string | undefined;
    readonly types: readonly string[] | undefined;
    readonly timeout: number;
    readonly received: number;
    readonly opened: boolean;
  }) {
    const { transactionId, types, timeout, received, opened } = options;
    const what = types === undefined ? 'any type' : types.map((type) => `'${type}'`).join(' or ');
    const which = transactionId === undefined ? '' : ` for transaction '${transactionId}'`;
    const why = opened ? `${received} came` : 'the subscription was not open by then';
    super('RESPONSE_TIMEOUT', `Not enough responses of ${what}${which} within ${timeout} ms: ${why}`);
    this.transactionId = transactionId;
    this.types = types;
    this.timeout = timeout;
    this.received = received;
    this.opened = opened;
  }
}

/** Raised at those who wait for a response when their event source is closed, or its transport is drained. */
export class SourceClosedError extends MillraceError {
  override readonly name = 'SourceClosedError';

  constructor() {
    super('SOURCE_CLOSED', 'The event source is closed: no response can come any more');
  }
}
