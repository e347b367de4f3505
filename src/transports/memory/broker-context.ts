import type { SchedulerLike } from 'rxjs';
import type { Advisory } from './advisory.ts';
import type { StoredMessage } from './message-log.ts';
import type { Turns } from './turns.ts';

/** What streams and consumers need of their broker. */
export interface BrokerContext {
  readonly scheduler: SchedulerLike;
  readonly turns: Turns;
  advise(advisory: Advisory): void;
  /** Refuses a message for a stream where all streams together have no room for it. */
  checkRoom(address: string, stream: string): void;
  /** A message's event as one more receiver gets it: itself, or a copy. */
  received(message: StoredMessage): StoredMessage['event'];
}
