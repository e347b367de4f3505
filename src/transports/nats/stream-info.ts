import { defined, durationIn, textIn } from './field-kinds.ts';
import { timeOf } from './nanos.ts';
import type { StreamConfig, StreamSettings } from './stream-config.ts';
import { streamFields } from './stream-fields.ts';
import { readAll, type WireConfig } from './wire-field.ts';

/** One of the servers that keep something. */
export interface PeerInfo {
  readonly name: string;
  /** Whether it has all that the leader has. */
  readonly current: boolean;
  readonly offline: boolean;
  /** How many operations it is behind. */
  readonly lag: number;
}

/** Which servers keep something; the replicas are all but the leader. */
export interface ClusterInfo {
  readonly name?: string;
  readonly leader?: string;
  readonly replicas: readonly PeerInfo[];
}

/** How far the copying of a stream is. */
export interface CopyInfo {
  readonly stream: string;
  /** How many messages it is behind. */
  readonly lag: number;
  /** Time, in ms, since it heard of that stream; `Infinity` when it never did. */
  readonly active: number;
  readonly error?: string;
}

/** A stream, as its server has it. Times are in ms since the epoch. */
export interface StreamInfo {
  readonly config: StreamSettings;
  readonly created: number;
  readonly messages: number;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Absent while it is empty. */
  readonly firstTime?: number;
  readonly lastTime?: number;
  /** How many different addresses its messages have. */
  readonly subjects: number;
  /** How many messages between the first and the last are gone. */
  readonly deleted: number;
  readonly consumerCount: number;
  readonly cluster?: ClusterInfo;
  readonly mirror?: CopyInfo;
  readonly sources?: readonly CopyInfo[];
}

/** What JetStream answers for a stream. */
export interface StreamAnswer {
  readonly config: WireConfig;
  readonly created?: string;
  readonly state: {
    readonly messages: number;
    readonly bytes: number;
    readonly first_seq: number;
    readonly first_ts?: string;
    readonly last_seq: number;
    readonly last_ts?: string;
    readonly num_subjects?: number;
    readonly num_deleted?: number;
    readonly consumer_count: number;
  };
  readonly cluster?: ClusterAnswer;
  readonly mirror?: CopyAnswer;
  readonly sources?: readonly CopyAnswer[];
}

/** What JetStream answers for the servers that keep something. */
export interface ClusterAnswer {
  readonly name?: string;
  readonly leader?: string;
  readonly replicas?: readonly {
    readonly name: string;
    readonly current?: boolean;
    readonly offline?: boolean;
    readonly lag?: number;
  }[];
}

interface CopyAnswer {
  readonly name: string;
  readonly lag: number;
  readonly active: number;
  readonly error?: { readonly description?: string };
}

/** Reads what JetStream answers for a stream. */
export function streamInfoIn({ config, created, state, cluster, mirror, sources }: StreamAnswer): StreamInfo {
  return defined<StreamInfo>({
    config: readAll<StreamConfig>(streamFields, config) as StreamSettings,
    created: timeOf(created) ?? 0,
    messages: state.messages,
    bytes: state.bytes,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    firstTime: timeOf(state.first_ts),
    lastTime: timeOf(state.last_ts),
    subjects: state.num_subjects ?? 0,
    deleted: state.num_deleted ?? 0,
    consumerCount: state.consumer_count,
    cluster: clusterIn(cluster),
    mirror: mirror === undefined ? undefined : copyIn(mirror),
    sources: sources?.map(copyIn),
  });
}

export function clusterIn(cluster: ClusterAnswer | undefined): ClusterInfo | undefined {
  if (cluster === undefined) return undefined;
  const replicas = (cluster.replicas ?? []).map(({ name, current = false, offline = false, lag = 0 }) => ({
    name,
    current,
    offline,
    lag,
  }));
  return defined<ClusterInfo>({ name: textIn(cluster.name), leader: textIn(cluster.leader), replicas });
}

function copyIn({ name, lag, active, error }: CopyAnswer): CopyInfo {
  return defined<CopyInfo>({ stream: name, lag, active: durationIn(active), error: error?.description });
}
