import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFailed, onTestFinished } from 'vitest';
import { type OwnedProcess, startProcess } from './child-process.ts';
import { freePorts } from './free-ports.ts';
import { latest, type NatsServerBinary } from './servers.ts';

/** Options for {@link startNatsServer}. */
export interface NatsServerOptions {
  /** Which nats-server. @defaultValue the newest of the machine */
  readonly binary?: NatsServerBinary;
  /** @defaultValue `server-<port>` */
  readonly name?: string;
  /** Whether it has JetStream, with a store in a folder of its own. @defaultValue `true` */
  readonly jetstream?: boolean;
  /** The port for clients. @defaultValue a free one */
  readonly port?: number;
  /** More of the configuration file: users, `tls { … }`, `max_payload: 1KB`. What is said twice counts as said here. */
  readonly config?: string;
  /** What stands before the host in `url`. @defaultValue `nats` */
  readonly scheme?: string;
}

/** A nats-server that the test started. All but `stop` leave its port, its configuration and its store. */
export interface NatsServerProcess {
  readonly name: string;
  readonly binary: NatsServerBinary;
  readonly url: string;
  readonly port: number;
  /** That of the process that runs now, or ran last. */
  readonly pid: number;
  readonly running: boolean;
  /** Whether it is in lame duck mode, and about to end. */
  readonly leaving: boolean;
  /** What the server has logged over all its runs. */
  readonly log: string;
  /** SIGKILL: it has no time to tell anyone, nor to write anything. */
  kill(): Promise<void>;
  /** SIGTERM: it closes its connections and files, and ends. */
  shutDown(): Promise<void>;
  /** SIGSTOP: connections stay open, and nothing is answered once this has resolved. */
  pause(): Promise<void>;
  /** SIGCONT, after `pause`. */
  resume(): void;
  /** SIGUSR2: it tells its clients to go elsewhere, and some time later ends. */
  lameDuck(): void;
  /** Starts it again on its port and its store, with more configuration if that is given; first shuts it down if it runs. */
  restart(config?: string): Promise<void>;
  /** Ends it for good and removes its files. */
  stop(): Promise<void>;
}

/** Starts a server on loopback and waits until it takes connections. The caller stops it. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServerProcess> {
  const { binary = latest, jetstream = true, scheme = 'nats' } = options;
  if (binary === undefined) throw new Error('There is no nats-server here: node scripts/setup.mjs --servers');
  const folder = mkdtempSync(join(tmpdir(), 'millrace-nats-'));
  let config = options.config ?? '';
  let port = options.port ?? 0;
  let name = options.name ?? '';
  let child: OwnedProcess;
  let past = '';
  let leaving = false;

  try {
    await startOnFreePort();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }

  /** The port was free a moment ago; when somebody else was quicker, another is tried. */
  async function startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (options.port === undefined) port = (await freePorts(1))[0] ?? 0;
      if (options.name === undefined) name = `server-${port}`;
      try {
        return await run();
      } catch (error) {
        if (options.port !== undefined || attempt === 5 || !`${error}`.includes('address already in use')) throw error;
      }
    }
  }

  async function run(): Promise<void> {
    const file = join(folder, 'server.conf');
    writeFileSync(file, configuration({ port, name, store: jetstream ? join(folder, 'store') : undefined, config }));
    child = startProcess(binary!.path, ['--config', file]);
    try {
      await child.says('Server is ready');
    } catch (error) {
      await child.end();
      throw error;
    }
  }

  return {
    get name() {
      return name;
    },
    binary,
    get url() {
      return `${scheme}://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return child.pid;
    },
    get running() {
      return child.running;
    },
    get leaving() {
      return leaving;
    },
    get log() {
      return past + child.log;
    },
    kill: () => child.end('SIGKILL'),
    shutDown: () => child.end('SIGTERM'),
    pause: () => child.pause(),
    resume: () => child.signal('SIGCONT'),
    lameDuck() {
      leaving = true;
      child.signal('SIGUSR2');
    },
    async restart(more) {
      await child.end('SIGTERM');
      past += child.log;
      if (more !== undefined) config = more;
      leaving = false;
      await run();
    },
    async stop() {
      await child.end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a server for the test that runs, which stops with it. If the test fails, what the server logged is shown. */
export async function testNatsServer(options: NatsServerOptions = {}): Promise<NatsServerProcess> {
  const server = await startNatsServer(options);
  stopAfterTest(server);
  return server;
}

/** Has a server stopped when the test that runs is over. */
export function stopAfterTest(server: NatsServerProcess): void {
  onTestFinished(() => server.stop());
  onTestFailed(() => {
    process.stderr.write(`${server.name}, nats-server ${server.binary.version}, said last:\n${tail(server.log)}\n`);
  });
}

function configuration({
  port,
  name,
  store,
  config,
}: {
  port: number;
  name: string;
  store: string | undefined;
  config: string;
}): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    `server_name: "${name}"`,
    // The shortest that a server accepts, and no wait before the first client is sent away.
    'lame_duck_grace_period: "1s"',
    'lame_duck_duration: "30s"',
    ...(store ? [`jetstream { store_dir: "${store}" }`] : []),
    config,
    '',
  ].join('\n');
}

function tail(log: string): string {
  return log.split('\n').slice(-40).join('\n');
}
