export type { NatsConnectionLike } from './client.ts';
export {
  type CloudEventsCodecOptions,
  cloudEventsCodec,
  type ReceivedMessage,
  type ToMessageOptions,
  toEvent,
  toMessage,
} from './cloud-events-codec.ts';
export { type ConnectionStatus, connectionStatus } from './connection-status.ts';
export type { CorePublishOptions } from './core-publisher.ts';
export {
  ConnectionLostError,
  JetStreamApiError,
  JetStreamUnavailableError,
  UnsupportedByServerError,
} from './errors.ts';
export { decodeHeaders, encodeHeaders } from './headers.ts';
export type { JetStreamApiOptions } from './jetstream-api.ts';
export type { JetStreamSubscribeOptions } from './jetstream-subscription.ts';
export {
  type JetStreamTransport,
  type JetStreamTransportOptions,
  jetstreamTransport,
} from './jetstream-transport.ts';
export type { NatsCodec, NatsMessage } from './nats-codec.ts';
export { type NatsTransport, type NatsTransportOptions, natsTransport } from './nats-transport.ts';
export type { JetStreamPublishOptions } from './publish-options.ts';
