import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { freePorts } from './free-ports.ts';

/** The network between a client and a server, for a test to break. */
export interface TcpProxy {
  readonly port: number;
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  /** How many clients are connected through it. */
  readonly connections: number;
  /** Breaks every connection; the next ones are let through. */
  cut(): void;
  /** Lets nothing through, in either direction, on connections old and new. Nobody is told, and nothing is lost. */
  block(): void;
  /** Lets through what was held, and all that follows. */
  unblock(): void;
  /** Takes no new connections: who tries is refused. Those that stand go on. */
  refuse(): void;
  /** Takes connections again. */
  accept(): Promise<void>;
  /** Holds all that is sent from now on for so many milliseconds, in each direction. */
  delay(time: number): void;
  /** Breaks every connection and takes no new ones. */
  close(): void;
}

/** Starts a proxy on loopback in front of a port of loopback. The caller closes it. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const lanes = new Set<Lane>();
  let port = 0;
  let blocked = false;
  let latency = 0;
  let server = createServer();

  function connected(client: Socket): void {
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [lane(client, upstream, () => latency), lane(upstream, client, () => latency)];
    for (const each of pair) {
      lanes.add(each);
      sockets.add(each.from);
      if (blocked) each.block();
      each.from.once('close', (broken) => {
        sockets.delete(each.from);
        if (broken) each.to.destroy();
      });
      // What was read before the one end closed is still to be passed on.
      each.to.once('close', () => lanes.delete(each));
    }
  }

  async function listen(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const wanted = port || (await freePorts(1))[0];
      server = createServer({ allowHalfOpen: true, noDelay: true }, connected);
      try {
        server.listen(wanted, '127.0.0.1');
        await once(server, 'listening');
        port = wanted ?? 0;
        return;
      } catch (error) {
        if (port !== 0 || attempt === 5) throw error;
      }
    }
  }

  await listen();

  return {
    get port() {
      return port;
    },
    get url() {
      return `nats://127.0.0.1:${port}`;
    },
    get connections() {
      return sockets.size / 2;
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    block() {
      blocked = true;
      for (const each of lanes) each.block();
    },
    unblock() {
      blocked = false;
      for (const each of lanes) each.unblock();
    },
    refuse() {
      server.close();
    },
    async accept() {
      if (!server.listening) await listen();
    },
    delay(time) {
      latency = time;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Starts a proxy for the test that runs, which closes with it. */
export async function testTcpProxy(target: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy(target);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** One direction of a connection. */
interface Lane {
  readonly from: Socket;
  readonly to: Socket;
  block(): void;
  unblock(): void;
}

/** Passes on what it reads in order, each piece when its time has come, and the end after the last. */
function lane(from: Socket, to: Socket, latency: () => number): Lane {
  const held: { readonly bytes: Buffer | undefined; readonly due: number }[] = [];
  let blocked = false;
  let timer: NodeJS.Timeout | undefined;

  from.on('data', hold);
  from.once('end', () => hold(undefined));
  // What happened is seen by the other side when its connection is closed.
  from.on('error', () => {});
  to.on('drain', read);

  function hold(bytes: Buffer | undefined): void {
    // Where the delay was shortened, nothing overtakes what was sent before.
    held.push({ bytes, due: Math.max(held.at(-1)?.due ?? 0, performance.now() + latency()) });
    pass();
  }

  function pass(): void {
    clearTimeout(timer);
    for (let next = held[0]; next !== undefined && !blocked; next = held[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        timer = setTimeout(pass, wait);
        return;
      }
      held.shift();
      if (next.bytes === undefined) to.end();
      else if (to.writable && !to.write(next.bytes)) from.pause();
    }
  }

  function read(): void {
    if (!blocked) from.resume();
  }

  return {
    from,
    to,
    block() {
      blocked = true;
      from.pause();
    },
    unblock() {
      blocked = false;
      pass();
      read();
    },
  };
}
