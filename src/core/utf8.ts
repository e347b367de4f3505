const json = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });
const exact = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads UTF-8 without the byte order mark that may come first.
 *
 * @throws TypeError when it is malformed: nothing is replaced.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  return json.decode(bytes);
}

/**
 * Reads UTF-8 and keeps all of it, a byte order mark too.
 *
 * @throws TypeError when it is malformed: nothing is replaced.
 */
export function decodeExactUtf8(bytes: Uint8Array): string {
  return exact.decode(bytes);
}

/** Writes UTF-8. Much quicker than a `TextEncoder` for a short text. */
export function encodeUtf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
