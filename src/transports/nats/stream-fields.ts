import { wholeNumber } from '../../core/check-options.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import {
  checkDuration,
  choice,
  count,
  defined,
  duration,
  durationIn,
  flag,
  labels,
  limit,
  nanosOf,
  text,
  textIn,
  textsIn,
  wireIn,
} from './field-kinds.ts';
import { featureNamed } from './server-features.ts';
import { checkTransform, mirrorField, readTransform, sourcesField, writeTransform } from './source-fields.ts';
import type { StreamConfig } from './stream-config.ts';
import type { WireFields } from './wire-field.ts';

const since210 = (name: string) => ({ name, level: 0, version: '2.10' });

/** How each field of a stream's configuration travels. */
export const streamFields: WireFields<StreamConfig> = {
  name: {
    check: (_, value) => validateName('stream', value),
    write: (value) => ({ name: value }),
    read: (wire) => textIn(wire['name']),
  },
  description: text('description'),
  subjects: {
    check(field, value) {
      if (!Array.isArray(value)) throw new TypeError(`'${field}' must be a list of addresses`);
      if (value.length === 0) throw new RangeError(`'${field}' is empty: name at least one address`);
      for (const subject of value) validateAddress(subject, { wildcards: true });
    },
    write: (value) => ({ subjects: value }),
    read: (wire) => textsIn(wire['subjects']),
  },
  retention: choice('retention', ['limits', 'workqueue', 'interest']),
  maxAge: duration('max_age'),
  maxMessages: limit('max_msgs'),
  maxBytes: limit('max_bytes'),
  maxMessagesPerSubject: limit('max_msgs_per_subject'),
  maxMessageSize: limit('max_msg_size'),
  maxConsumers: limit('max_consumers'),
  discard: choice('discard', ['old', 'new']),
  discardNewPerSubject: flag('discard_new_per_subject'),
  duplicateWindow: {
    check(field, value) {
      if (!(value >= 100)) throw new RangeError(`'${field}' must be at least 100 ms on JetStream, not ${value}`);
      if (value === Number.POSITIVE_INFINITY) throw new RangeError(`'${field}' must be finite`);
      checkDuration(field, value);
    },
    write: (value) => ({ duplicate_window: nanosOf(value) }),
    read: ({ duplicate_window: nanos }) => (typeof nanos === 'number' ? nanos / nanosOf(1) : 0),
  },
  storage: choice('storage', ['file', 'memory']),
  replicas: {
    ...count('num_replicas'),
    read: (wire) => (typeof wire['num_replicas'] === 'number' ? wire['num_replicas'] : 1),
  },
  placement: {
    check(field, value) {
      if (typeof value !== 'object' || value === null) throw new TypeError(`'${field}' must be an object`);
    },
    write: ({ cluster, tags }) => ({ placement: { cluster, tags } }),
    read(wire) {
      const { cluster, tags } = wireIn(wire['placement']);
      const list = textsIn(tags);
      const placement = defined({ cluster: textIn(cluster), tags: list.length === 0 ? undefined : list });
      return Object.keys(placement).length === 0 ? undefined : placement;
    },
  },
  compression: choice('compression', ['none', 's2'], since210('compression')),
  mirror: mirrorField,
  sources: sourcesField,
  republish: {
    check: checkTransform,
    write: (value) => ({ republish: { ...writeTransform(value), headers_only: value.headersOnly === true } }),
    read(wire) {
      const transform = readTransform(wire['republish']);
      if (transform === undefined) return undefined;
      return { ...transform, headersOnly: wireIn(wire['republish'])['headers_only'] === true };
    },
  },
  subjectTransform: {
    check: checkTransform,
    write: (value) => ({ subject_transform: writeTransform(value) }),
    read: (wire) => readTransform(wire['subject_transform']),
    needs: () => since210('subject transforms'),
  },
  noAck: flag('no_ack'),
  allowRollup: flag('allow_rollup_hdrs'),
  denyDelete: flag('deny_delete'),
  denyPurge: flag('deny_purge'),
  allowDirect: flag('allow_direct'),
  mirrorDirect: flag('mirror_direct'),
  sealed: flag('sealed'),
  firstSequence: {
    check: wholeNumber,
    write: (value) => ({ first_seq: value === 1 ? undefined : value }),
    read: ({ first_seq: first }) => (typeof first === 'number' && first > 0 ? first : 1),
    needs: () => since210('a first sequence'),
  },
  consumerLimits: {
    check(field, { inactiveThreshold, maxAckPending }) {
      if (inactiveThreshold !== undefined) checkDuration(`${field}.inactiveThreshold`, inactiveThreshold);
      if (maxAckPending !== undefined) wholeNumber(`${field}.maxAckPending`, maxAckPending);
    },
    write({ inactiveThreshold, maxAckPending }, current) {
      const { inactive_threshold, max_ack_pending } = wireIn(current['consumer_limits']);
      return {
        consumer_limits: {
          inactive_threshold: inactiveThreshold === undefined ? inactive_threshold : nanosOf(inactiveThreshold),
          max_ack_pending:
            maxAckPending === undefined
              ? max_ack_pending
              : maxAckPending === Number.POSITIVE_INFINITY
                ? 0
                : maxAckPending,
        },
      };
    },
    read(wire) {
      const { inactive_threshold, max_ack_pending } = wireIn(wire['consumer_limits']);
      const inactiveThreshold = durationIn(inactive_threshold);
      const limits = defined({
        inactiveThreshold: inactiveThreshold === Number.POSITIVE_INFINITY ? undefined : inactiveThreshold,
        maxAckPending: typeof max_ack_pending === 'number' && max_ack_pending > 0 ? max_ack_pending : undefined,
      });
      return Object.keys(limits).length === 0 ? undefined : limits;
    },
    needs: () => since210('limits for consumers'),
  },
  allowMessageTtl: flag('allow_msg_ttl', featureNamed('messageTtl', 'messages with a time to live')),
  subjectDeleteMarkerTtl: duration('subject_delete_marker_ttl', featureNamed('deleteMarkers', 'delete markers')),
  allowMessageCounter: flag('allow_msg_counter', featureNamed('counters', 'counters')),
  allowAtomicPublish: flag('allow_atomic', featureNamed('atomicPublish', 'atomic batches')),
  allowMessageSchedules: flag('allow_msg_schedules', featureNamed('schedules', 'scheduled messages')),
  allowBatchPublish: flag('allow_batched', featureNamed('batchPublish', 'batches')),
  persistMode: choice(
    'persist_mode',
    ['default', 'async'],
    featureNamed('asyncPersistence', 'asynchronous persistence'),
  ),
  metadata: labels('metadata', since210('metadata')),
};
