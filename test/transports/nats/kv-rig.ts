import { connect, type NatsConnection } from 'nats';
import { firstValueFrom, type Observable, toArray } from 'rxjs';
import { onTestFinished } from 'vitest';
import { type BucketConfig, ensureBucket } from '../../../src/transports/nats/kv-bucket.ts';
import type { KvWatchEvent } from '../../../src/transports/nats/kv-store.ts';

let count = 0;

/** A name that no other test of the file has. */
export function uniqueBucket(): string {
  count += 1;
  return `bucket-${count}`;
}

/** Connects with a client that tries again soon, until the test is over. */
export async function connected(url: string): Promise<NatsConnection> {
  const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
  onTestFinished(() => connection.close());
  return connection;
}

/** Makes a bucket for the test. */
export async function testBucket(
  connection: Parameters<typeof ensureBucket>[0],
  config: Partial<BucketConfig> = {},
): Promise<string> {
  const bucket = config.bucket ?? uniqueBucket();
  await firstValueFrom(ensureBucket(connection, { ...config, bucket }));
  return bucket;
}

/** All that an Observable emits. */
export function all<T>(source: Observable<T>): Promise<T[]> {
  return firstValueFrom(source.pipe(toArray()));
}

/** What a watch has told, and how it ended. */
export interface Watched<T> {
  readonly seen: KvWatchEvent<T>[];
  readonly ends: unknown[];
  /** In short: `put a=1`, `deleted a`, `current`. */
  readonly words: readonly string[];
  stop(): void;
}

/** Watches until the test is over. */
export function watched<T>(source: Observable<KvWatchEvent<T>>): Watched<T> {
  const seen: KvWatchEvent<T>[] = [];
  const ends: unknown[] = [];
  const subscription = source.subscribe({
    next: (event) => seen.push(event),
    error: (error: unknown) => ends.push(error),
    complete: () => ends.push('complete'),
  });
  onTestFinished(() => subscription.unsubscribe());
  return {
    seen,
    ends,
    get words() {
      return seen.map(wordsOf);
    },
    stop: () => subscription.unsubscribe(),
  };
}

/** How many consumers a server has on the stream of a bucket. */
export async function consumersOf(connection: NatsConnection, bucket: string): Promise<number> {
  const manager = await connection.jetstreamManager();
  return (await manager.streams.info(`KV_${bucket}`)).state.consumer_count;
}

function wordsOf(event: KvWatchEvent<unknown>): string {
  if (event.kind === 'current') return 'current';
  return event.kind === 'put' ? `put ${event.key}=${event.value}` : `${event.kind} ${event.key}`;
}
