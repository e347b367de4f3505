/** What happens to a transport and its sources, as it happens. A discriminated union: switch on `kind`. */
export type Status =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected'; readonly error?: unknown }
  | { readonly kind: 'reconnecting'; readonly attempt: number }
  /** The server is about to shut down; the client moves to another one, if there is one. */
  | { readonly kind: 'lameDuck'; readonly server?: string }
  /** Messages come faster than this client reads them, as the client or the server says. */
  | { readonly kind: 'slowConsumer'; readonly address?: string; readonly pending?: number }
  /** A source that cannot wait has filled its buffer. */
  | { readonly kind: 'slow'; readonly address: string; readonly buffered: number }
  /** A delivery was dropped: by an overflow policy, or because nothing here can redeliver it. `total` counts the subscription's. */
  | { readonly kind: 'dropped'; readonly address: string; readonly reason: string; readonly total: number }
  /** A lease ran out before its delivery was settled. */
  | { readonly kind: 'leaseLost'; readonly stream: string; readonly consumer: string; readonly sequence: number }
  /** A settlement came after the lease was lost: an ack is still sent, a nak or term is refused. */
  | {
      readonly kind: 'lateSettle';
      readonly stream: string;
      readonly consumer: string;
      readonly sequence: number;
      readonly settlement: 'ack' | 'nak' | 'term';
    }
  /** The broker gave a message up after its last attempt. */
  | {
      readonly kind: 'maxDeliveries';
      readonly stream: string;
      readonly consumer: string;
      readonly sequence: number;
      readonly attempts: number;
    }
  /** A source was opened again after it broke. */
  | { readonly kind: 'sourceRestarted'; readonly stream: string; readonly consumer: string }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'draining' }
  | { readonly kind: 'closed' };
