import { map, Observable, type ObservableInput, type OperatorFunction, share } from 'rxjs';
import type { Delivery, SubscriptionInfo } from '../../core/delivery.ts';
import { ConsumerConflictError } from '../../core/errors.ts';
import type { Arrival, Outcome } from '../../core/outcome.ts';
import type { Publisher, Receipt, Subscriber, SubscriptionOptions } from '../../core/transport.ts';
import { type ConsumeOptions, consume } from '../../operators/consume.ts';
import { addressMapping, type TypeAddressing } from './addresses-of.ts';
import { AlreadyListeningError } from './errors.ts';
import { type Emitted, type ResponseOptions, responder } from './respond.ts';

/** Handles one event: returns or emits its responses, or `noResponse()`. What it fails with, it fails with as in `handle`. */
export type EventHandler<T = unknown> = {
  // A method, so that a handler may name the type of its data.
  handle(delivery: Delivery<T>): ObservableInput<Emitted> | Emitted;
}['handle'];

/** A handler for each type of event. */
export type EventHandlers = Readonly<Record<string, EventHandler>>;

/** What {@link listen} takes beside the subscription's own options. */
export interface ListenSettings extends ConsumeOptions, TypeAddressing {
  /** How responses are published. */
  readonly responses?: ResponseOptions;
}

/** Options for {@link listen}: what the transport's `subscribe` takes, what `consume` takes, and its own. */
export type ListenOptions<O extends SubscriptionOptions> = O & ListenSettings;

/**
 * Handles the events of a consumer by type, publishes what the handlers emit as responses, and emits what became of each
 * delivery, as `consume` does.
 *
 * A response takes the request's transaction id unless it has one. The request is acked when all its responses are
 * stored; it fails when its handler does, or when one cannot be stored, and is delivered again by `backoff`. Its message
 * ids follow from the request, so that it publishes nothing twice within the stream's dedup window. `value` of a
 * `succeeded` outcome is the last receipt. An event of a type without a handler is `skipped`, and acked.
 *
 * Nothing is provisioned: the consumer's filter is to be `addressesOf(types)`. Fails with `ConsumerConflictError` where
 * it leaves out a type that has a handler, with {@link AlreadyListeningError} where the transport listens to that consumer
 * already, and where the source cannot go on. Subscribers share one pipeline; unsubscribing the last hands back what was
 * not done.
 *
 * @example
 * ```ts
 * listen(
 *   transport,
 *   { 'order.placed': async ({ event }) => ({ type: 'order.paid', data: await charge(event.data) }) },
 *   { stream: 'SHOP', consumer: 'billing', deadLetter: { publisher: transport } },
 * ).subscribe();
 * ```
 */
export function listen<O extends SubscriptionOptions>(
  transport: Publisher & Subscriber<O>,
  handlers: EventHandlers,
  options: ListenOptions<O>,
): Observable<Outcome<unknown, Receipt>> {
  const table = new Map(Object.entries(handlers));
  check(table);
  const { stream, consumer } = options as { readonly stream?: string; readonly consumer?: string };
  const addressOf = addressMapping(options);
  const respond = responder(transport, options.responses ?? {}, options.scheduler);
  const work = (delivery: Delivery) => respond(delivery, table.get(delivery.event.type)?.(delivery));
  const pipeline = consume<unknown, Receipt>(work, options);

  /** The first type that has a handler, but never comes. */
  function leftOut({ takes }: SubscriptionInfo): ConsumerConflictError | undefined {
    if (takes === undefined || stream === undefined || consumer === undefined) return undefined;
    for (const type of table.keys()) {
      const address = addressOf(type);
      if (!takes(address)) return new ConsumerConflictError(stream, consumer, missing(type, address));
    }
    return undefined;
  }

  return new Observable<Outcome<unknown, Receipt>>((subscriber) => {
    if (stream !== undefined && consumer !== undefined) subscriber.add(hold(transport, stream, consumer));
    const opened = (subscription: SubscriptionInfo) => {
      const conflict = leftOut(subscription);
      if (conflict !== undefined) subscriber.error(conflict);
      else options.opened?.(subscription);
    };
    transport
      .subscribe({ ...options, opened })
      .pipe(skipOthers(table), pipeline)
      .subscribe(subscriber);
  }).pipe(share());
}

function check(table: ReadonlyMap<string, unknown>): void {
  if (table.size === 0) throw new TypeError("'handlers' must have a handler for at least one type");
  for (const [type, handler] of table) {
    if (typeof handler !== 'function') throw new TypeError(`The handler of '${type}' must be a function`);
  }
}

function missing(type: string, address: string): string {
  return `takes nothing at '${address}', and so never receives '${type}', which has a handler: its filter must include addressesOf(types), and listen's 'prefix' be the transport's`;
}

/** Decides on what has no handler before it takes a place among those that have. */
function skipOthers(table: ReadonlyMap<string, unknown>): OperatorFunction<Delivery, Arrival> {
  return map((delivery: Delivery): Arrival => {
    if (delivery.failure !== undefined || table.has(delivery.event.type)) return delivery;
    return { kind: 'skipped', delivery, reason: `unhandled type '${delivery.event.type}'` };
  });
}

/** The consumers that each transport listens to. */
const listening = /* @__PURE__ */ new WeakMap<object, Set<string>>();

function hold(transport: object, stream: string, consumer: string): () => void {
  const held = listening.get(transport) ?? new Set();
  listening.set(transport, held);
  const key = `${stream} ${consumer}`;
  if (held.has(key)) throw new AlreadyListeningError(stream, consumer);
  held.add(key);
  return () => held.delete(key);
}
