import type { Event } from 'millrace';
import { connect } from 'nats';
import type { Order } from '../workload/orders.ts';
import type { CoreLink } from './nestjs.ts';

/** Plain publish and subscribe of `nats`, with JSON at both ends. */
export function coreRaw(address: string): CoreLink {
  return async (url, handler) => {
    const [publishing, listening] = [await connect({ servers: url }), await connect({ servers: url })];
    const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
    listening.subscribe(address, {
      callback: (_, { data }) => handler(JSON.parse(decoder.decode(data)) as Event<Order>),
    });
    await listening.flush();
    return (event) => publishing.publish(address, encoder.encode(JSON.stringify(event)));
  };
}
