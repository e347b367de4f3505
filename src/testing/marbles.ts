import { filter, map, type Observable, type SchedulerLike } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import type { Outcome } from '../core/outcome.ts';
import {
  coldDeliveries,
  type FakeDeliveries,
  type FakeDeliveriesContext,
  type FakeDeliveriesOptions,
  type FakeDeliveryValues,
  hotDeliveries,
} from './fake-deliveries.ts';
import { assertFrames } from './frames.ts';
import { type Label, writeCall, writeOutcome } from './notation.ts';

/** Options for {@link marbles}. */
export interface MarblesOptions {
  /** The largest number of actions in virtual time: a pipeline that repeats for ever fails instead of hanging. @defaultValue `50_000` */
  readonly limit?: number;
}

/** Options for {@link MarblesHelpers.expectSettlements}. */
export interface ExpectSettlementsOptions {
  /** Calls to show beside the settlements: those that keep a lease, those that give a run up, those that changed nothing. @defaultValue none */
  readonly show?: readonly ('working' | 'abort' | 'refused')[];
}

/** Says what the diagram is. */
export interface DiagramExpectation {
  /** Compares with `marbles`, when time has run. `values` has the text of each character, `error` that of `#`. */
  toBe(marbles: string, values?: Readonly<Record<string, string>>, error?: unknown): void;
}

/** RxJS's own helpers, and those for deliveries. */
export interface MarblesHelpers extends RunHelpers {
  /** Virtual time, for whatever takes a `scheduler`. */
  readonly scheduler: SchedulerLike;
  /** Makes a hot source of fake deliveries: a character that comes again is a redelivery of the same event. */
  deliveries<T = unknown>(
    marbles: string,
    values?: FakeDeliveryValues<T>,
    options?: FakeDeliveriesOptions,
  ): FakeDeliveries<T>;
  /** Like `deliveries`, but runs its diagram, with new deliveries, for each subscriber. */
  coldDeliveries<T = unknown>(
    marbles: string,
    values?: FakeDeliveryValues<T>,
    options?: FakeDeliveriesOptions,
  ): FakeDeliveries<T>;
  /** Subscribes to outcomes, and compares them as text: a character that has none in `values` stands for `succeeded c`. */
  expectOutcomes<T, R>(outcomes: Observable<Outcome<T, R>>, subscription?: string | null): DiagramExpectation;
  /** Compares what was done to the deliveries of a source, as text: a character that has none in `values` stands for `c ack`. */
  expectSettlements<T>(source: FakeDeliveries<T>, options?: ExpectSettlementsOptions): DiagramExpectation;
}

/**
 * Makes a test that runs `body` in virtual time, with marbles for deliveries, their outcomes and their settlements.
 *
 * It is a plain function that throws an `AssertionError`, for any runner. `body` must be synchronous, and so must the
 * handlers in it, or use the scheduler: promises do not settle in the virtual time of RxJS. Use `virtualTime` for those.
 *
 * Outcomes read `succeeded a` (`succeeded a 5` and `succeeded a "x"` with a value, as JSON), `skipped a duplicate`,
 * `failed a boom`, `retry a 200`, `deadLettered a`. Settlements read `a ack`, `a nak 200`, `a term poison`, `a confirm`,
 * and `a lost` where the lease ran out; one after that is `a ack late`. `a working`, `a abort why` and `a nak 0 refused`
 * are shown when asked for.
 *
 * @example
 * ```ts
 * it(
 *   'hands a failure back, and goes on',
 *   marbles(({ deliveries, expectOutcomes, expectSettlements }) => {
 *     const source = deliveries('  -a-b-c', { b: { data: 'poison' } });
 *     const outcomes = '           -a-b-c';
 *     const settlements = '        -a-b-c';
 *
 *     const result = source.pipe(handle(refusePoison), redeliver(constant(200)), settle());
 *
 *     expectOutcomes(result).toBe(outcomes, { b: 'retry b 200' });
 *     expectSettlements(source).toBe(settlements, { b: 'b nak 200' });
 *   }),
 * );
 * ```
 */
export function marbles(body: (helpers: MarblesHelpers) => void, options: MarblesOptions = {}): () => void {
  const { limit = 50_000 } = options;

  return () => {
    const scheduler = new TestScheduler(assertFrames);
    boundActions(scheduler, limit);
    const result: unknown = scheduler.run((helpers) => body({ ...helpers, ...deliveryHelpers(helpers, scheduler) }));
    if (isThenable(result)) throw new TypeError('The body of marbles must be synchronous, but it returned a promise');
  };
}

function deliveryHelpers(
  { hot, cold, expectObservable }: RunHelpers,
  scheduler: SchedulerLike,
): Omit<MarblesHelpers, keyof RunHelpers> {
  const labels = new WeakMap<object, string>();
  const label: Label = ({ event }) => labels.get(event) ?? event.id; // operators may wrap a delivery, but keep its event
  const context: FakeDeliveriesContext = {
    hot,
    cold,
    scheduler,
    onMade: ({ event }, char) => labels.set(event, char),
  };

  return {
    scheduler,
    deliveries: (...args) => hotDeliveries(context, ...args),
    coldDeliveries: (...args) => coldDeliveries(context, ...args),

    expectOutcomes(outcomes, subscription) {
      const text = outcomes.pipe(map((outcome) => writeOutcome(outcome, label)));
      const expectation = expectObservable(text, subscription);
      return {
        toBe: (diagram, values, error) =>
          expectation.toBe(
            diagram,
            withDefaults(diagram, values, (char) => `succeeded ${char}`),
            error,
          ),
      };
    },

    expectSettlements(source, { show = [] } = {}) {
      const text = source.calls.pipe(
        filter(({ kind, accepted }) =>
          kind === 'working' || kind === 'abort' ? show.includes(kind) : accepted || show.includes('refused'),
        ),
        map((call) => writeCall(call, call.label)),
      );
      const expectation = expectObservable(text);
      return {
        toBe: (diagram, values, error) =>
          expectation.toBe(
            diagram,
            withDefaults(diagram, values, (char) => `${char} ack`),
            error,
          ),
      };
    },
  };
}

function withDefaults(
  diagram: string,
  values: Readonly<Record<string, string>> = {},
  write: (char: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...diagram].map((char) => [char, values[char] ?? write(char)]));
}

/** Makes virtual time end with an error after `limit` actions: each of them sets the frame. */
function boundActions(scheduler: TestScheduler, limit: number): void {
  let { frame } = scheduler;
  let count = 0;
  Object.defineProperty(scheduler, 'frame', {
    get: () => frame,
    set(next: number) {
      frame = next;
      if (++count > limit) throw new RangeError(endless(limit, next));
    },
  });
}

function endless(limit: number, frame: number): string {
  return `Virtual time did not end within ${limit} actions: at frame ${frame} there is more to come. Does something repeat for ever? Give it an unsubscription marble`;
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}
