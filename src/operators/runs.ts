import type { Unsubscribable } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { MillraceError } from '../core/errors.ts';
import type { Timed } from './timeouts.ts';

/** A handler's run that takes time. */
export interface Run<T> extends Timed {
  readonly delivery: Delivery<T>;
  /** Gives a shared limiter its slot back. */
  readonly release: (() => void) | undefined;
  done: boolean;
  /** What stops it; absent where nothing can, as with a promise. */
  work: Unsubscribable | undefined;
  /** Its place among those that run. */
  index: number;
}

/** The runs that are going on. */
export interface Runs<T> {
  begin(delivery: Delivery<T>, release: (() => void) | undefined): Run<T>;
  end(run: Run<T>): void;
  /** Ends it, and hands its delivery back: nobody is left to settle it. */
  giveBack(run: Run<T>): void;
  /** Stops it and hands its delivery back: at once, or a promise's when it settles. Does nothing where it has ended. */
  abandon(run: Run<T>): void;
  /** Those that go on now, in no order. */
  all(): readonly Run<T>[];
}

/** Makes an empty set of runs. An array: a set that churns is garbage that lives long. */
export function runs<T>(): Runs<T> {
  const running: Run<T>[] = [];

  function end(run: Run<T>): void {
    run.done = true;
    const last = running.pop();
    if (last === undefined || last === run) return;
    running[run.index] = last;
    last.index = run.index;
  }

  function giveBack(run: Run<T>): void {
    end(run);
    run.release?.();
    run.delivery.nak(0);
  }

  return {
    begin(delivery, release) {
      const run: Run<T> = { delivery, release, deadline: 0, done: false, work: undefined, index: running.length };
      running.push(run);
      return run;
    },
    end,
    giveBack,
    abandon(run) {
      if (run.done) return; // stopping one may end another
      const { delivery, work } = run;
      delivery.abort(new MillraceError('UNSUBSCRIBED', 'The pipeline was unsubscribed while its handler ran'));
      if (run.done || work === undefined) return;
      run.done = true;
      try {
        work.unsubscribe();
      } finally {
        giveBack(run);
      }
    },
    all: () => [...running],
  };
}
