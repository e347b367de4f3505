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
import { type Observable, Subscription } from 'rxjs';
import { createEvent } from '../../src/core/create-event.ts';
import type { Delivery } from '../../src/core/delivery.ts';

/** A stream SHOP with a consumer, on a broker in virtual time, and a stream DEAD for what is given up. */
export interface MemoryRig {
  readonly time: VirtualTime;
  readonly broker: MemoryBroker;
  readonly transport: MemoryTransport;
  /** Publishes an event for each key: its subject. Its id is its place in the stream, from 1. */
  publish(...keys: string[]): void;
  deliveries(prefetch?: number): Observable<Delivery>;
  /** What the consumer has not been given, has out, and waits to give again. */
  left(): { readonly pending: number; readonly unsettled: number; readonly redelivering: number };
  /** The ids of the events in the stream of dead letters. */
  dead(): string[];
}

/** Makes a rig; `consumer` says what its consumer is to be beside its name. */
export function memoryRig(consumer: Partial<ConsumerConfig> = {}): MemoryRig {
  const time = virtualTime({ start: Date.UTC(2026, 0, 1) });
  const broker = memoryBroker({ scheduler: time });
  const transport = memoryTransport(broker);
  const setUp = new Subscription();
  setUp.add(ensureStream(broker, { name: 'SHOP', subjects: ['shop'] }).subscribe());
  setUp.add(ensureStream(broker, { name: 'DEAD', subjects: ['shop.dlq'] }).subscribe());
  setUp.add(ensureConsumer(broker, { ackWait: 1_000, ...consumer, stream: 'SHOP', name: 'billing' }).subscribe());
  let published = 0;

  return {
    time,
    broker,
    transport,
    publish(...keys) {
      for (const subject of keys) {
        const event = createEvent({ type: 'shop', source: '/test', id: String(++published), subject });
        transport.publish(event).subscribe();
      }
    },
    deliveries: (prefetch = 256) => transport.subscribe({ stream: 'SHOP', consumer: 'billing', prefetch }),
    left() {
      const info = broker.stream('SHOP').consumers.get('billing')?.info();
      const { pending = 0, unsettled = 0, redelivering = 0 } = info ?? {};
      return { pending, unsettled, redelivering };
    },
    dead() {
      const ids: string[] = [];
      const { log } = broker.stream('DEAD');
      for (const { event } of log.from(log.first)) ids.push(event.id);
      return ids;
    },
  };
}

/** Everything was dealt with. */
export const nothing = { pending: 0, unsettled: 0, redelivering: 0 } as const;
