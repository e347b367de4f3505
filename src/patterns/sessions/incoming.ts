import { Observable, type Subscriber } from 'rxjs';
import { type Fifo, fifo } from '../../core/fifo.ts';

/** Values that have come, for one who listens once: until then they are kept. */
export class Incoming<T> {
  readonly values$: Observable<T>;
  readonly #consumed: () => void;
  readonly #kept: Fifo<T> = fifo();
  #subscriber: Subscriber<T> | undefined;
  #handing = false;
  #end: { readonly error: unknown } | undefined;

  /** `consumed` is called for each value that somebody has had, or nobody will have. */
  constructor(consumed: () => void) {
    this.#consumed = consumed;
    this.values$ = new Observable((subscriber) => {
      if (this.#subscriber !== undefined) throw new TypeError('The values of a channel can be listened to once');
      this.#subscriber = subscriber;
      this.#hand();
    });
  }

  next(value: T): void {
    this.#kept.push(value);
    this.#hand();
  }

  /** Nothing more comes; `error` is undefined for a normal end. Later ends change nothing. */
  end(error: unknown): void {
    this.#end ??= { error };
    this.#hand();
  }

  /** Hands over what is kept, then the end. A value that is consumed may bring the next one. */
  #hand(): void {
    const subscriber = this.#subscriber;
    if (subscriber === undefined || this.#handing) return;
    this.#handing = true;
    while (this.#kept.size > 0) {
      subscriber.next(this.#kept.shift() as T);
      this.#consumed();
    }
    this.#handing = false;
    if (this.#end === undefined) return;
    if (this.#end.error === undefined) subscriber.complete();
    else subscriber.error(this.#end.error);
  }
}
