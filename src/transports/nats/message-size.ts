import { encodeUtf8 } from '../../core/utf8.ts';

/** How many bytes a part of a message has when it travels. */
export function sizeOf(part: string | Uint8Array): number {
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length;
}

/** A part of a message as it travels. */
export function bytesOf(part: string | Uint8Array): Uint8Array {
  return typeof part === 'string' ? encodeUtf8(part) : part;
}

/** Returns a message's size if it is more than `most`, and else undefined. */
export function sizeAbove(
  most: number,
  data: string | Uint8Array,
  headers: string | Uint8Array = '',
): number | undefined {
  if ((headers.length + data.length) * MOST_BYTES <= most) return undefined; // which is so for nearly all
  const size = sizeOf(headers) + sizeOf(data);
  return size > most ? size : undefined;
}

/** A character of a text has at most so many bytes in UTF-8. */
const MOST_BYTES = 3;
