import { MillraceError } from '../../core/errors.ts';

/** Reported for a transport or resource that a service did not wait for any longer. */
export class NotClosedError extends MillraceError {
  override readonly name = 'NotClosedError';
  /** The transport's or resource's name. */
  readonly part: string;

  constructor(part: string, reason: string) {
    super('NOT_CLOSED', `'${part}' was not waited for until it was closed: ${reason}`);
    this.part = part;
  }
}
