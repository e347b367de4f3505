// The lines of a log, those there are and those to come.
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

const CHUNK = 64 * 1_024;

/** How often, in ms, a log is looked at that has nothing new. */
const INTERVAL = 20;

/**
 * The lines of a file, from after so many of them on; it never ends by itself. Asks for nothing before it is asked for the
 * next line, so a reader that is slow reads slowly, and keeps no more than a chunk.
 */
export async function* linesOf(path: string, after: number, signal: AbortSignal): AsyncGenerator<string> {
  const file = await open(path, 'r');
  try {
    yield* follow(file, after, signal);
  } finally {
    await file.close();
  }
}

async function* follow(file: FileHandle, after: number, signal: AbortSignal): AsyncGenerator<string> {
  const chunk = Buffer.alloc(CHUNK);
  let rest = Buffer.alloc(0);
  let count = 0;
  while (!signal.aborted) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK);
    if (bytesRead === 0) {
      await setTimeout(INTERVAL, undefined, { signal }).catch(() => undefined);
      continue;
    }
    rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      count += 1;
      if (count > after) yield rest.toString('utf8', start, end);
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
}
