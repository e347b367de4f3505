import { Observable } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { ConsumerNotFoundError } from '../../core/errors.ts';
import { hot } from '../../core/hot.ts';
import type { OpenAttachment, Puller } from '../../core/puller.ts';
import {
  type CoreSubscribeOptions,
  checkSubscribeOptions,
  DEFAULT_BUFFER,
  DEFAULT_PREFETCH,
  isCoreSubscribe,
  type StreamSubscribeOptions,
} from '../../core/subscribe-options.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { coreSource } from './core-source.ts';
import type { MemoryBroker } from './memory-broker.ts';

/** Options for the memory transport's `subscribe`: with `address` on core, with `stream` on a stream. */
export type MemorySubscribeOptions = CoreSubscribeOptions | StreamSubscribeOptions;

/** Makes a subscription's Observable: cold until subscribed, then shared until the last subscriber leaves. */
export function subscription(
  broker: MemoryBroker,
  life: TransportLife,
  options: MemorySubscribeOptions,
): Observable<Delivery> {
  checkSubscribeOptions(options, 'both');
  if (options.scheduler !== undefined && options.scheduler !== broker.scheduler) {
    throw new TypeError("'scheduler' is not the broker's: a memory broker and its subscriptions share one clock");
  }
  return new Observable<Delivery>((subscriber) => {
    const { info } = life.run(subscriber, (settled) =>
      attach(broker, options, {
        prefetch: options.prefetch ?? DEFAULT_PREFETCH,
        draining: life.draining,
        ledger: life.ledger,
        next: (delivery) => subscriber.next(delivery),
        error: (error) => subscriber.error(error),
        status: life.tell,
        settled,
      }),
    );
    if (!subscriber.closed) options.opened?.(info);
  }).pipe(hot);
}

function attach(broker: MemoryBroker, options: MemorySubscribeOptions, puller: Puller): OpenAttachment {
  if (isCoreSubscribe(options)) {
    const { address, queue, buffer = DEFAULT_BUFFER, overflow = 'error' } = options;
    return coreSource(broker.router, puller, { address, queue, buffer, overflow });
  }
  const { stream, consumer, filter = [], from = 'all' } = options;
  if (consumer !== undefined) {
    const found = broker.stream(stream).consumers.get(consumer);
    if (found === undefined) throw new ConsumerNotFoundError(stream, consumer);
    return found.attach(puller);
  }
  const name = broker.uniqueName('ephemeral-');
  const attachment = broker.ensureConsumer({ stream, name, filter, from }).attach(puller);
  const start = from === 'new' ? broker.stream(stream).log.last + 1 : undefined;
  return {
    info: start === undefined ? attachment.info : { ...attachment.info, start },
    get unsettled() {
      return attachment.unsettled;
    },
    abandon: attachment.abandon,
    detach() {
      attachment.detach();
      broker.streams.get(stream)?.removeConsumer(name);
    },
  };
}
