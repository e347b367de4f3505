import type { Event } from 'millrace';
import type { NatsConnection } from 'nats';
import type { Order } from './orders.ts';

/** The work on each order. */
export interface Job {
  /** Begins, and says how long it takes, in ms. */
  begin(event: Event<Order>): number;
  end(event: Event<Order>): void;
}

/** What a worker says of its deliveries once it is drained. */
export interface Drained {
  readonly received: number;
  readonly acked: number;
  readonly returned: number;
}

/** A worker that is at its work. */
export interface DrainingWorker {
  drain(): Promise<Drained>;
}

/** Starts a worker that may have `prefetch` orders out; it closes its connection when it is drained. */
export type StartWorker = (connection: NatsConnection, job: Job, prefetch: number) => Promise<DrainingWorker>;
