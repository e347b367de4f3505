export { closeCodes } from './close-codes.ts';
export { SessionCloseError } from './errors.ts';
export type { HeartbeatEvent } from './heartbeat-event.ts';
export type { HeartbeatOptions } from './heartbeat-options.ts';
export { sessionHeartbeats } from './heartbeats.ts';
export { type OpenChannelOptions, type OpenSessionOptions, openChannel, openSession } from './open-session.ts';
export type { SessionOverflow } from './outflow.ts';
export type { ServedSession, SessionEnd, SessionHandler } from './producer-session.ts';
export { type ServeSessionsOptions, serveSessions } from './serve-sessions.ts';
