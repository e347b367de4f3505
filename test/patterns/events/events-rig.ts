import { createEvent, type Event, type EventInit, type Outcome, type Publisher } from 'millrace';
import {
  type ConsumerConfig,
  ensureConsumer,
  ensureStream,
  type MemoryBroker,
  type MemoryTransport,
  memoryBroker,
  memoryTransport,
} from 'millrace/memory';
import { type VirtualTime, virtualTime } from 'millrace/testing';
import type { Observable, Subscription } from 'rxjs';

/** A stream `SHOP` on `shop.>` with a consumer `billing`, on a broker in virtual time. */
export interface EventsRig {
  readonly time: VirtualTime;
  readonly broker: MemoryBroker;
  readonly transport: MemoryTransport;
  /** Publishes an event as somebody else would. */
  publish(init: EventInit): void;
  /** What the stream has, the oldest first. */
  stored(): readonly Event[];
  /** The names of the stream's consumers. */
  consumers(): readonly string[];
  /** What the stream's consumers filter for, but for `billing`. */
  filters(): readonly (readonly string[])[];
  ensureConsumer(config: Partial<ConsumerConfig>): void;
}

export function eventsRig(consumer: Partial<ConsumerConfig> = {}): EventsRig {
  const time = virtualTime({ start: Date.UTC(2026, 0, 1) });
  const broker = memoryBroker({ scheduler: time });
  const transport = memoryTransport(broker, { name: 'rig' });
  const ensure = (config: Partial<ConsumerConfig>) => {
    ensureConsumer(broker, { stream: 'SHOP', name: 'billing', ackWait: 10_000, ...config }).subscribe();
  };
  ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }).subscribe();
  ensure(consumer);

  return {
    time,
    broker,
    transport,
    publish: (init) => {
      transport.publish(createEvent({ source: '/others', ...init }, { scheduler: time })).subscribe();
    },
    stored() {
      const { log } = broker.stream('SHOP');
      return [...log.from(log.first)].map(({ event }) => event);
    },
    consumers: () => [...broker.stream('SHOP').consumers.keys()],
    filters() {
      const others = [...broker.stream('SHOP').consumers].filter(([name]) => name !== 'billing');
      return others.map(([, found]) => found.info().config.filter);
    },
    ensureConsumer: ensure,
  };
}

/** A request of a type, with an id and a transaction. */
export function request(id: string, attributes: Partial<EventInit> = {}): Event {
  return createEvent({ type: 'shop.order', source: '/asker', id, ...attributes }, { id: () => id });
}

/** Everything that came from an Observable. */
export interface Seen<T> {
  readonly values: readonly T[];
  readonly end: 'completed' | 'failed' | undefined;
  readonly error: unknown;
  close(): void;
}

export function seen<T>(source: Observable<T>): Seen<T> {
  const values: T[] = [];
  let end: Seen<T>['end'];
  let error: unknown;
  const subscription: Subscription = source.subscribe({
    next: (value) => values.push(value),
    error: (reason: unknown) => {
      end = 'failed';
      error = reason;
    },
    complete: () => {
      end = 'completed';
    },
  });
  return {
    values,
    get end() {
      return end;
    },
    get error() {
      return error;
    },
    close: () => subscription.unsubscribe(),
  };
}

/** The kinds of outcomes, in order. */
export function kinds(outcomes: Seen<Outcome>): readonly string[] {
  return outcomes.values.map(({ kind }) => kind);
}

/** A publisher that refuses what `refuses` says, as often as it says so. */
export function refusing(publisher: Publisher, refuses: (event: Event) => Error | undefined): Publisher {
  return {
    publish(events, options) {
      const given = Array.isArray(events) ? (events as readonly Event[]) : [events as Event];
      for (const event of given) {
        const error = refuses(event);
        if (error !== undefined) throw error;
      }
      return publisher.publish(events, options);
    },
  };
}
