import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import { macrotask } from '../core/macrotask.ts';
import { type Entry, timetable } from './timetable.ts';

/** Options for {@link virtualTime}. */
export interface VirtualTimeOptions {
  /** What the clock shows at first, in milliseconds since the epoch. @defaultValue `0` */
  readonly start?: number;
  /** The largest number of actions at one point of time: beyond it, time is taken to stand still. @defaultValue `1_000_000` */
  readonly limit?: number;
}

/** Options for {@link VirtualTime.flush}. */
export interface FlushOptions {
  /** The largest number of actions to run. @defaultValue `100_000` */
  readonly limit?: number;
}

/**
 * A clock that moves only when it is told to, and a scheduler on it.
 *
 * `advanceBy`, `advanceTo` and `flush` run what is due in order of time, and at one time in order of scheduling. Before
 * the first point of time, and after each, they let promises settle; what those schedule within the horizon runs too, at
 * its own time. Calls made while another is under way wait for it. When an action throws, the promise rejects with its
 * error, the clock stays where it happened, and the next call goes on with what is left.
 */
export interface VirtualTime extends SchedulerLike {
  /** The number of actions that are scheduled. */
  readonly pending: number;
  /** Moves the clock by `duration` ms. `0` runs what is due now and lets promises settle. */
  advanceBy(duration: number): Promise<void>;
  /** Moves the clock to `time`, in milliseconds since the epoch. Rejects with a `RangeError` if that is past. */
  advanceTo(time: number): Promise<void>;
  /**
   * Moves the clock until nothing is scheduled. Rejects with a `RangeError` that names what still is after `limit`
   * actions, for a heartbeat never ends.
   */
  flush(options?: FlushOptions): Promise<void>;
}

const SETTLED = /* @__PURE__ */ Promise.resolve();

type Work<T> = (this: SchedulerAction<T>, state?: T) => void;

interface Agenda {
  add(delay: number, action: Action): Entry<Action>;
  cancel(entry: Entry<Action>): void;
}

interface Action extends Subscription {
  readonly label: string;
  run(): void;
}

/** A class because there are hundreds of thousands of them: a `Subscription` with closures costs three times as much. */
class VirtualAction<T> extends Subscription implements SchedulerAction<T>, Action {
  readonly #agenda: Agenda;
  readonly #work: Work<T>;
  #entry: Entry<Action> | undefined;
  #state: T | undefined;

  constructor(agenda: Agenda, work: Work<T>) {
    super();
    this.#agenda = agenda;
    this.#work = work;
  }

  get label(): string {
    return this.#work.name || 'anonymous';
  }

  schedule(state?: T, delay = 0): this {
    if (this.closed) return this;
    if (this.#entry !== undefined) this.#agenda.cancel(this.#entry);
    this.#state = state;
    this.#entry = this.#agenda.add(delay, this);
    return this;
  }

  run(): void {
    try {
      this.#work.call(this, this.#state);
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  }

  override unsubscribe(): void {
    if (this.closed) return;
    if (this.#entry !== undefined) this.#agenda.cancel(this.#entry);
    this.#entry = undefined;
    super.unsubscribe();
  }
}

/**
 * Makes a virtual clock, for tests of code that takes a `scheduler`.
 *
 * Unlike RxJS's `TestScheduler` it lets promises settle as time goes by, so that `async` handlers work. Only what goes
 * through it is virtual: `setTimeout`, `Date.now()` and `AbortSignal.timeout` are not.
 *
 * @example
 * ```ts
 * const time = virtualTime();
 * const broker = memoryBroker({ scheduler: time });
 * // …
 * await time.advanceBy(30_000);
 * ```
 */
export function virtualTime(options: VirtualTimeOptions = {}): VirtualTime {
  const { start = 0, limit: standstill = 1_000_000 } = options;
  const actions = timetable<Action>();
  let now = start;
  let lastCall: Promise<unknown> = Promise.resolve();

  const agenda: Agenda = {
    add: (delay, action) => actions.add(now + (Math.max(delay, 0) || 0), action),
    cancel: actions.cancel,
  };

  /** Runs what is due at the next point of time, including what that schedules for the same one. Returns how many. */
  function runNext(): number {
    const first = actions.peek();
    if (first === undefined) return 0;
    now = Math.max(now, first.due);
    let count = 0;
    for (let next = actions.peek(); next !== undefined && next.due <= now; next = actions.peek()) {
      if (++count > standstill) throw tooMany(`Time stands still at ${now}: ${standstill} actions ran at it`);
      actions.take();
      next.item.run();
    }
    return count;
  }

  function tooMany(what: string): RangeError {
    const left = actions.list();
    const shown = left.slice(0, 5).map(({ due, item }) => `'${item.label}' in ${due - now} ms`);
    if (left.length > shown.length) shown.push(`${left.length - shown.length} more`);
    return new RangeError(`${what}; still scheduled: ${shown.join(', ')}`);
  }

  /** Runs what is due until `horizon`, one point of time per macrotask. Does not touch the clock beyond the last one. */
  function runUntil(horizon: number, limit: number): Promise<void> {
    let budget = limit;
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          const next = actions.peek();
          if (next === undefined || next.due > horizon) return resolve();
          if (budget <= 0) throw tooMany(`Ran ${limit} actions until ${now}`);
          budget -= runNext();
        } catch (error) {
          return reject(error);
        }
        macrotask(soon);
      };
      // A step is a microtask of its own: there V8 makes no message of an error that a handler throws and we catch.
      const soon = () => void SETTLED.then(step);
      macrotask(soon);
    });
  }

  function inTurn(call: () => Promise<void>): Promise<void> {
    const result = lastCall.then(call);
    lastCall = result.catch(() => undefined); // its caller has the error; the next call only waits
    return result;
  }

  async function moveTo(time: number): Promise<void> {
    if (!(time >= now && time < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`Time cannot move from ${now} to ${time}`);
    }
    await runUntil(time, Number.POSITIVE_INFINITY);
    now = time;
  }

  return {
    get pending() {
      return actions.size;
    },
    now: () => now,
    schedule: <T>(work: Work<T>, delay = 0, state?: T) => new VirtualAction(agenda, work).schedule(state, delay),
    advanceBy: (duration) => inTurn(() => moveTo(now + duration)),
    advanceTo: (time) => inTurn(() => moveTo(time)),
    flush: ({ limit = 100_000 } = {}) => inTurn(() => runUntil(Number.MAX_VALUE, limit)),
  };
}
