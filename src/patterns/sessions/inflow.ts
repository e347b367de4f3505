import { DecodeError } from '../../core/errors.ts';
import type { ValueCodec } from '../../core/value-codec.ts';
import { closeCodes } from './close-codes.ts';
import { SessionCloseError } from './errors.ts';

export interface InflowOptions<T> {
  readonly codec: ValueCodec<T>;
  /** The number of the last value that was received before. */
  readonly offset: number;
  /** How many values may be on their way, or here and not consumed. */
  readonly window: number;
  /** Whether a value is consumed when `next` returns, and not when somebody says so. */
  readonly automatic: boolean;
  next(value: T): void;
  /** More values may come: up to this number. May throw. */
  grant(upTo: number): void;
}

/** The values that one side receives, in order and without gaps, and how many more it wants. */
export interface Inflow {
  /** The number of the last value that came. */
  readonly received: number;
  /** Up to which number values may come. */
  readonly granted: number;
  /** @throws SessionCloseError for one that is missing, or cannot be read. */
  receive(data: Uint8Array, seq: number | undefined): void;
  /** So many more values were consumed, or are wanted. */
  consume(count: number): void;
  /** So many values were sent by now. @throws SessionCloseError where some have not come. */
  check(sent: number): void;
}

/** @throws RangeError */
export function checkWindow(window: number): void {
  if (!(Number.isSafeInteger(window) && window >= 1))
    throw new RangeError(`'window' must be a whole number of at least 1, not ${window}`);
}

/** A class, as there is one for each session. */
export class ReceivingFlow<T> implements Inflow {
  received: number;
  granted: number;
  readonly #options: InflowOptions<T>;
  /** What was consumed, and not yet granted anew. */
  #consumed = 0;

  constructor(options: InflowOptions<T>) {
    this.#options = options;
    this.received = options.offset;
    this.granted = options.offset + options.window;
  }

  receive(data: Uint8Array, seq: number | undefined): void {
    const { codec, next, automatic } = this.#options;
    const number = seq ?? this.received + 1;
    if (number <= this.received) return; // it has come before
    if (number > this.received + 1) throw missing(this.received, number - 1);
    if (seq !== undefined && number > this.granted)
      throw new SessionCloseError(
        closeCodes.protocolError,
        `value ${number} was sent, and ${this.granted} were wanted`,
      );
    let value: T;
    try {
      value = codec.decode(data);
    } catch (error) {
      const cause = new DecodeError('the value is not what the codec of the session reads', data, { cause: error });
      throw new SessionCloseError(closeCodes.unsupportedData, cause.message, { cause });
    }
    this.received = number;
    next(value);
    if (automatic) this.consume(1);
  }

  consume(count: number): void {
    this.#consumed += count;
    if (this.#consumed * 2 < this.#options.window) return;
    this.granted += this.#consumed;
    this.#consumed = 0;
    this.#options.grant(this.granted);
  }

  check(sent: number): void {
    if (sent > this.received) throw missing(this.received, sent);
  }
}

function missing(received: number, last: number): SessionCloseError {
  const which = last === received + 1 ? `value ${last} was` : `values ${received + 1} to ${last} were`;
  return new SessionCloseError(closeCodes.abnormal, `${which} lost on the way`);
}
