import { defer, finalize, merge, mergeMap, type Observable } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import { validateName } from '../../core/names.ts';
import { type AdvisoryData, advisoryCodec } from './advisory-codec.ts';
import type { NatsConnectionLike } from './client.ts';
import { natsTransport } from './nats-transport.ts';

/** Options for {@link advisories}. */
export interface AdvisoryOptions {
  /** Of one stream. @defaultValue all that this account may hear */
  readonly stream?: string;
  /** Of one consumer of it. @defaultValue all */
  readonly consumer?: string;
  /** Which kinds. @defaultValue all four */
  readonly kinds?: readonly AdvisoryKind[];
  /** Members of one queue share the advisories. @defaultValue each subscriber hears all */
  readonly queue?: string;
}

/** What a consumer advises of: in the words of the API, `MAX_DELIVERIES`, `MSG_TERMINATED`, `MSG_NAKED` and `PAUSE`. */
export type AdvisoryKind = 'maxDeliveries' | 'terminated' | 'naked' | 'paused';

/** An advisory of a consumer. */
export interface ConsumerAdvisory {
  readonly kind: AdvisoryKind;
  readonly stream: string;
  readonly consumer: string;
  /** The message's sequence in the stream; absent where it is about none. */
  readonly sequence?: number;
  /** How often it was delivered. */
  readonly attempts?: number;
  /** Why it was terminated, where its consumer said so and the server passes it on. */
  readonly reason?: string;
  /** The whole advisory. */
  readonly event: Event<AdvisoryData>;
}

const tokens: Readonly<Record<AdvisoryKind, string>> = {
  maxDeliveries: 'MAX_DELIVERIES',
  terminated: 'MSG_TERMINATED',
  naked: 'MSG_NAKED',
  paused: 'PAUSE',
};

const kinds = Object.keys(tokens) as AdvisoryKind[];

/**
 * Tells what consumers advise of, while subscribed.
 *
 * Advisories are messages of core NATS: those that are sent while nobody listens are gone. To lose none, keep them in a
 * stream with the subject `$JS.EVENT.ADVISORY.CONSUMER.>`, and read it with {@link advisoryCodec}. What is no advisory is
 * left out. Fails where more come than are taken (1,024 wait), and when the connection is closed it completes.
 *
 * @example
 * ```ts
 * advisories(connection, { stream: 'SHOP', kinds: ['maxDeliveries'] }).subscribe(({ sequence }) => alert(sequence));
 * ```
 */
export function advisories(
  connection: NatsConnectionLike,
  options: AdvisoryOptions = {},
): Observable<ConsumerAdvisory> {
  const { stream, consumer, queue } = options;
  if (stream !== undefined) validateName('stream', stream);
  if (consumer !== undefined) validateName('consumer', consumer);
  if (consumer !== undefined && stream === undefined) throw new TypeError("'consumer' needs 'stream'");
  const chosen = options.kinds ?? kinds;
  const unknown = chosen.find((kind) => tokens[kind] === undefined);
  if (unknown !== undefined) throw new TypeError(`'kinds' has '${unknown}'; there are ${kinds.join(', ')}`);

  return defer(() => {
    const transport = natsTransport(connection, { codec: advisoryCodec() });
    return merge(
      ...chosen.map((kind) =>
        transport
          .subscribe<AdvisoryData>({
            address: advisoryAddress(kind, stream, consumer),
            ...(queue === undefined ? {} : { queue }),
          })
          .pipe(
            mergeMap((delivery) => {
              delivery.ack();
              return delivery.failure === undefined ? [consumerAdvisory(kind, delivery)] : [];
            }),
          ),
      ),
    ).pipe(finalize(() => transport.drain({ grace: 0 }).subscribe()));
  });
}

/** Where a consumer's advisories of a kind are sent. */
export function advisoryAddress(kind: AdvisoryKind, stream = '*', consumer = '*'): string {
  return `$JS.EVENT.ADVISORY.CONSUMER.${tokens[kind]}.${stream}.${consumer}`;
}

/** Reads an advisory. */
export function consumerAdvisory(kind: AdvisoryKind, { event }: Delivery<AdvisoryData>): ConsumerAdvisory {
  const { stream, consumer, stream_seq: sequence, deliveries: attempts, reason } = event.data as AdvisoryData;
  return {
    kind,
    stream,
    consumer: consumer ?? '',
    ...(sequence === undefined ? {} : { sequence }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(reason === undefined ? {} : { reason }),
    event,
  };
}
