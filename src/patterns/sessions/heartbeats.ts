import type { Observable } from 'rxjs';
import type { Wired } from '../../core/raw-wire.ts';
import type { HeartbeatEvent } from './heartbeat-event.ts';
import { hubOf } from './hub.ts';

/** Emits the heartbeats of a transport's sessions, in both directions, from now on. Never completes. */
export function sessionHeartbeats(transport: Wired): Observable<HeartbeatEvent> {
  return hubOf(transport.wire).events$;
}
