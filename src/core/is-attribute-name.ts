/** Tells whether an attribute may have this name: one or more of `a-z` and `0-9`. */
export function isAttributeName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (!((code >= 97 && code <= 122) || (code >= 48 && code <= 57))) return false;
  }
  return name !== '';
}
