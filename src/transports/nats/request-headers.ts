import type { MessageHeaders } from '../../core/delivery.ts';
import { RemoteError } from '../../core/errors.ts';
import { decodeUtf8 } from '../../core/utf8.ts';
import { decodeHeaders, encodeHeaders, HEADER_VERSION } from './headers.ts';

/** The headers of an answer that is an error (NATS ADR-32). */
const ERROR_CODE = 'Nats-Service-Error-Code';
const ERROR_MESSAGE = 'Nats-Service-Error';

/** How long, in ms, the asker waits for the first reply and between replies. Whoever sends it says when it goes. */
const TIMEOUT = 'Millrace-Timeout';
/** `many` where the asker takes replies until their end; without it, it goes with the first one. */
const REPLIES = 'Millrace-Replies';

/** A header block as it travels, or as the text that it is. */
type Block = string | Uint8Array;

/** What a responder knows of who asks. */
export interface AskerTerms {
  readonly timeout: number;
  readonly many: boolean;
}

/**
 * Makes what adds the headers that say how long is waited, and for what, to a block of headers.
 *
 * Nearly all requests share one block and have the same terms, so the last result serves for the next one.
 */
export function termsWriter(): (block: Block | undefined, terms: AskerTerms) => Block {
  let last: { readonly block: Block | undefined; readonly terms: AskerTerms; readonly result: Block } | undefined;
  return (block, terms) => {
    if (last?.block === block && last?.terms.timeout === terms.timeout && last.terms.many === terms.many)
      return last.result;
    const headers: MessageHeaders = { [TIMEOUT]: String(terms.timeout), ...(terms.many && { [REPLIES]: 'many' }) };
    const result = joined(block, encodeHeaders(headers));
    last = { block, terms, result };
    return result;
  };
}

/** Puts the lines of a second block after those of the first. */
function joined(first: Block | undefined, second: Uint8Array): Block {
  if (first === undefined) return second;
  if (typeof first === 'string')
    return first.slice(0, -END.length) + decodeUtf8(second.subarray(HEADER_VERSION.length));
  const lines = second.subarray(HEADER_VERSION.length);
  const result = new Uint8Array(first.length - END.length + lines.length);
  result.set(first);
  result.set(lines, first.length - END.length);
  return result;
}

/** The empty line at the end of a block. */
const END = '\r\n';

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
