import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { natsServer } from '../harness/nats-server.ts';

/** A server, and who answers there with what it was sent, in a process of its own. */
export interface Echo {
  readonly url: string;
  stop(): void;
}

export const ECHO = 'echo';

const RESPONDER = fileURLToPath(new URL('../peers/echo-responder.js', import.meta.url));

/** Starts a server with a raw responder at {@link ECHO}. Both end with this process. */
export async function echo(): Promise<Echo> {
  const server = await natsServer();
  const responder = fork(RESPONDER, [server.url, ECHO], { execArgv: [] });
  await once(responder, 'message');
  return {
    url: server.url,
    stop() {
      responder.kill();
      server.stop();
    },
  };
}
