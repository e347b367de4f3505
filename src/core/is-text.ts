/** Tells whether a text is a CloudEvents String: no control characters, noncharacters or unpaired surrogates. */
export function isText(text: string): boolean {
  const end = plainEnd(text);
  return end === text.length || isWideText(text, end);
}

/** Where the printable ASCII that the text starts with ends. */
function plainEnd(text: string): number {
  const { length } = text;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) break;
    at++;
  }
  return at;
}

function isWideText(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false;
    if (code < 0xd800) continue;
    if (code >= 0xe000) {
      if ((code >= 0xfdd0 && code <= 0xfdef) || code >= 0xfffe) return false;
      continue;
    }
    i += 1;
    const low = text.charCodeAt(i);
    if (code >= 0xdc00 || !(low >= 0xdc00 && low <= 0xdfff)) return false;
    // The last two code points of every plane are noncharacters.
    if ((code & 0x3f) === 0x3f && (low & 0x3fe) === 0x3fe) return false;
  }
  return true;
}
