export type { CoreSubscribeOptions, StreamSubscribeOptions } from '../../core/subscribe-options.ts';
export type { Advisory } from './advisory.ts';
export type { ConsumerConfig, ConsumerSettings, Retention, StreamConfig, StreamSettings } from './config.ts';
export type { ConsumerInfo } from './consumer.ts';
export { type MemoryBroker, type MemoryBrokerOptions, memoryBroker } from './memory-broker.ts';
export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from './memory-transport.ts';
export {
  consumerInfo,
  deleteConsumer,
  deleteMessage,
  deleteStream,
  ensureConsumer,
  ensureStream,
  pauseConsumer,
  purgeStream,
  resumeConsumer,
  streamInfo,
} from './provisioning.ts';
export type { PurgeOptions, StreamInfo } from './stream.ts';
export type { MemorySubscribeOptions } from './subscriptions.ts';
