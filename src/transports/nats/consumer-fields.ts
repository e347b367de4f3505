import { checkStart, wholeNumber } from '../../core/check-options.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import type { ConsumerConfig, ConsumerStart } from './consumer-config.ts';
import {
  checkDuration,
  choice,
  count,
  duration,
  flag,
  labels,
  limit,
  limitOrZero,
  moment,
  nanosOf,
  text,
  textIn,
  textsIn,
} from './field-kinds.ts';
import { isoOf, NANOS, timeOf } from './nanos.ts';
import { featureNamed } from './server-features.ts';
import type { WireConfig, WireFields } from './wire-field.ts';

const groups = featureNamed('priorityGroups', 'priority groups');

/** What a priority group may be called. */
const GROUP = /^[A-Za-z0-9/_=-]{1,16}$/;

/** How each field of a consumer's configuration travels; the stream stands beside it. */
export const consumerFields: WireFields<Omit<ConsumerConfig, 'stream'>> = {
  name: {
    check: (_, value) => validateName('consumer', value),
    write: (value) => ({ name: value }),
    read: ({ name, durable_name }) => textIn(name) ?? textIn(durable_name),
  },
  description: text('description'),
  filter: {
    check(_, value) {
      for (const pattern of filtersIn(value)) validateAddress(pattern, { wildcards: true });
    },
    write(value) {
      const filters = filtersIn(value);
      return {
        filter_subject: filters.length === 1 ? filters[0] : undefined,
        filter_subjects: filters.length > 1 ? filters : undefined,
      };
    },
    read: ({ filter_subject, filter_subjects }) => {
      const single = textIn(filter_subject);
      return single === undefined ? textsIn(filter_subjects) : [single];
    },
    needs: (value) =>
      filtersIn(value).length > 1 ? { name: 'several filters', level: 0, version: '2.10' } : undefined,
  },
  from: { check: checkConsumerStart, write: writeStart, read: readStart },
  ackWait: {
    check: checkLease,
    write: (value) => ({ ack_wait: nanosOf(value) }),
    read: ({ ack_wait: nanos }) => (typeof nanos === 'number' ? nanos / NANOS : 30_000),
  },
  maxDeliver: limit('max_deliver'),
  backoff: {
    check(field, value) {
      if (!Array.isArray(value)) throw new TypeError(`'${field}' must be a list of leases`);
      for (const lease of value) checkLease(field, lease);
    },
    write: (value) => ({ backoff: value.length === 0 ? undefined : value.map(nanosOf) }),
    read: ({ backoff }) => (Array.isArray(backoff) ? backoff.map((nanos) => nanos / NANOS) : []),
  },
  maxAckPending: limit('max_ack_pending'),
  inactiveThreshold: duration('inactive_threshold'),
  headersOnly: flag('headers_only'),
  replayPolicy: choice('replay_policy', ['instant', 'original']),
  sampleFrequency: {
    check(field, value) {
      if (!(value >= 0 && value <= 100)) throw new RangeError(`'${field}' must be from 0 to 100, not ${value}`);
    },
    write: (value) => ({ sample_freq: value === 0 ? undefined : String(value) }),
    read: ({ sample_freq }) => (typeof sample_freq === 'string' ? Number.parseFloat(sample_freq) || 0 : 0),
  },
  maxWaiting: count('max_waiting'),
  maxRequestBatch: limitOrZero('max_batch'),
  maxRequestExpires: duration('max_expires'),
  maxRequestMaxBytes: limitOrZero('max_bytes'),
  replicas: count('num_replicas'),
  memoryStorage: flag('mem_storage'),
  pauseUntil: moment('pause_until', featureNamed('pause', 'pausing')),
  priorityGroups: {
    check(field, value) {
      if (Array.isArray(value) && value.every((group) => GROUP.test(group))) return;
      throw new TypeError(`'${field}' must be a list of names with at most 16 of a-z, A-Z, 0-9 and '/_=-'`);
    },
    write: (value) => ({ priority_groups: value.length === 0 ? undefined : value }),
    read: ({ priority_groups }) => textsIn(priority_groups),
    needs: () => groups,
  },
  priorityPolicy: {
    ...choice('priority_policy', ['none', 'overflow', 'pinned_client', 'prioritized']),
    needs: (value) => (value === 'prioritized' ? featureNamed('prioritized', 'prioritized pulls') : groups),
  },
  priorityTimeout: duration('priority_timeout', groups),
  metadata: labels('metadata', { name: 'metadata', level: 0, version: '2.10' }),
};

/** The filters of a configuration as a list. */
function filtersIn(filter: NonNullable<ConsumerConfig['filter']>): readonly string[] {
  return typeof filter === 'string' ? [filter] : filter;
}

function checkConsumerStart(_: string, from: ConsumerStart): void {
  if (from !== 'last-per-subject') checkStart(from);
}

function checkLease(field: string, value: number): void {
  wholeNumber(field, value);
  if (value === Number.POSITIVE_INFINITY) throw new RangeError(`'${field}' must be finite: a lease comes to an end`);
  checkDuration(field, value);
}

function writeStart(from: ConsumerStart): WireConfig {
  const none = { opt_start_seq: undefined, opt_start_time: undefined };
  if (typeof from === 'string') return { ...none, deliver_policy: from.replaceAll('-', '_') };
  if ('sequence' in from) return { ...none, deliver_policy: 'by_start_sequence', opt_start_seq: from.sequence };
  return { ...none, deliver_policy: 'by_start_time', opt_start_time: isoOf(from.time) };
}

function readStart({ deliver_policy: policy, opt_start_seq, opt_start_time }: WireConfig): ConsumerStart {
  if (policy === 'by_start_sequence') return { sequence: Number(opt_start_seq) };
  if (policy === 'by_start_time') return { time: timeOf(opt_start_time) ?? 0 };
  if (policy === 'last_per_subject') return 'last-per-subject';
  return policy === 'new' || policy === 'last' ? policy : 'all';
}
