import { readFileSync } from 'node:fs';

/**
 * Makes what reads a text that was given as it is, or by the path of its file.
 *
 * A file is read on each call. When it is gone later, its last text counts: that the server can refuse, while a client
 * that finds no credentials closes its connection for good. Neither the text nor the path ever is in an error: what
 * looks like no text may be a mistyped credential.
 *
 * @throws TypeError when the file cannot be read.
 */
export function textOrFile(field: string, value: string, isText: (value: string) => boolean): () => string {
  const given = value.trim();
  if (isText(given)) return () => given;
  const first = read(given);
  if (first.text === undefined) {
    throw new TypeError(`'${field}' is neither what it should hold nor a file that can be read (${first.code})`);
  }
  let last = first.text;
  return () => {
    last = read(given).text ?? last;
    return last;
  };
}

function read(path: string): { readonly text?: string; readonly code?: string } {
  try {
    return { text: readFileSync(path, 'utf8').trim() };
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}
