import { characterSet, runEnd } from './character-set.ts';

/** Options for {@link percentDecode}. */
export interface PercentDecodeOptions {
  /** Keeps a malformed value as it is, since some peers write `%` and quotes without encoding them. @defaultValue `false` */
  readonly lenient?: boolean;
}

/**
 * Writes a text as a header value by the rule of the CloudEvents bindings: space, `"`, `%` and everything outside of
 * printable ASCII become UTF-8 bytes as `%XX`; nothing else is touched.
 *
 * @throws URIError when the text holds an unpaired surrogate.
 * @see https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
 */
export function percentEncode(text: string): string {
  if (runEnd(text, 0, PLAIN) === text.length) return text;
  return text.replace(/[^!#$&-~]+/g, encodeURIComponent);
}

/**
 * Reads a header value by the rule of the CloudEvents bindings: double-quoted parts lose their quotes and escapes, then one
 * round of percent-decoding. Hexadecimal digits of either case and needless encodings are accepted.
 *
 * @throws URIError when a `%` is not followed by two hexadecimal digits, when what is encoded is not UTF-8, or when a
 * quote is not closed.
 */
export function percentDecode(value: string, { lenient = false }: PercentDecodeOptions = {}): string {
  if (!value.includes('%') && !value.includes('"')) return value;
  try {
    return decodeURIComponent(unquote(value));
  } catch (error) {
    if (lenient) return value;
    throw error;
  }
}

/** What is not encoded: `!` to `~`, but for `"` and `%`. */
const PLAIN = /* @__PURE__ */ characterSet(
  Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
    .join('')
    .replace(/["%]/g, ''),
);

function unquote(value: string): string {
  if (!value.includes('"')) return value;
  let text = '';
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '"') quoted = !quoted;
    else if (character === '\\' && quoted) text += value.charAt(++at);
    else text += character;
  }
  if (quoted) throw new URIError('A quote is not closed');
  return text;
}
