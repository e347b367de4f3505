import { BufferOverflowError } from '../../core/errors.ts';
import { type Fifo, fifo } from '../../core/fifo.ts';
import type { ValueCodec } from '../../core/value-codec.ts';
import { closeCodes } from './close-codes.ts';
import { closeErrorOf, type SessionCloseError } from './errors.ts';

/** What is done with a value that there is no room for: the other side has not asked for it, and the buffer is full. */
export type SessionOverflow = 'error' | 'drop-oldest' | 'drop-newest' | 'latest';

/** Sends what comes of a flow; may throw. */
export interface Carrier {
  value(data: Uint8Array, seq: number): void;
  /** The end; `seq` is the number of the last value. */
  close(code: number, text: string, seq: number): void;
}

export interface OutflowOptions<T> {
  readonly carrier: Carrier;
  readonly codec: ValueCodec<T>;
  /** The number of the last value that the other side has already. */
  readonly offset: number;
  readonly granted: number;
  readonly buffer: number;
  readonly overflow: SessionOverflow;
  /** The end was sent, or could not be: nothing follows. `error` is undefined for a normal end. */
  readonly ended: (error: SessionCloseError | undefined) => void;
}

/** The values that one side sends: no more than the other one has asked for, and what waits for that is bounded. */
export interface Outflow<T> {
  /** The number of the last value that was sent. */
  readonly sent: number;
  readonly granted: number;
  readonly dropped: number;
  /** How many values are wanted right now. */
  readonly demand: number;
  /** Called when values are wanted again. */
  onDemand: (() => void) | undefined;
  push(value: T): void;
  /** Values up to this number may be sent. What is less than before changes nothing. */
  grant(upTo: number): void;
  /** Sends what waits, as far as it is wanted, and then the end. Later ends change nothing. */
  end(error: SessionCloseError | undefined): void;
  /** Sends the end at once, and nothing of what waits. */
  abort(error: SessionCloseError): void;
  /** Sends nothing more, not even the end. */
  stop(): void;
}

/** A class, as there is one for each session. */
export class SendingFlow<T> implements Outflow<T> {
  sent: number;
  granted: number;
  dropped = 0;
  onDemand: (() => void) | undefined = undefined;
  readonly #options: OutflowOptions<T>;
  /** Made when something has to wait for the first time. */
  #waiting: Fifo<T> | undefined;
  #end: { readonly error: SessionCloseError | undefined } | undefined;
  #over = false;

  constructor(options: OutflowOptions<T>) {
    this.#options = options;
    this.sent = options.offset;
    this.granted = options.granted;
  }

  get demand(): number {
    if (this.#over || this.#end !== undefined) return 0;
    return Math.max(0, this.granted - this.sent - (this.#waiting?.size ?? 0));
  }

  push(value: T): void {
    if (this.#over || this.#end !== undefined) return;
    if (this.sent < this.granted && !this.#waiting?.size) return this.#send(value);
    const { buffer, overflow } = this.#options;
    this.#waiting ??= fifo();
    const waiting = this.#waiting;
    const limit = overflow === 'latest' ? 1 : buffer;
    if (waiting.size < limit) return waiting.push(value);
    if (overflow === 'error') {
      const cause = new BufferOverflowError('What waits for the consumer of a session', limit);
      return this.abort(closeErrorOf(cause, closeCodes.internal));
    }
    this.dropped += 1;
    if (overflow === 'drop-newest' || limit === 0) return;
    waiting.shift();
    waiting.push(value);
  }

  grant(upTo: number): void {
    if (this.#over || upTo <= this.granted) return;
    this.granted = upTo;
    this.#flush();
  }

  end(error: SessionCloseError | undefined): void {
    if (this.#over || this.#end !== undefined) return;
    this.#end = { error };
    this.#flush();
  }

  abort(error: SessionCloseError): void {
    this.#waiting = undefined;
    this.#close(error);
  }

  stop(): void {
    this.#over = true;
    this.#waiting = undefined;
    this.onDemand = undefined;
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      while (waiting.size > 0 && this.sent < this.granted && !this.#over) this.#send(waiting.shift() as T);
      if (waiting.size > 0) return;
    }
    if (this.#over) return;
    if (this.#end !== undefined) return this.#close(this.#end.error);
    if (this.sent < this.granted) this.onDemand?.();
  }

  #send(value: T): void {
    const { carrier, codec } = this.#options;
    try {
      const data = codec.encode(value);
      carrier.value(data, this.sent + 1);
      this.sent += 1;
    } catch (error) {
      this.abort(closeErrorOf(error, closeCodes.internal));
    }
  }

  #close(error: SessionCloseError | undefined): void {
    if (this.#over) return;
    this.stop();
    const { carrier, ended } = this.#options;
    try {
      carrier.close(error?.closeCode ?? closeCodes.normal, error?.text ?? '', this.sent);
    } finally {
      ended(error);
    }
  }
}
