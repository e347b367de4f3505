import { Observable } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { hot } from '../../core/hot.ts';
import { liveSource } from '../../core/live-source.ts';
import {
  type CoreSubscribeOptions,
  checkSubscribeOptions,
  DEFAULT_BUFFER,
  DEFAULT_PREFETCH,
} from '../../core/subscribe-options.ts';
import type { ClientMessage } from './client.ts';
import type { CoreContext } from './core-context.ts';
import { coreDelivery } from './core-delivery.ts';
import { endWithConnection } from './end-with-connection.ts';

/**
 * Makes a subscription's Observable: cold until subscribed, then shared until the last subscriber leaves.
 *
 * It lives on when the connection is lost and found again; what is published meanwhile is missed, as core NATS stores
 * nothing. It fails when the server does not let this client listen.
 */
export function coreSubscription(context: CoreContext, options: CoreSubscribeOptions): Observable<Delivery> {
  const { wire, life, codec } = context;
  checkSubscribeOptions(options, 'address');
  const { address, queue, prefetch = DEFAULT_PREFETCH, buffer = DEFAULT_BUFFER, overflow = 'error' } = options;

  return new Observable<Delivery>((subscriber) => {
    const fail = (error: unknown) => subscriber.error(error);
    const { info } = life.run(subscriber, (settled) =>
      liveSource<ClientMessage>(
        {
          prefetch,
          draining: life.draining,
          ledger: life.ledger,
          next: (delivery) => subscriber.next(delivery),
          error: fail,
          status: life.tell,
          settled,
        },
        {
          address,
          buffer,
          overflow,
          listen: (receive) => wire.listen(address, queue, receive, fail),
          deliver: (message, owner) => coreDelivery(message, owner, codec, life.name),
        },
      ),
    );
    endWithConnection(wire, subscriber);
    if (!subscriber.closed) options.opened?.(info);
  }).pipe(hot);
}
