// A service that follows logs for others, and its clients.
import { basename, join } from 'node:path';
import {
  type HeartbeatOptions,
  openSession,
  SessionCloseError,
  type SessionEnd,
  serveSessions,
  type Wired,
} from 'millrace';
import type { Observable } from 'rxjs';
import { linesOf } from './lines.ts';

export interface TailRequest {
  readonly file: string;
}

const ADDRESS = 'logs.tail';

/** Serves the logs of a folder; emits how each tail ended. */
export function serveTails(transport: Wired, folder: string, heartbeat?: HeartbeatOptions): Observable<SessionEnd> {
  const options = { codec: 'text', ...(heartbeat !== undefined && { heartbeat }) } as const;
  return serveSessions<TailRequest, string>(
    transport,
    ADDRESS,
    ({ file }, { offset, signal }) => {
      if (basename(file) !== file) throw new SessionCloseError(4_000, `'${file}' is not the name of a log`);
      return linesOf(join(folder, file), offset, signal); // a tail that was interrupted goes on where it was
    },
    options,
  );
}

/** The lines of a log, and those to come, whatever happens to the producer or the connection meanwhile. */
export function tail(transport: Wired, file: string, heartbeat?: HeartbeatOptions): Observable<string> {
  return openSession<string>(
    transport,
    ADDRESS,
    { file },
    { codec: 'text', resume: true, ...(heartbeat !== undefined && { heartbeat }) },
  );
}
