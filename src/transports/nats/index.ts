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
export { JetStreamApiError, JetStreamUnavailableError, UnsupportedByServerError } from './errors.ts';
export { decodeHeaders, encodeHeaders } from './headers.ts';
export type { NatsCodec, NatsMessage } from './nats-codec.ts';
