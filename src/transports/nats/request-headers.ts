import type { MessageHeaders } from '../../core/delivery.ts';
import { RemoteError } from '../../core/errors.ts';
import { decodeHeaders } from './headers.ts';

/** The headers of an answer that is an error (NATS ADR-32). */
export const ERROR_CODE = 'Nats-Service-Error-Code';
export const ERROR_MESSAGE = 'Nats-Service-Error';

/** How long, in ms, the asker waits for the first reply and between replies. Whoever sends it says when it goes. */
export const TIMEOUT = 'Millrace-Timeout';
/** `many` where the asker takes replies until their end; without it, it goes with the first one. */
export const REPLIES = 'Millrace-Replies';

/** What a responder knows of who asks. */
export interface AskerTerms {
  readonly timeout: number;
  readonly many: boolean;
}

/** The headers that say how long is waited, and for what. */
export function termHeaders({ timeout, many }: AskerTerms): MessageHeaders {
  return many ? { [TIMEOUT]: String(timeout), [REPLIES]: 'many' } : { [TIMEOUT]: String(timeout) };
}

/** What an asker says of how long it waits; undefined where it says nothing, as a raw client does. */
export function termsIn(headers: MessageHeaders): AskerTerms | undefined {
  const timeout = Number(headers[TIMEOUT]);
  return timeout > 0 ? { timeout, many: headers[REPLIES] === 'many' } : undefined;
}

/** The headers of an answer that is an error; line breaks, which no header can hold, become spaces. */
export function errorHeaders(code: string, message: string): MessageHeaders {
  return { [ERROR_CODE]: oneLine(code), [ERROR_MESSAGE]: oneLine(message) };
}

/** The error that an answer is, by its header block; undefined where it is none. */
export function errorIn(block: Uint8Array): RemoteError | undefined {
  if (!hasNatsHeader(block)) return undefined;
  const headers = decodeHeaders(block);
  const { [ERROR_CODE]: code, [ERROR_MESSAGE]: message } = headers;
  return code === undefined && message === undefined ? undefined : new RemoteError(code ?? '', message ?? '');
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}

const NEW_LINE = 10;
const N = 78;

/** Whether a name begins with N, told from the bytes: nearly all replies have no such header. */
function hasNatsHeader(block: Uint8Array): boolean {
  for (let end = block.indexOf(NEW_LINE); end >= 0; end = block.indexOf(NEW_LINE, end + 1)) {
    if (block[end + 1] === N) return true;
  }
  return false;
}
