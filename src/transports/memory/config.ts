import { atLeast0, checkStart, oneOf, wholeNumber } from '../../core/check-options.ts';
import { InvalidNameError } from '../../core/errors.ts';
import { isSubset, overlaps, validateAddress, validateName } from '../../core/names.ts';
import type { StartPosition } from '../../core/transport.ts';

/** When a stream lets go of a message: by its limits alone, after one consumer acked it, or after all that want it did. */
export type Retention = 'limits' | 'workqueue' | 'interest';

/** What a stream is to be. Names follow JetStream's; durations are in ms, sizes in bytes. */
export interface StreamConfig {
  readonly name: string;
  /** The addresses that it stores, with wildcards. @defaultValue `[name]` */
  readonly subjects?: readonly string[];
  /** @defaultValue `'limits'` */
  readonly retention?: Retention;
  /** Messages older than this are removed. @defaultValue `Infinity` */
  readonly maxAge?: number;
  /** @defaultValue `Infinity` */
  readonly maxMessages?: number;
  /** Total size of the events as JSON, with addresses and headers. @defaultValue `Infinity` */
  readonly maxBytes?: number;
  /** @defaultValue `Infinity` */
  readonly maxMessagesPerSubject?: number;
  /** Size of one event as JSON, with address and headers. @defaultValue `Infinity` */
  readonly maxMessageSize?: number;
  /** Whether a full stream drops its oldest message or refuses the new one. @defaultValue `'old'` */
  readonly discard?: 'old' | 'new';
  /** Whether `discard: 'new'` also refuses at `maxMessagesPerSubject`. @defaultValue `false` */
  readonly discardNewPerSubject?: boolean;
  /** How long a message id is remembered; `0` for not at all. @defaultValue `120_000` */
  readonly duplicateWindow?: number;
  /** How many message ids are remembered at most; about half of them are forgotten at once. @defaultValue `100_000` */
  readonly duplicateLimit?: number;
}

/** What a consumer is to be. Names follow JetStream's; durations are in ms. */
export interface ConsumerConfig {
  readonly stream: string;
  readonly name: string;
  /** Which addresses of the stream, with wildcards. @defaultValue all */
  readonly filter?: string | readonly string[];
  /** Where it starts; fixed once it exists. @defaultValue `'all'` */
  readonly from?: StartPosition;
  /** The lease: time until a delivery must be settled or kept by `working`. @defaultValue `30_000` */
  readonly ackWait?: number;
  /** Attempts after which a message is given up. @defaultValue `Infinity` */
  readonly maxDeliver?: number;
  /** The lease of each attempt in turn, in place of `ackWait`; the last one repeats. At most `maxDeliver` entries. */
  readonly backoff?: readonly number[];
  /** Messages out or waiting for redelivery beyond which no new one is delivered. @defaultValue `1000` */
  readonly maxAckPending?: number;
}

/** A stream's configuration with its defaults filled in. */
export type StreamSettings = Required<StreamConfig>;

/** A consumer's configuration with its defaults filled in. */
export type ConsumerSettings = Required<ConsumerConfig> & { readonly filter: readonly string[] };

const streamDefaults: Omit<StreamSettings, 'name' | 'subjects'> = {
  retention: 'limits',
  maxAge: Number.POSITIVE_INFINITY,
  maxMessages: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxMessagesPerSubject: Number.POSITIVE_INFINITY,
  maxMessageSize: Number.POSITIVE_INFINITY,
  discard: 'old',
  discardNewPerSubject: false,
  duplicateWindow: 120_000,
  duplicateLimit: 100_000,
};

const consumerDefaults: Omit<ConsumerSettings, 'name' | 'stream'> = {
  filter: [],
  from: 'all',
  ackWait: 30_000,
  maxDeliver: Number.POSITIVE_INFINITY,
  backoff: [],
  maxAckPending: 1_000,
};

/** Checks `config` and lays it over `current`, or over the defaults: what it does not name stays as it was. */
export function streamSettings(config: StreamConfig, current?: StreamSettings): StreamSettings {
  validateName('stream', config.name);
  const settings = { ...streamDefaults, subjects: [config.name], ...current, ...named(config) };
  if (settings.subjects.length === 0) throw new RangeError("'subjects' is empty: name at least one address");
  for (const subject of settings.subjects) validateAddress(subject, { wildcards: true });
  const clash = settings.subjects.find((a, i) => settings.subjects.some((b, j) => j > i && overlaps(a, b)));
  if (clash !== undefined) throw new TypeError(`'subjects' overlap: '${clash}' covers another one`);
  oneOf('retention', settings.retention, ['limits', 'workqueue', 'interest']);
  oneOf('discard', settings.discard, ['old', 'new']);
  for (const field of ['maxAge', 'maxMessages', 'maxBytes', 'maxMessagesPerSubject', 'maxMessageSize'] as const) {
    wholeNumber(field, settings[field]);
  }
  atLeast0('duplicateWindow', settings.duplicateWindow);
  wholeNumber('duplicateLimit', settings.duplicateLimit);
  if (settings.discardNewPerSubject && settings.discard !== 'new') {
    throw new TypeError("'discardNewPerSubject' needs discard: 'new'");
  }
  if (settings.discardNewPerSubject && settings.maxMessagesPerSubject === Number.POSITIVE_INFINITY) {
    throw new TypeError("'discardNewPerSubject' needs 'maxMessagesPerSubject'");
  }
  return settings;
}

/** Checks `config` and lays it over `current`, or over the defaults: what it does not name stays as it was. */
export function consumerSettings(
  config: ConsumerConfig,
  stream: StreamSettings,
  current?: ConsumerSettings,
): ConsumerSettings {
  validateName('consumer', config.name);
  const { filter, ...rest } = named(config);
  const given = filter === undefined ? {} : { filter: typeof filter === 'string' ? [filter] : filter };
  const settings = { ...consumerDefaults, ...current, ...rest, ...given };
  for (const pattern of settings.filter) {
    validateAddress(pattern, { wildcards: true });
    if (!stream.subjects.some((subject) => overlaps(subject, pattern))) {
      throw new TypeError(
        `'filter' ${pattern} matches nothing that stream '${stream.name}' stores (${stream.subjects})`,
      );
    }
  }
  const clash = settings.filter.find((a, i) => settings.filter.some((b, j) => j > i && overlaps(a, b)));
  if (clash !== undefined) throw new TypeError(`'filter' patterns overlap: '${clash}' covers another one`);
  wholeNumber('ackWait', settings.ackWait);
  wholeNumber('maxDeliver', settings.maxDeliver);
  wholeNumber('maxAckPending', settings.maxAckPending);
  for (const lease of settings.backoff) wholeNumber('backoff', lease);
  if (settings.backoff.length > settings.maxDeliver) {
    throw new TypeError(
      `'backoff' has ${settings.backoff.length} entries, more than 'maxDeliver' ${settings.maxDeliver}`,
    );
  }
  checkStart(settings.from);
  return settings;
}

/** Whether two sets of filters, where an empty one takes everything, can match the same message. */
export function filtersOverlap(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  return a.some((one) => b.some((other) => overlaps(one, other)));
}

/** Whether the filters take everything that the stream stores, so that no message has to be looked at. */
export function takesAll(filter: readonly string[], subjects: readonly string[]): boolean {
  if (filter.length === 0) return true;
  return subjects.every((subject) => filter.some((pattern) => isSubset(subject, pattern)));
}

/** Drops what is undefined, so that it counts as not named. */
function named<T extends object>(config: T): T {
  if (typeof config !== 'object' || config === null) throw new InvalidNameError('config', 'must be an object');
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as T;
}
