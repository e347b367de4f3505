import type { Delivery, Event } from 'millrace';
import {
  ensureConsumer,
  ensureStream,
  type MemoryTransport,
  memoryBroker,
  memoryTransport,
  streamInfo,
} from 'millrace/memory';
import { asyncScheduler, firstValueFrom, type Observable, type SchedulerLike } from 'rxjs';
import type { Order } from './orders.ts';

/** A stream on a broker in memory, from which whatever is done with disappears, so that the heap stays as it is. */
export interface WorkQueue {
  readonly transport: MemoryTransport;
  readonly deliveries: Observable<Delivery<Order>>;
  readonly prefetch: number;
  /** Publishes at once; deliveries follow when the caller lets go of the event loop. */
  publish(events: readonly Event<Order>[]): void;
  /** How many messages are in the stream: not delivered yet, being handled, or waiting for a retry. */
  left(): Promise<number>;
}

/** Options for {@link workQueue}. */
export interface WorkQueueOptions {
  readonly scheduler?: SchedulerLike;
  readonly prefetch?: number;
  readonly maxAckPending?: number;
}

/** Makes a work queue, and a stream for its dead letters. Both sides of every bench read from one made here. */
export async function workQueue(options: WorkQueueOptions = {}): Promise<WorkQueue> {
  const { scheduler = asyncScheduler, prefetch = 256, maxAckPending = 1_000 } = options;
  const broker = memoryBroker({ scheduler });
  const transport = memoryTransport(broker);
  const queue = { name: 'ORDERS', subjects: ['shop.*'], retention: 'workqueue', duplicateWindow: 0 } as const;
  await firstValueFrom(ensureStream(broker, queue));
  await firstValueFrom(ensureStream(broker, { name: 'DEAD', subjects: ['shop.*.dlq'] }));
  await firstValueFrom(ensureConsumer(broker, { stream: 'ORDERS', name: 'billing', maxAckPending }));

  return {
    transport,
    deliveries: transport.subscribe<Order>({ stream: 'ORDERS', consumer: 'billing', prefetch }),
    prefetch,
    publish(events) {
      transport.publish(events, { messageId: false }).subscribe();
    },
    left: async () => (await firstValueFrom(streamInfo(broker, 'ORDERS'))).messages,
  };
}
