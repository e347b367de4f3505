// What a service needs of the world: in-memory.ts has it in this process, on-nats.ts on a server.
import type { Drainable, FeedTransport, Publisher, Requester, Resource, Responder, Subscriber } from 'millrace';
import type { SchedulerLike } from 'rxjs';
import type { States } from './states.ts';

export interface Platform {
  /** Stored events, and the consumers that read them. */
  readonly events: Publisher & Subscriber<typeof ordersConsumer> & FeedTransport & Drainable;
  readonly queries: Requester & Responder & Drainable;
  readonly states: States;
  /** Closed after everything else. */
  readonly resources: Readonly<Record<string, Resource>>;
  readonly scheduler?: SchedulerLike;
}

/** Opens the world to one service. */
export type OpenPlatform = (service: string) => Promise<Platform>;

export const stream: { readonly name: string; readonly subjects: readonly string[] } = {
  name: 'ORDERS',
  subjects: ['order.*', 'payment.*'],
};

interface Consumer {
  readonly stream: string;
  readonly name: string;
  readonly filter: string | readonly string[];
  readonly ackWait: number;
}

/** An event that a process had, and died with, is delivered again after the lease. */
const ackWait = 2_000;

export const consumers: readonly Consumer[] = [
  { stream: 'ORDERS', name: 'orders', filter: 'order.placed', ackWait },
  { stream: 'ORDERS', name: 'billing', filter: ['payment.requested', 'payment.cancelled'], ackWait },
];

export const ordersConsumer = { stream: 'ORDERS', consumer: 'orders', prefetch: 64 };
export const billingConsumer = { stream: 'ORDERS', consumer: 'billing', prefetch: 64 };
