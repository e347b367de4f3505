import { map, type Observable, ReplaySubject, type SchedulerLike } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import type { Delivery, SubscriptionInfo } from '../core/delivery.ts';
import {
  type FakeCall,
  type FakeDelivery,
  type FakeDeliveryInit,
  fakeDelivery,
  fakeSubscription,
} from './fake-delivery.ts';

/** What each character of a diagram delivers. */
export type FakeDeliveryValues<T = unknown> = Readonly<Record<string, FakeDeliveryInit<T>>>;

/** Options for `deliveries` and `coldDeliveries` of {@link marbles}. */
export interface FakeDeliveriesOptions {
  /** What all deliveries of the source share, such as its `lease`. @defaultValue prefetch `100` */
  readonly subscription?: Partial<SubscriptionInfo>;
  /** What the source fails with at `#`. @defaultValue `'error'` */
  readonly error?: unknown;
}

/** A {@link FakeCall}, with the character of its delivery. */
export interface LabelledCall extends FakeCall {
  readonly label: string;
}

/** A source of fake deliveries. */
export interface FakeDeliveries<T = unknown> extends Observable<Delivery<T>> {
  /** When it was subscribed to, for `expectSubscriptions`. */
  readonly subscriptions: ReturnType<RunHelpers['hot']>['subscriptions'];
  /** What it has delivered so far. */
  readonly delivered: readonly FakeDelivery<T>[];
  /** What was done to its deliveries, from the first on. */
  readonly calls: Observable<LabelledCall>;
}

/** One character of a diagram. */
interface Occurrence {
  readonly char: string;
}

interface Factory<T> {
  readonly delivered: FakeDelivery<T>[];
  readonly calls: Observable<LabelledCall>;
  make(occurrence: Occurrence): FakeDelivery<T>;
}

/** What a source is made with. */
export interface FakeDeliveriesContext extends Pick<RunHelpers, 'hot' | 'cold'> {
  readonly scheduler: SchedulerLike;
  /** Is told of each delivery that is made, and its character. */
  readonly onMade: (delivery: Delivery, char: string) => void;
}

/** Makes a source that delivers each character once, at its frame, to all that listen then. */
export function hotDeliveries<T>(
  context: FakeDeliveriesContext,
  marbles: string,
  values: FakeDeliveryValues<T> = {},
  options: FakeDeliveriesOptions = {},
): FakeDeliveries<T> {
  const { make, delivered, calls } = factory(context, values, options);
  const source = context.hot(marbles, occurrences(), options.error);
  const made = new Map<Occurrence, FakeDelivery<T>>();

  function once(occurrence: Occurrence): FakeDelivery<T> {
    const delivery = made.get(occurrence) ?? make(occurrence);
    made.set(occurrence, delivery);
    return delivery;
  }

  return Object.assign(source.pipe(map(once)), { subscriptions: source.subscriptions, delivered, calls });
}

/** Makes a source that runs its diagram for each subscriber, with deliveries of its own: a broker that delivers again. */
export function coldDeliveries<T>(
  context: FakeDeliveriesContext,
  marbles: string,
  values: FakeDeliveryValues<T> = {},
  options: FakeDeliveriesOptions = {},
): FakeDeliveries<T> {
  const { make, delivered, calls } = factory(context, values, options);
  const source = context.cold(marbles, occurrences(), options.error);

  return Object.assign(source.pipe(map(make)), { subscriptions: source.subscriptions, delivered, calls });
}

/** Values for a diagram that tell one occurrence of a character from the next. */
function occurrences(): Record<string, Occurrence> {
  return new Proxy({}, { get: (_, char) => ({ char: String(char) }) });
}

function factory<T>(
  { scheduler, onMade }: FakeDeliveriesContext,
  values: FakeDeliveryValues<T>,
  options: FakeDeliveriesOptions,
): Factory<T> {
  const subscription = fakeSubscription(options.subscription);
  const delivered: FakeDelivery<T>[] = [];
  const calls = new ReplaySubject<LabelledCall>();
  const seen = new Map<string, { readonly sequence: number; attempts: number }>();

  function make({ char }: Occurrence): FakeDelivery<T> {
    const of = seen.get(char) ?? { sequence: seen.size + 1, attempts: 0 };
    seen.set(char, of);
    const delivery = fakeDelivery(describe(char, of.sequence, of.attempts++), {
      scheduler,
      onCall: (call) => calls.next({ ...call, label: char }),
    });
    delivered.push(delivery);
    onMade(delivery, char);
    return delivery;
  }

  function describe(char: string, sequence: number, earlier: number): FakeDeliveryInit<T> {
    const init = values[char] ?? {};
    const isStored = !('position' in init) || init.position !== undefined;
    return {
      id: char,
      ...init,
      attempt: (init.attempt ?? 1) + earlier,
      position: isStored ? { sequence, consumerSequence: delivered.length + 1, ...init.position } : undefined,
      subscription: init.subscription === undefined ? subscription : { ...subscription, ...init.subscription },
    };
  }

  return { make, delivered, calls };
}
