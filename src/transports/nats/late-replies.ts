import type { TransportLife } from '../../core/transport-life.ts';
import { contentModeOf } from './content-mode.ts';
import { frameOf } from './core-delivery.ts';
import type { InboxEntry } from './inbox.ts';
import type { NatsMessage } from './nats-codec.ts';
import { errorIn } from './request-headers.ts';
import { isUnheard } from './request-raw.ts';
import type { Wire } from './wire.ts';

/** Counts the replies that come when nobody waits for them any more, and tells each as a drop. */
export interface LateReplies {
  /** A request has ended. Its last place may still be answered at. */
  ended(entry: InboxEntry, address: string): void;
}

/** How many requests are remembered after their end; what comes later than that goes uncounted. */
const REMEMBERED = 4_096;

/**
 * Makes what counts a transport's late replies: those after the end of a request, and second ones to a request for one.
 *
 * The inbox is shared with all else that waits on the connection, so what is remembered tells whose reply it was. That is
 * two arrays of a fixed length, as there is something to remember for each request.
 */
export function lateReplies(wire: Wire, life: TransportLife): LateReplies {
  let tokens: Float64Array | undefined;
  const addresses: string[] = [];
  let total = 0;

  const late = wire.inbox.late$.subscribe(({ token, message }) => {
    const slot = token % REMEMBERED;
    if (tokens?.[slot] !== token || isUnheard(message) || isEnd(frameOf(message))) return;
    total += 1;
    const reason = 'a reply that nobody waits for any more';
    life.tell({ kind: 'dropped', address: addresses[slot] as string, reason, total });
  });
  life.status$.subscribe({ complete: () => late.unsubscribe() });

  return {
    ended({ token }, address) {
      tokens ??= new Float64Array(REMEMBERED);
      const slot = token % REMEMBERED;
      tokens[slot] = token;
      addresses[slot] = address;
    },
  };
}

/** Whether a message is the mark at the end of the replies: empty (NATS ADR-47), no error, and no event in binary mode. */
export function isEnd({ headers, data }: NatsMessage): boolean {
  if (data.length > 0 || contentModeOf(headers) === 'binary') return false;
  return headers === undefined || errorIn(headers) === undefined;
}
