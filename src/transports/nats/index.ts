export type { ValueCodec, ValueCodecName } from '../../core/value-codec.ts';
export { type AdvisoryKind, type AdvisoryOptions, advisories, type ConsumerAdvisory } from './advisories.ts';
export { type AdvisoryData, advisoryCodec } from './advisory-codec.ts';
export type { NatsConnectionLike } from './client.ts';
export {
  type CloudEventsCodecOptions,
  cloudEventsCodec,
  type ReceivedMessage,
  type ToMessageOptions,
  toEvent,
  toMessage,
} from './cloud-events-codec.ts';
export { connectNats } from './connect-nats.ts';
export type { ConnectNatsOptions, NatsReconnectOptions, NatsTlsOptions } from './connection-options.ts';
export { type ConnectionStatus, connectionStatus } from './connection-status.ts';
export type { ConsumerConfig, ConsumerSettings, ConsumerStart } from './consumer-config.ts';
export type { ConsumerInfo } from './consumer-info.ts';
export { consumerNames, listConsumers } from './consumer-lists.ts';
export { consumerInfo, deleteConsumer, ensureConsumer } from './consumers.ts';
export type { CorePublishOptions } from './core-publisher.ts';
export {
  type DeadLetterMaxDeliveriesOptions,
  deadLetterMaxDeliveries,
  type Rescue,
} from './dead-letter-max-deliveries.ts';
export {
  type Environment,
  type NatsSettings,
  natsOptionsFromEnvironment,
  natsSettingsFromEnvironment,
} from './environment.ts';
export {
  AuthenticationFailedError,
  type AuthenticationFailure,
  BucketNotFoundError,
  ConnectionFailedError,
  ConnectionLostError,
  JetStreamApiError,
  JetStreamUnavailableError,
  KeyExistsError,
  PermissionDeniedError,
  UnsupportedByServerError,
  WrongRevisionError,
} from './errors.ts';
export { decodeHeaders, encodeHeaders } from './headers.ts';
export type { JetStreamApiOptions } from './jetstream-api.ts';
export type { JetStreamSubscribeOptions } from './jetstream-subscription.ts';
export {
  type JetStreamTransport,
  type JetStreamTransportOptions,
  jetstreamTransport,
} from './jetstream-transport.ts';
export { type BucketConfig, type BucketInfo, bucketInfo, deleteBucket, ensureBucket } from './kv-bucket.ts';
export { type KvDedupeStoreOptions, kvDedupeStore } from './kv-dedupe-store.ts';
export {
  type KvChange,
  type KvStore,
  type KvStoreOptions,
  type KvValue,
  type KvWatchEvent,
  kvStore,
  type WatchOptions,
} from './kv-store.ts';
export type { KvStart } from './kv-watch.ts';
export type { NatsCodec, NatsMessage, TextMessage } from './nats-codec.ts';
export { type NatsTransport, type NatsTransportOptions, natsTransport } from './nats-transport.ts';
export { pauseConsumer, resumeConsumer } from './pause.ts';
export type { JetStreamPublishOptions } from './publish-options.ts';
export { type JetStreamFeature, type JetStreamFeatures, jetstreamFeatures } from './server-features.ts';
export {
  type DeleteMessageOptions,
  deleteMessage,
  getMessage,
  type PurgeOptions,
  purgeStream,
  type StoredMessage,
} from './stored-messages.ts';
export type {
  CopyStart,
  Retention,
  StreamConfig,
  StreamSettings,
  StreamSource,
  SubjectTransform,
} from './stream-config.ts';
export type { ClusterInfo, CopyInfo, PeerInfo, StreamInfo } from './stream-info.ts';
export { listStreams, type StreamFilter, streamNames } from './stream-lists.ts';
export { deleteStream, ensureStream, streamInfo } from './streams.ts';
