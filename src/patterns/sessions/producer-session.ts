import type { Observable, ObservableInput, Subscription } from 'rxjs';
import type { RawMessage } from '../../core/raw-wire.ts';
import type { ValueCodec } from '../../core/value-codec.ts';
import { attempt } from './attempt.ts';
import { closeCodes } from './close-codes.ts';
import { drive } from './drive.ts';
import { closeErrorOf, SessionCloseError } from './errors.ts';
import {
  decodeFrame,
  encodeAccept,
  encodeClose,
  encodeCredit,
  encodeData,
  type Frame,
  type OpenFrame,
} from './frames.ts';
import type { Heartbeat } from './heartbeat-options.ts';
import type { Hub } from './hub.ts';
import type { Endpoint } from './inbox.ts';
import { Incoming } from './incoming.ts';
import { type Inflow, ReceivingFlow } from './inflow.ts';
import { type Carrier, type Outflow, SendingFlow, type SessionOverflow } from './outflow.ts';
import type { Peer, Peers, Served } from './peers.ts';

/** A session as its handler has it. */
export interface ServedSession<I = unknown> {
  /** Which one it is: no other one has that id. */
  readonly id: string;
  /** Where it was asked for. */
  readonly address: string;
  /** Tells one client from another. */
  readonly consumer: string;
  /** How many values the consumer has had already: go on with what comes after them. 0, unless it resumes. */
  readonly offset: number;
  /** Aborted when the session is over. */
  readonly signal: AbortSignal;
  /**
   * What the consumer sends, if it has opened a channel: completes when it has sent all. For one subscriber; fails with
   * `SessionCloseError` where the session ends before that.
   */
  readonly incoming$: Observable<I>;
}

/** Produces a session's values. */
export type SessionHandler<R = unknown, T = unknown, I = unknown> = {
  // A method, so that a handler may name the types of what it gets.
  produce(request: R, session: ServedSession<I>): ObservableInput<T> | T | undefined | void;
}['produce'];

/** How a session ended at its producer. */
export interface SessionEnd {
  /**
   * `completed`: all was sent. `failed`: the handler did, or a value could not be sent. `cancelled`: by the consumer.
   * `lost`: the consumer is gone. `refused`: the handler never ran. `stopped`: this side was drained or unsubscribed.
   */
  readonly kind: 'completed' | 'failed' | 'cancelled' | 'lost' | 'refused' | 'stopped';
  readonly id: string;
  readonly address: string;
  readonly consumer: string;
  /** How many values were sent, and dropped as there was no room for them. */
  readonly sent: number;
  readonly dropped: number;
  readonly closeCode: number;
  readonly text: string;
  /** What it failed with. */
  readonly error?: unknown;
}

/** What the sessions of one `serveSessions` share. */
export interface ProducerSettings {
  readonly hub: Hub;
  readonly peers: Peers;
  readonly heartbeat: Heartbeat;
  readonly handler: SessionHandler;
  readonly codec: ValueCodec<unknown>;
  readonly incomingCodec: ValueCodec<unknown>;
  readonly window: number;
  readonly buffer: number;
  readonly overflow: SessionOverflow;
  readonly ended: (session: ProducerSession, end: SessionEnd) => void;
}

/** The producer's side of one session. A class, as there may be tens of thousands. */
export class ProducerSession implements Endpoint, Served, Carrier, ServedSession {
  readonly id: string;
  readonly stream: string;
  readonly address: string;
  readonly consumer: string;
  readonly offset: number;
  readonly openedAt: number;
  readonly counts: boolean;
  readonly #settings: ProducerSettings;
  readonly #inbox: string;
  readonly #outflow: Outflow<unknown>;
  #peer: Peer | undefined = undefined;
  #control: string | undefined = undefined;
  #source: Subscription | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #incoming: Incoming<unknown> | undefined = undefined;
  #inflow: Inflow | undefined = undefined;
  #told: number;
  #stopping = false;
  #over: SessionCloseError | undefined = undefined;

