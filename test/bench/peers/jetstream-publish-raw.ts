import type { Event } from 'millrace';
import type { NatsConnection } from 'nats';
import { ADDRESS, IN_FLIGHT, type PublishAll } from '../workload/publishing.ts';

/** `publish` of `nats`: so many promises, each of which publishes the next event when it has its ack. */
export function publishRaw(connection: NatsConnection): PublishAll {
  const client = connection.jetstream();
  const encoder = new TextEncoder();

  return async (events: readonly Event[]) => {
    let next = 0;
    let sum = 0;
    const publishInTurn = async () => {
      for (let event = events[next]; event !== undefined; event = events[next]) {
        next += 1;
        const data = encoder.encode(JSON.stringify(event));
        const { seq } = await client.publish(ADDRESS, data, { msgID: `${event.source} ${event.id}` });
        sum += seq;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, publishInTurn));
    return sum;
  };
}
