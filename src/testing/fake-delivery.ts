import { Observable, type SchedulerLike, Subscription } from 'rxjs';
import type { Delivery, MessageHeaders, Position, SubscriptionInfo } from '../core/delivery.ts';
import { ConfirmFailedError, LeaseLostError } from '../core/errors.ts';
import type { Event } from '../core/event.ts';

/** What a fake delivery is made of. All of it has defaults. */
export interface FakeDeliveryInit<T = unknown> {
  /** @defaultValue none */
  readonly data?: T;
  /** @defaultValue `'test'` */
  readonly type?: string;
  /** @defaultValue `'1'`; with marbles, the delivery's character */
  readonly id?: string;
  /** @defaultValue `'/test'` */
  readonly source?: string;
  /** @defaultValue none */
  readonly subject?: string;
  /** Further attributes of the event. @defaultValue none */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** @defaultValue the type */
  readonly address?: string;
  /** @defaultValue `1`; with marbles, one more each time that its character occurs */
  readonly attempt?: number;
  /** @defaultValue none */
  readonly headers?: MessageHeaders;
  /** `undefined` for a delivery that nothing stored. @defaultValue stream `'TEST'`, sequence `1`, stored now */
  readonly position?: Partial<Position> | undefined;
  /** Why it cannot be handled. @defaultValue nothing */
  readonly failure?: unknown;
  /** With a `lease` and a scheduler, the lease runs out like a real one. @defaultValue prefetch `100`, and no lease */
  readonly subscription?: Partial<SubscriptionInfo>;
}

/** What was done to a fake delivery, or happened to it. */
export interface FakeCall {
  readonly kind: 'ack' | 'nak' | 'term' | 'confirm' | 'working' | 'abort' | 'lost';
  /** When, by the scheduler. */
  readonly time: number;
  /** What the call returned: `false` for a settlement that changed nothing. */
  readonly accepted: boolean;
  /** Whether the lease was lost already. */
  readonly late: boolean;
  /** Of a `nak`. */
  readonly delay?: number;
  /** Of a `term`, an `abort` and a lost lease. */
  readonly reason?: unknown;
}

/** A {@link Delivery} that comes from nowhere and remembers what was done to it. */
export interface FakeDelivery<T = unknown> extends Delivery<T> {
  /** Everything that was done so far, in order. */
  readonly calls: readonly FakeCall[];
}

/** Options for {@link fakeDelivery}. */
export interface FakeDeliveryOptions {
  /** Clock for the lease and for the times of the calls. @defaultValue none: the time is `0`, and no lease runs out */
  readonly scheduler?: SchedulerLike;
  /** Is told of each call. @defaultValue nothing */
  readonly onCall?: (call: FakeCall) => void;
}

/**
 * Makes a delivery for a test, with the rules of a real one: the first settlement wins and later ones return false; after
 * the lease is lost, a first `ack` is taken, and `nak` and `term` are refused.
 *
 * @example
 * ```ts
 * const delivery = fakeDelivery({ data: { total: 5 }, attempt: 2 });
 * await firstValueFrom(of(delivery).pipe(handle(charge)));
 * ```
 */
export function fakeDelivery<T = unknown>(
  init: FakeDeliveryInit<T> = {},
  options: FakeDeliveryOptions = {},
): FakeDelivery<T> {
  const { scheduler, onCall } = options;
  const { address = init.type ?? 'test', attempt = 1, headers = {} } = init;
  const subscription = fakeSubscription(init.subscription);
  const now = () => scheduler?.now() ?? 0;
  const position = 'position' in init && init.position === undefined ? undefined : fakePosition(init.position, now());
  const controller = new AbortController();
  const calls: FakeCall[] = [];
  let settled: FakeCall['kind'] | undefined;
  let late = false;
  let lease = Subscription.EMPTY;

  function record(
    kind: FakeCall['kind'],
    accepted: boolean,
    details: Pick<FakeCall, 'delay' | 'reason'> = {},
  ): boolean {
    const call = { kind, time: now(), accepted, late, ...details };
    calls.push(call);
    onCall?.(call);
    return accepted;
  }

  function settle(kind: 'ack' | 'nak' | 'term' | 'confirm', details?: Pick<FakeCall, 'delay' | 'reason'>): boolean {
    const accepted = settled === undefined && (!late || kind === 'ack' || kind === 'confirm');
    if (accepted) {
      settled = kind;
      lease.unsubscribe();
    }
    return record(kind, accepted, details);
  }

  function keepLease(): void {
    lease.unsubscribe();
    if (scheduler === undefined || subscription.lease === undefined || settled !== undefined || late) return;
    lease = scheduler.schedule(loseLease, subscription.lease);
  }

  function loseLease(): void {
    const reason = new LeaseLostError(subscription.lease ?? 0);
    record('lost', true, { reason });
    late = true;
    controller.abort(reason);
  }

  keepLease();
  return {
    event: fakeEvent(init),
    address,
    attempt,
    headers,
    position,
    failure: init.failure,
    subscription,
    signal: controller.signal,
    calls,
    get settled() {
      return settled !== undefined;
    },
    get lost() {
      return late;
    },
    ack: () => settle('ack'),
    nak: (delay = 0) => settle('nak', { delay }),
    term: (reason) => settle('term', reason === undefined ? {} : { reason }),
    working() {
      record('working', settled === undefined && !late);
      keepLease();
    },
    confirm: () =>
      new Observable((subscriber) => {
        const before = settled;
        if (settle('confirm') || before === 'ack' || before === 'confirm') subscriber.complete();
        else subscriber.error(new ConfirmFailedError(`the delivery was already settled by ${before}`));
      }),
    abort(reason) {
      const accepted = settled === undefined && !controller.signal.aborted;
      record('abort', accepted, { reason });
      if (accepted) controller.abort(reason);
    },
  };
}

/** Fills in what is missing; what is complete stays the same object, for deliveries share it. */
export function fakeSubscription(init: Partial<SubscriptionInfo> = {}): SubscriptionInfo {
  const { prefetch = 100, draining = new AbortController().signal } = init;
  return prefetch === init.prefetch && draining === init.draining
    ? (init as SubscriptionInfo)
    : { ...init, prefetch, draining };
}

function fakeEvent<T>(init: FakeDeliveryInit<T>): Event<T> {
  const { id = '1', source = '/test', type = 'test', subject, attributes } = init;
  return {
    specversion: '1.0',
    id,
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    ...attributes,
    ...('data' in init ? { data: init.data } : {}),
  } as Event<T>;
}

function fakePosition(init: Partial<Position> | undefined, now: number): Position {
  const sequence = init?.sequence ?? 1;
  return { stream: 'TEST', consumerSequence: sequence, time: now, pending: 0, ...init, sequence };
}