  constructor(settings: ProducerSettings, frame: OpenFrame, address: string, inbox: string) {
    const { hub, codec, buffer, overflow } = settings;
    const { stream, consumer, credit, offset, channel } = frame;
    this.id = consumer + stream;
    this.stream = stream;
    this.address = address;
    this.consumer = consumer;
    this.offset = offset;
    this.openedAt = hub.wire.life.scheduler.now();
    this.counts = credit !== undefined;
    this.#settings = settings;
    this.#inbox = inbox;
    this.#told = offset;
    this.#outflow = new SendingFlow({
      carrier: this,
      codec,
      offset,
      granted: credit ?? Number.POSITIVE_INFINITY,
      buffer,
      overflow,
      ended: (error) => this.#sentAll(error),
    });
    if (channel) this.#receiveValues();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#over !== undefined) this.#controller.abort(this.#over);
    }
    return this.#controller.signal;
  }

  get incoming$(): Observable<unknown> {
    if (this.#incoming === undefined) {
      this.#incoming = new Incoming(() => undefined);
      this.#incoming.end(undefined); // it is no channel
    }
    return this.#incoming.values$;
  }

  /** Runs the handler; false where the consumer has such a session already. */
  start(request: unknown, heartbeats: string): boolean {
    const { hub, peers, heartbeat, handler, window } = this.#settings;
    this.#peer = peers.add(this.consumer, heartbeats, this);
    if (this.#peer === undefined) return false;
    try {
      if (this.counts) {
        this.#control = hub.open(this);
        const credit = this.#inflow === undefined ? 0 : window;
        this.#publish(encodeAccept(hub.prefix + this.#control, heartbeat.interval, credit));
      }
      const source = drive(handler(request, this), this.#outflow, hub.wire.life.scheduler);
      if (this.#over !== undefined || this.#stopping) source.unsubscribe();
      else this.#source = source;
    } catch (error) {
      this.#outflow.end(closeErrorOf(error, closeCodes.internal));
    }
    return true;
  }

  take(message: RawMessage): void {
    if (message.unheard || this.#over !== undefined) return;
    if (this.#peer !== undefined) this.#settings.peers.hear(this.#peer);
    try {
      this.#receive(decodeFrame(message.data));
    } catch (error) {
      this.#outflow.abort(closeErrorOf(error, closeCodes.unsupportedData));
    }
  }

  refused(error: unknown): void {
    this.#outflow.abort(closeErrorOf(error, closeCodes.internal));
  }

  takeSent(): number | undefined {
    const { sent } = this.#outflow;
    if (sent === this.#told) return undefined;
    this.#told = sent;
    return sent;
  }

  grant(upTo: number): void {
    this.#outflow.grant(upTo);
  }

  lost(text: string): void {
    this.#finish('lost', new SessionCloseError(closeCodes.abnormal, text));
  }

  /** Produces nothing more; what is on its way is sent, as far as it is wanted. */
  stop(reason: SessionCloseError): void {
    this.#stopping = true;
    this.#source?.unsubscribe();
    this.#outflow.end(reason);
  }

  /** Ends it at once. */
  abort(reason: SessionCloseError): void {
    this.#stopping = true;
    this.#outflow.abort(reason);
  }

  value(data: Uint8Array, seq: number): void {
    this.#publish(encodeData(data, this.counts ? seq : undefined));
  }

  close(code: number, text: string, seq: number): void {
    attempt(this.#settings.hub.wire, () => this.#publish(encodeClose(code, text, this.counts ? seq : undefined)));
  }

  #publish(frame: string): void {
    this.#settings.hub.wire.publish(this.#inbox, frame);
  }

  #receiveValues(): void {
    const { window, incomingCodec: codec, hub } = this.#settings;
    const incoming = new Incoming<unknown>(() => inflow.consume(1));
    const inflow = new ReceivingFlow<unknown>({
      codec,
      offset: 0,
      window,
      automatic: false,
      next: (value) => incoming.next(value),
      grant: (upTo) => attempt(hub.wire, () => this.#over === undefined && this.#publish(encodeCredit(upTo))),
    });
    this.#incoming = incoming;
    this.#inflow = inflow;
  }

  #receive(frame: Frame): void {
    switch (frame.kind) {
      case 'credit':
        return this.#outflow.grant(frame.upTo);
      case 'cancel':
        return this.#finish('cancelled', new SessionCloseError(frame.code, frame.text));
      case 'data':
        return this.#inflow?.receive(frame.data, frame.seq);
      case 'close': {
        this.#inflow?.check(frame.seq ?? 0);
        const normal = frame.code === closeCodes.normal;
        return this.#incoming?.end(normal ? undefined : new SessionCloseError(frame.code, frame.text));
      }
      default:
    }
  }

  #sentAll(error: SessionCloseError | undefined): void {
    const kind = error === undefined ? 'completed' : this.#stopping ? 'stopped' : 'failed';
    this.#finish(kind, error ?? new SessionCloseError(closeCodes.normal));
  }

  #finish(kind: SessionEnd['kind'], reason: SessionCloseError): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    const { hub, peers, ended } = this.#settings;
    const { sent, dropped } = this.#outflow;
    this.#outflow.stop();
    this.#source?.unsubscribe();
    this.#controller?.abort(reason);
    this.#incoming?.end(reason);
    if (this.#control !== undefined) hub.close(this.#control);
    if (this.#peer !== undefined) peers.remove(this.#peer, this);
    const { id, address, consumer, offset } = this;
    const failure = kind === 'failed' ? { error: reason.cause ?? reason } : {};
    const { closeCode, text } = reason;
    ended(this, { kind, id, address, consumer, sent: sent - offset, dropped, closeCode, text, ...failure });
  }
}
