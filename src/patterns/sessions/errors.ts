import { MillraceError } from '../../core/errors.ts';
import { describeCode } from './close-codes.ts';

/** Raised for a session that did not end normally. A handler throws one to end its session with a code of its own. */
export class SessionCloseError extends MillraceError {
  override readonly name = 'SessionCloseError';
  /** Why it ended; see `closeCodes`. */
  readonly closeCode: number;
  /** What the side that ended it says of that; may be empty. */
  readonly text: string;

  constructor(closeCode: number, text = '', options?: ErrorOptions) {
    super('SESSION_CLOSED', `The session was closed: ${describeCode(closeCode)}${text && `: ${text}`}`, options);
    this.closeCode = closeCode;
    this.text = text;
  }
}

/** What the other side is told of an error: its message, and nothing else of it. */
export function closeErrorOf(error: unknown, code: number): SessionCloseError {
  if (error instanceof SessionCloseError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SessionCloseError(code, text, { cause: error });
}
