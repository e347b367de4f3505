import type { Observable } from 'rxjs';
import type { TransportLife } from './transport-life.ts';

/** A message as it travels, before anybody makes an event of it. */
export interface RawMessage {
  readonly address: string;
  /** Where an answer is to go. */
  readonly reply: string | undefined;
  readonly data: Uint8Array;
  /** Whether it is the wire's word that nobody listens where a message was sent, and no message of anybody. */
  readonly unheard: boolean;
}

/** Raw pub/sub: bytes at addresses, each to whoever listens at that moment. What one sends arrives in order, or not at all. */
export interface RawWire {
  readonly life: TransportLife;
  readonly connected: boolean;
  /** Emits when the connection is lost and when it is there again; completes when it is closed for good. */
  readonly connected$: Observable<boolean>;
  /** The largest message, in bytes. */
  readonly maxPayload: number;
  /**
   * Sends a message. With `reply`, an address where nobody listens is told of there.
   *
   * @throws PublishError where it is too large, TransportClosedError where the connection is closed.
   */
  publish(address: string, data: string | Uint8Array, reply?: string): void;
  /** Listens at an address, or a pattern, until the returned function is called; members of one `queue` share the messages. */
  listen(
    address: string,
    queue: string | undefined,
    receive: (message: RawMessage) => void,
    refused: (error: unknown) => void,
  ): () => void;
}

/** What has a raw wire below its events: the transports of memory and of core NATS. Sessions travel on it. */
export interface Wired {
  readonly wire: RawWire;
}
