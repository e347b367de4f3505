import type { RawMessage, RawWire } from '../../core/raw-wire.ts';
import type { HeartbeatEvent } from './heartbeat-event.ts';

/** Who has a place in the inbox. */
export interface Endpoint {
  take(message: RawMessage): void;
  /** No message can come any more. */
  refused(error: unknown): void;
}

/** Where one client's messages of sessions arrive: one subscription for all. */
export interface Inbox {
  readonly wire: RawWire;
  /** What all its addresses begin with, with the last dot: it tells this client from all others. */
  readonly prefix: string;
  /** Opens a place in the inbox, and returns its token. */
  open(endpoint: Endpoint): string;
  close(token: string): void;
  tell(event: HeartbeatEvent): void;
}
