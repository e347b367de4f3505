export type { NatsConnectionLike } from './client.ts';
export { type ConnectionStatus, connectionStatus } from './connection-status.ts';
export { JetStreamApiError, JetStreamUnavailableError, UnsupportedByServerError } from './errors.ts';
