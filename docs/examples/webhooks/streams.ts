// The streams, on whatever broker: what they are called, what they store, and who takes from them.

import type { Event, SubscriptionOptions } from 'millrace';
import { concat, type Observable } from 'rxjs';
import { addressOf } from './events.ts';

/** A stream, and the one consumer that takes from it: what a subscription is told. */
export interface Place extends SubscriptionOptions {
  readonly stream: string;
  readonly consumer: string;
}

/** The streams of one run. */
export interface Streams {
  /** Keeps the webhooks until they are handled. */
  readonly work: Place;
  /** Keeps what could not be handled, until it is sent back. */
  readonly dead: Place;
  /** Where an event travels. */
  readonly addressOf: (event: Event) => string;
  /** Makes both, with the two functions that every broker has for it. */
  provision(make: Provisioning): Observable<unknown>;
}

/** `ensureStream` and `ensureConsumer` of `millrace/memory` or of `millrace/nats`. */
export interface Provisioning {
  stream(config: StreamConfig): Observable<unknown>;
  consumer(config: ConsumerConfig): Observable<unknown>;
}

interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: 'workqueue';
}

interface ConsumerConfig {
  readonly stream: string;
  readonly name: string;
  readonly maxAckPending?: number;
}

/** Options for {@link streamsOf}. */
export interface StreamsOptions {
  /** How many messages the worker takes at a time. */
  readonly prefetch: number;
  /** What tells this run from all others, where the broker is not its own. */
  readonly run?: string;
}

/** A work queue lets go of a message when it is acked, so that memory stays flat however many there are. */
export function streamsOf({ prefetch, run }: StreamsOptions): Streams {
  const suffix = run === undefined ? '' : `-${run}`;
  const prefix = run === undefined ? '' : `webhooks-${run}.`;
  const work: Place = { stream: `WEBHOOKS${suffix}`, consumer: 'worker' };
  const dead: Place = { stream: `DEAD${suffix}`, consumer: 'redrive' };

  return {
    work,
    dead,
    addressOf: (event) => `${prefix}${addressOf(event)}`,
    provision: ({ stream, consumer }) =>
      concat(
        stream({ name: work.stream, subjects: [`${prefix}github.>`], retention: 'workqueue' }),
        consumer({ stream: work.stream, name: work.consumer, maxAckPending: prefetch }),
        stream({ name: dead.stream, subjects: [`dead.${prefix}github.>`], retention: 'workqueue' }),
        consumer({ stream: dead.stream, name: dead.consumer }),
      ),
  };
}
