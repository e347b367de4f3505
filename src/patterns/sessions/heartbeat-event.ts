/** A sign of life, or its absence. */
export type HeartbeatEvent =
  /** A consumer was asked which of so many sessions it has. */
  | { readonly kind: 'asked'; readonly consumer: string; readonly sessions: number }
  /** It has answered, after so many ms, and does not have so many of them any more. */
  | { readonly kind: 'answered'; readonly consumer: string; readonly inactive: number; readonly elapsedMs: number }
  /** Nobody listens where it was asked. */
  | { readonly kind: 'unheard'; readonly consumer: string }
  /** It was silent for too long: its sessions are over. */
  | { readonly kind: 'gone'; readonly consumer: string; readonly sessions: number }
  /** A producer has asked this client for so many sessions, of which it does not have so many. */
  | { readonly kind: 'heard'; readonly sessions: number; readonly inactive: number };
