import { createEvent } from '../../core/create-event.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import { isMediaType } from '../../core/is-media-type.ts';
import type { NatsMessage } from './nats-codec.ts';

/** The type of an event that wraps a message which is no event. */
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
 * The data are the payload. Their content type is the message's own where that is a media type.
 */
export function undecodable(message: NatsMessage, error: unknown, options: UndecodableOptions): Event<Uint8Array> {
  const { id, source, time = null } = options;
  const contentType = (error instanceof DecodeError && error.contentType) || '';
  const datacontenttype = isMediaType(contentType) ? contentType : 'application/octet-stream';
  return createEvent({ id, source, type: UNDECODABLE, time, datacontenttype, data: message.data });
}
