import type { ConsumerConfig, ConsumerSettings } from './consumer-config.ts';
import { consumerFields } from './consumer-fields.ts';
import { defined, textIn } from './field-kinds.ts';
import { timeOf } from './nanos.ts';
import { type ClusterAnswer, type ClusterInfo, clusterIn } from './stream-info.ts';
import { readAll, type WireConfig } from './wire-field.ts';

/** A consumer, as its server has it. Times are in ms since the epoch. */
export interface ConsumerInfo {
  readonly stream: string;
  readonly name: string;
  /** Whether it stays when nobody pulls from it. */
  readonly durable: boolean;
  readonly config: ConsumerSettings;
  readonly created: number;
  /** Messages that it has not been given yet. */
  readonly pending: number;
  /** Deliveries that are out. */
  readonly unsettled: number;
  /** Messages that have been delivered more than once and are not settled. */
  readonly redelivering: number;
  /** Deliveries made so far. */
  readonly delivered: number;
  /** The stream's sequence of the last message delivered for the first time. */
  readonly lastSequence: number;
  /** The stream's sequence up to which all is settled. */
  readonly settledSequence: number;
  /** Pulls that wait for messages. */
  readonly waiting: number;
  /** When it goes on; absent unless it is paused. */
  readonly pausedUntil?: number;
  readonly cluster?: ClusterInfo;
}

/** What JetStream answers for a consumer. */
export interface ConsumerAnswer {
  readonly stream_name: string;
  readonly name: string;
  readonly created?: string;
  readonly config: WireConfig;
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number };
  readonly ack_floor: { readonly consumer_seq: number; readonly stream_seq: number };
  readonly num_ack_pending: number;
  readonly num_redelivered: number;
  readonly num_waiting: number;
  readonly num_pending: number;
  readonly paused?: boolean;
  readonly cluster?: ClusterAnswer;
}

/** Reads what JetStream answers for a consumer. */
export function consumerInfoIn(answer: ConsumerAnswer): ConsumerInfo {
  const { stream_name: stream, name, config, delivered, ack_floor, paused, cluster } = answer;
  const settings = readAll<Omit<ConsumerConfig, 'stream'>>(consumerFields, config);
  return defined<ConsumerInfo>({
    stream,
    name,
    durable: textIn(config['durable_name']) !== undefined,
    config: { ...settings, stream, name } as ConsumerSettings,
    created: timeOf(answer.created) ?? 0,
    pending: answer.num_pending,
    unsettled: answer.num_ack_pending,
    redelivering: answer.num_redelivered,
    delivered: delivered.consumer_seq,
    lastSequence: delivered.stream_seq,
    settledSequence: ack_floor.stream_seq,
    waiting: answer.num_waiting,
    pausedUntil: paused === true ? timeOf(config['pause_until']) : undefined,
    cluster: clusterIn(cluster),
  });
}
