/** When a stream lets go of a message: by its limits alone, after one consumer acked it, or after all that want it did. */
export type Retention = 'limits' | 'workqueue' | 'interest';

/** Where a mirror or a source starts in the stream that it copies. */
export type CopyStart = 'all' | 'new' | { readonly sequence: number } | { readonly time: Date | string | number };

/** Gives addresses another form. See the server's documentation for what may stand in it. */
export interface SubjectTransform {
  /** The addresses that it applies to, with wildcards. @defaultValue `'>'` */
  readonly source?: string;
  /** What they become: `{{wildcard(1)}}` and the like refer to tokens of `source`. */
  readonly destination: string;
}

/** A stream whose messages are copied. */
export interface StreamSource {
  readonly stream: string;
  /** Fixed once it copies: one that is not named stays as it is. @defaultValue `'all'` */
  readonly from?: CopyStart;
  /** Which addresses of that stream, with wildcards. @defaultValue all */
  readonly filter?: string;
  /** The JetStream domain of that stream. @defaultValue that of the copy */
  readonly domain?: string;
  /** Where that stream is, if it is another account's: what API and delivery addresses begin with. */
  readonly external?: { readonly apiPrefix: string; readonly deliverPrefix?: string };
  /** Choose and rename addresses, in place of `filter`. */
  readonly subjectTransforms?: readonly SubjectTransform[];
}

/** What a stream is to be. Names follow JetStream's; durations are in ms, sizes in bytes, and `Infinity` is no limit. */
export interface StreamConfig {
  readonly name: string;
  readonly description?: string;
  /** The addresses that it stores, with wildcards. @defaultValue `[name]`, and none for a copy of other streams */
  readonly subjects?: readonly string[];
  /** @defaultValue `'limits'` */
  readonly retention?: Retention;
  /** Messages older than this are removed. @defaultValue `Infinity` */
  readonly maxAge?: number;
  /** @defaultValue `Infinity` */
  readonly maxMessages?: number;
  /** @defaultValue `Infinity` */
  readonly maxBytes?: number;
  /** @defaultValue `Infinity` */
  readonly maxMessagesPerSubject?: number;
  /** Size of one message, with its headers. @defaultValue `Infinity` */
  readonly maxMessageSize?: number;
  /** @defaultValue `Infinity` */
  readonly maxConsumers?: number;
  /** Whether a full stream drops its oldest message or refuses the new one. @defaultValue `'old'` */
  readonly discard?: 'old' | 'new';
  /** Whether `discard: 'new'` also refuses at `maxMessagesPerSubject`. @defaultValue `false` */
  readonly discardNewPerSubject?: boolean;
  /**
   * How long a message id is remembered; 100 ms at least, and no longer than `maxAge`, with which it shrinks if it is
   * not named. @defaultValue `120_000`
   */
  readonly duplicateWindow?: number;
  /** Fixed. @defaultValue `'file'` */
  readonly storage?: 'file' | 'memory';
  /** On how many servers of a cluster it is kept. @defaultValue `1` */
  readonly replicas?: number;
  /** Which servers keep it. */
  readonly placement?: { readonly cluster?: string; readonly tags?: readonly string[] };
  /** @defaultValue `'none'` */
  readonly compression?: 'none' | 's2';
  /** The stream that this one is a copy of. It stores nothing else. */
  readonly mirror?: StreamSource;
  /** Streams whose messages are copied into this one. */
  readonly sources?: readonly StreamSource[];
  /** Publishes what is stored again. */
  readonly republish?: SubjectTransform & { readonly headersOnly?: boolean };
  /** Stores messages at another address than the one they were published to. */
  readonly subjectTransform?: SubjectTransform;
  /** Whether publishers get no receipts. @defaultValue `false` */
  readonly noAck?: boolean;
  /** Whether a message may replace all before it. @defaultValue `false` */
  readonly allowRollup?: boolean;
  /** Whether no message can be deleted. For good. @defaultValue `false` */
  readonly denyDelete?: boolean;
  /** Whether it cannot be purged. For good. @defaultValue `false` */
  readonly denyPurge?: boolean;
  /** Whether any server that keeps it may answer for a message. @defaultValue `false` */
  readonly allowDirect?: boolean;
  /** Whether a mirror answers for the messages of its origin. @defaultValue `false` */
  readonly mirrorDirect?: boolean;
  /** Whether nothing can be added or removed any more. For good, and only for a stream that exists. @defaultValue `false` */
  readonly sealed?: boolean;
  /** The sequence of its first message; fixed. @defaultValue `1` */
  readonly firstSequence?: number;
  /** What its consumers may be at most, and are by default. */
  readonly consumerLimits?: { readonly inactiveThreshold?: number; readonly maxAckPending?: number };
  /** Whether a message may say how long it lives. For good. @defaultValue `false` */
  readonly allowMessageTtl?: boolean;
  /** How long a mark stays where the last message of an address went by its age. @defaultValue none */
  readonly subjectDeleteMarkerTtl?: number;
  /** Whether addresses count, in place of messages. Fixed. @defaultValue `false` */
  readonly allowMessageCounter?: boolean;
  /** Whether several messages can be published as one. @defaultValue `false` */
  readonly allowAtomicPublish?: boolean;
  /** Whether a message can be published at a later time. For good. @defaultValue `false` */
  readonly allowMessageSchedules?: boolean;
  /** Whether many messages can be published with few receipts. @defaultValue `false` */
  readonly allowBatchPublish?: boolean;
  /** Whether a receipt comes before the message is on disk. Fixed. @defaultValue `'default'` */
  readonly persistMode?: 'default' | 'async';
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A stream's configuration as its server has it, with its defaults. */
export type StreamSettings = StreamConfig &
  Required<
    Pick<
      StreamConfig,
      | 'subjects'
      | 'retention'
      | 'maxAge'
      | 'maxMessages'
      | 'maxBytes'
      | 'maxMessagesPerSubject'
      | 'maxMessageSize'
      | 'maxConsumers'
      | 'discard'
      | 'discardNewPerSubject'
      | 'duplicateWindow'
      | 'storage'
      | 'replicas'
      | 'compression'
      | 'sources'
    >
  >;
