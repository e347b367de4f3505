import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections. A server that is restarted on its port must find it free; and
 * a client that tries such a port again and again while nobody listens there will in the end connect to itself.
 */
const range = { first: 14_000, last: 31_999 };

/** Finds ports on loopback that nobody listens on. Another process may take one at once: be ready to ask again. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = range.first + Math.floor(Math.random() * (range.last - range.first + 1));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
