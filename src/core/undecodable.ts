import { createEvent } from './create-event.ts';
import { DecodeError } from './errors.ts';
import type { Event } from './event.ts';
import { isMediaType } from './is-media-type.ts';

/** The type of an event that wraps a message which is no event. Its data stay bytes, whatever their content type is. */
export const UNDECODABLE = 'millrace.undecodable';

/** What the message does not say, being no event. */
export interface UndecodableOptions {
  readonly id: string;
  /** A URI-reference. */
  readonly source: string;
  /** RFC 3339. @defaultValue none */
  readonly time?: string;
}

/**
 * Wraps a message that cannot be decoded into an event, so that it can be kept as a dead letter with its bytes intact.
 *
 * The data are the payload. Their content type is the one in `error`, if that is a `DecodeError` and knows one that is a
 * media type.
 */
export function undecodable(
  message: { readonly data: Uint8Array },
  error: unknown,
  options: UndecodableOptions,
): Event<Uint8Array> {
  const { id, source, time = null } = options;
  const contentType = (error instanceof DecodeError && error.contentType) || '';
  const datacontenttype = isMediaType(contentType) ? contentType : 'application/octet-stream';
  return createEvent({ id, source, type: UNDECODABLE, time, datacontenttype, data: message.data });
}
