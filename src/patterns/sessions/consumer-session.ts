import type { Observable, Subscriber } from 'rxjs';
import { NoRespondersError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import type { RawMessage } from '../../core/raw-wire.ts';
import type { ValueCodec } from '../../core/value-codec.ts';
import { attempt } from './attempt.ts';
import { closeCodes } from './close-codes.ts';
import { drive } from './drive.ts';
import { closeErrorOf, SessionCloseError } from './errors.ts';
import { decodeFrame, encodeCancel, encodeClose, encodeCredit, encodeData, encodeOpen, type Frame } from './frames.ts';
import { type Heartbeat, patienceOf } from './heartbeat-options.ts';
import type { Hub, Watched } from './hub.ts';
import type { Endpoint } from './inbox.ts';
import { type Inflow, ReceivingFlow } from './inflow.ts';
import { type Outflow, SendingFlow, type SessionOverflow } from './outflow.ts';

/** What the consumer's side of a channel sends. */
export interface Outgoing {
  readonly source: Observable<unknown>;
  readonly codec: ValueCodec<unknown>;
  readonly buffer: number;
  readonly overflow: SessionOverflow;
}

/** What a session is opened with. */
export interface ConsumerSettings<T> {
  readonly address: string;
  readonly body: Uint8Array;
  readonly codec: ValueCodec<T>;
  readonly window: number;
  readonly demand: Observable<number> | undefined;
  readonly heartbeat: Heartbeat;
  /** How long, in ms, the producer may take to open it; undefined for one that does not say when it has. */
  readonly openTimeout: number | undefined;
  readonly offset: number;
  readonly outgoing: Outgoing | undefined;
}

/** More than anybody sends, and less than what no number can hold. */
const EVERYTHING = 2 ** 40;

/** The consumer's side of one session. A class, as there may be tens of thousands. */
export class ConsumerSession<T> implements Endpoint, Watched {
  readonly hub: Hub;
  readonly settings: ConsumerSettings<T>;
  readonly subscriber: Subscriber<T>;
  readonly token: string;
  readonly #inflow: Inflow;
  wanted = true;
  patience: number;
  heard = true;
  quiet = 0;
  lease = 0;
  deadline = 0;
  previous: Watched | undefined = undefined;
  next: Watched | undefined = undefined;
  /** Where what this side says goes; undefined until the producer has opened its side, and with one that does not say. */
  #control: string | undefined = undefined;
  #opening = true;
  /** Whether the producer has ended it, or is gone: there is nobody to tell. */
  #ended = false;
  /** The credit that it was opened with. */
  #asked = 0;
  /** What the producer is told when this side ends it. */
  #reason: SessionCloseError | undefined = undefined;
  #outflow: Outflow<unknown> | undefined = undefined;

  constructor(hub: Hub, settings: ConsumerSettings<T>, subscriber: Subscriber<T>) {
    const { offset, codec, openTimeout, heartbeat, demand } = settings;
    this.hub = hub;
    this.settings = settings;
    this.subscriber = subscriber;
    this.patience = openTimeout ?? patienceOf(heartbeat);
    this.#inflow = new ReceivingFlow<T>({
      codec,
      offset,
      window: demand === undefined ? settings.window : 0,
      automatic: demand === undefined,
      next: (value) => subscriber.next(value),
      grant: (upTo) => this.#say(encodeCredit(upTo)),
    });
    this.token = hub.open(this);
    hub.watch(this.token, this);
  }

  get granted(): number {
    return this.#inflow.granted;
  }

  /** The number of the last value that has come. */
  get received(): number {
    return this.#inflow.received;
  }

  /** Asks for the session. */
  start(): void {
    const { hub, token, settings, subscriber } = this;
    const { address, body, offset, openTimeout, demand, outgoing } = settings;
    if (demand !== undefined) {
      const wanted = demand.subscribe({
        next: (count) => this.#want(count),
        error: (error: unknown) => this.#fail(error),
      });
      subscriber.add(wanted);
    }
    this.#asked = this.granted;
    const frame = encodeOpen({
      consumer: hub.prefix,
      stream: token,
      heartbeats: hub.heartbeatAddress,
      body,
      credit: openTimeout === undefined ? undefined : this.granted,
      offset,
      channel: outgoing !== undefined,
    });
    try {
      hub.wire.publish(address, frame, hub.prefix + token);
    } catch (error) {
      this.#finish(error); // nobody has heard of it
    }
  }

  take(message: RawMessage): void {
    this.heard = true;
    if (message.unheard) return this.#finish(new NoRespondersError(this.settings.address));
    try {
      this.#receive(decodeFrame(message.data));
    } catch (error) {
      this.#fail(closeErrorOf(error, closeCodes.unsupportedData));
    }
  }

  refused(error: unknown): void {
    this.#finish(error);
  }

  sentBy(count: number): void {
    try {
      this.#inflow.check(count);
    } catch (error) {
      this.#fail(error);
    }
  }

  lost(): void {
    const { address, openTimeout } = this.settings;
    if (!this.wanted) return this.#release();
    if (this.#opening && openTimeout !== undefined) return this.#fail(new RequestTimeoutError(address, openTimeout));
    this.#finish(new SessionCloseError(closeCodes.abnormal, `the producer was silent for ${this.patience} ms`));
  }

  /** The transport is drained. */
  drained(): void {
    this.#fail(new TransportClosedError(this.hub.wire.life.name));
  }

  /** Nobody wants it any more, for whatever reason: the producer is told, if it has not ended it itself. */
  unsubscribe(): void {
    if (!this.wanted) return;
    this.wanted = false;
    this.#outflow?.stop();
    if (this.#ended) return this.#release();
    if (this.#control !== undefined) {
      this.#cancel(this.#control);
      return this.#release();
    }
    // Where it is not open yet, it is cancelled when it is. A producer that does not say so learns it from its next beat.
    if (!this.#opening || this.settings.openTimeout === undefined) this.#release();
  }

  #want(count: number): void {
    if (count >= 0) this.#inflow.consume(Math.min(count, EVERYTHING));
    else this.#fail(new RangeError(`'demand' must emit numbers of at least 0, not ${count}`));
  }

  #receive(frame: Frame): void {
    if (frame.kind === 'accept') return this.#accepted(frame);
    if (!this.wanted) return frame.kind === 'close' ? this.#release() : undefined;
    if (this.#opening) this.#open(patienceOf(this.settings.heartbeat));
    switch (frame.kind) {
      case 'data':
        return this.#inflow.receive(frame.data, frame.seq);
      case 'close':
        if (frame.code !== closeCodes.normal) return this.#finish(new SessionCloseError(frame.code, frame.text));
        this.#inflow.check(frame.seq ?? 0);
        return this.#finish(undefined);
      case 'credit':
        return this.#outflow?.grant(frame.upTo);
      default:
    }
  }

  #accepted({ control, interval, credit }: Extract<Frame, { kind: 'accept' }>): void {
    if (!this.wanted) {
      this.#cancel(control);
      return this.#release();
    }
    // Another one has opened it, too: it is served once.
    if (this.#control !== undefined) return this.#control === control ? undefined : this.#cancel(control);
    this.#control = control;
    this.#open(patienceOf({ ...this.settings.heartbeat, interval }));
    if (this.granted !== this.#asked) this.#say(encodeCredit(this.granted));
    this.#send(credit);
  }

  #open(patience: number): void {
    this.#opening = false;
    this.patience = patience;
    this.quiet = 0;
    this.hub.watch(this.token, this);
  }

  /** Begins to send what the consumer has to say. */
  #send(granted: number): void {
    const { outgoing } = this.settings;
    if (outgoing === undefined) return;
    const { source, codec, buffer, overflow } = outgoing;
    const carrier = {
      value: (data: Uint8Array, seq: number) => this.#publish(encodeData(data, seq)),
      close: (code: number, text: string, seq: number) => this.#publish(encodeClose(code, text, seq)),
    };
    const ended = (error: SessionCloseError | undefined) => {
      if (error !== undefined) this.#fail(error.cause ?? error);
    };
    const outflow = new SendingFlow({ carrier, codec, offset: 0, granted, buffer, overflow, ended });
    this.#outflow = outflow;
    this.subscriber.add(drive(source, outflow, this.hub.wire.life.scheduler));
  }

  #say(frame: string): void {
    if (this.wanted && this.#control !== undefined) attempt(this.hub.wire, () => this.#publish(frame));
  }

  #publish(frame: string): void {
    if (this.#control !== undefined) this.hub.wire.publish(this.#control, frame);
  }

  #cancel(control: string): void {
    const { closeCode = closeCodes.goingAway, text = '' } = this.#reason ?? {};
    attempt(this.hub.wire, () => this.hub.wire.publish(control, encodeCancel(closeCode, text)));
  }

  /** This side cannot go on. */
  #fail(error: unknown): void {
    this.#reason = closeErrorOf(error, closeCodes.goingAway);
    this.subscriber.error(error);
  }

  /** The other side has ended it, or is gone. */
  #finish(error: unknown): void {
    this.#ended = true;
    if (error === undefined) this.subscriber.complete();
    else this.subscriber.error(error);
    if (!this.wanted) this.#release();
  }

  #release(): void {
    this.hub.unwatch(this.token, this);
    this.hub.close(this.token);
  }
}
