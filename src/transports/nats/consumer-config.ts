import type { StartPosition } from '../../core/transport.ts';

/** Where a consumer starts: as every transport has it, or with the last message of each address. */
export type ConsumerStart = StartPosition | 'last-per-subject';

/**
 * What a consumer is to be. Names follow JetStream's; durations are in ms, and `Infinity` is no limit.
 *
 * It is pulled from, and each delivery is settled by itself: that is what the transport needs.
 */
export interface ConsumerConfig {
  readonly stream: string;
  /** Without a name it is ephemeral: it has a name of its own, and goes when nobody pulls from it any more. */
  readonly name?: string;
  readonly description?: string;
  /** Which addresses of the stream, with wildcards; several need nats-server 2.10. @defaultValue all */
  readonly filter?: string | readonly string[];
  /** Where it starts; fixed once it exists. @defaultValue `'all'` */
  readonly from?: ConsumerStart;
  /** The lease: time until a delivery must be settled or kept by `working`. @defaultValue `30_000` */
  readonly ackWait?: number;
  /** Attempts after which a message is given up. @defaultValue `Infinity` */
  readonly maxDeliver?: number;
  /**
   * The lease of each attempt in turn, in place of `ackWait`; the last one repeats. At most `maxDeliver` entries, and
   * fewer than that before nats-server 2.10, where `maxDeliver` must be finite.
   */
  readonly backoff?: readonly number[];
  /** Messages out or waiting for redelivery beyond which no new one is delivered. @defaultValue `1000`, or the stream's */
  readonly maxAckPending?: number;
  /** Time without a pull after which it goes. @defaultValue `Infinity` with a name, one hour without */
  readonly inactiveThreshold?: number;
  /** Whether messages come without their data. @defaultValue `false` */
  readonly headersOnly?: boolean;
  /** Whether a replay keeps to the time between messages; fixed. @defaultValue `'instant'` */
  readonly replayPolicy?: 'instant' | 'original';
  /** Of how many acks in a hundred the server tells the time that they took. @defaultValue none */
  readonly sampleFrequency?: number;
  /** Pulls that may wait at a time; fixed. @defaultValue `512` */
  readonly maxWaiting?: number;
  /** @defaultValue `Infinity` */
  readonly maxRequestBatch?: number;
  /** @defaultValue `Infinity` */
  readonly maxRequestExpires?: number;
  /** @defaultValue `Infinity` */
  readonly maxRequestMaxBytes?: number;
  /** On how many servers its state is kept. @defaultValue as the stream */
  readonly replicas?: number;
  /** Whether its state is in memory alone. @defaultValue `false` */
  readonly memoryStorage?: boolean;
  /** Delivers nothing until then. */
  readonly pauseUntil?: Date | string | number;
  /** The groups that pulls may name: one, as of now. */
  readonly priorityGroups?: readonly string[];
  /** Which of a group's pulls are served; fixed. @defaultValue `'none'` */
  readonly priorityPolicy?: 'none' | 'overflow' | 'pinned_client' | 'prioritized';
  /** Time after which a pinned client that does not pull is replaced. */
  readonly priorityTimeout?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A consumer's configuration as its server has it, with its defaults. */
export type ConsumerSettings = ConsumerConfig &
  Required<
    Pick<
      ConsumerConfig,
      'stream' | 'name' | 'from' | 'ackWait' | 'maxDeliver' | 'backoff' | 'maxAckPending' | 'inactiveThreshold'
    >
  > & {
    readonly filter: readonly string[];
  };
