import { type ConnectionOptions, connect, type JetStreamManager, nanos } from 'nats';
import { freePorts } from './free-ports.ts';
import { type NatsServerProcess, startNatsServer, stopAfterTest } from './nats-server.ts';
import { latest, type NatsServerBinary } from './servers.ts';
import { until } from './wait-for.ts';

/** Options for {@link startNatsCluster}. */
export interface NatsClusterOptions {
  /** Which nats-server. @defaultValue the newest of the machine */
  readonly binary?: NatsServerBinary;
  /** How many servers. @defaultValue 3 */
  readonly size?: number;
  /** More of the configuration file of every server. */
  readonly config?: string;
  /** How the cluster itself is asked for its leaders, where the configuration demands a user. */
  readonly login?: Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator' | 'tls'>;
}

/** Servers that replicate streams among themselves. */
export interface NatsCluster {
  readonly nodes: readonly NatsServerProcess[];
  /** For `servers` of a client's options. */
  readonly urls: readonly string[];
  /** The server of that name: its `kill()` and `restart()` are how a node is lost and comes back. */
  node(name: string): NatsServerProcess;
  /** Resolves when the running nodes, which must be a majority, take a new stream. */
  usable(deadline?: number): Promise<void>;
  /** The node that leads a stream now. Waits for an election that is under way. */
  streamLeader(stream: string): Promise<NatsServerProcess>;
  /** The node that leads a consumer now. */
  consumerLeader(stream: string, consumer: string): Promise<NatsServerProcess>;
  /** Resolves when every node has all that the stream holds. */
  replicated(stream: string, deadline?: number): Promise<void>;
  /** Starts the nodes that are down or about to end, one after the other, and waits until the cluster is usable. */
  restart(): Promise<void>;
  /** Ends all of them for good and removes their files. */
  stop(): Promise<void>;
}

/** Starts a cluster on loopback and waits until it takes streams with a replica on each node. The caller stops it. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const { size = 3, login = {} } = options;
  const nodes = await startNodes(options, size);
  const running = () => nodes.filter((server) => server.running);

  function node(name: string): NatsServerProcess {
    const found = nodes.find((server) => server.name === name);
    if (found === undefined) throw new Error(`No node is called ${name}`);
    return found;
  }

  /** A connection for each question: the node that answered the last one may be dead. */
  async function ask<T>(question: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const servers = running().map(({ port }) => `127.0.0.1:${port}`);
    const connection = await connect({ ...login, servers, reconnect: false, timeout: 1_000 });
    try {
      return await question(await connection.jetstreamManager({ checkAPI: false, timeout: 1_000 }));
    } finally {
      await connection.close();
    }
  }

  async function leader(info: (manager: JetStreamManager) => Promise<{ cluster?: { leader?: string } }>) {
    const name = await until(async () => (await ask(info)).cluster?.leader, { describe: 'a leader' });
    return node(name);
  }

  const cluster: NatsCluster = {
    nodes,
    urls: nodes.map(({ url }) => url),
    node,
    async usable(deadline = 20_000) {
      const probe = {
        name: 'CLUSTER-PROBE',
        subjects: ['cluster.probe'],
        num_replicas: running().length,
        max_age: nanos(60_000),
      };
      await until(
        () =>
          ask(async ({ streams }) => {
            // The first answer may have been lost: then the stream is there already.
            await streams.add(probe);
            return streams.delete(probe.name);
          }),
        { deadline, interval: 100, describe: 'a cluster that takes a stream' },
      );
    },
    streamLeader: (stream) => leader(({ streams }) => streams.info(stream)),
    consumerLeader: (stream, consumer) => leader(({ consumers }) => consumers.info(stream, consumer)),
    async replicated(stream, deadline = 20_000) {
      await until(
        async () => {
          const { cluster: group } = await ask(({ streams }) => streams.info(stream));
          return group?.replicas?.length === size - 1 && group.replicas.every(({ current }) => current);
        },
        { deadline, interval: 50, describe: `replicas of ${stream} that are current` },
      );
    },
    async restart() {
      for (const server of nodes) if (!server.running || server.leaving) await server.restart();
      await cluster.usable();
    },
    async stop() {
      await Promise.all(nodes.map((server) => server.stop()));
    },
  };

  try {
    await cluster.usable();
  } catch (error) {
    const logs = nodes.map(({ name, log }) => `${name}:\n${log}`).join('\n');
    await cluster.stop();
    throw new Error(`The cluster did not become usable:\n${logs}`, { cause: error });
  }
  return cluster;
}

/** Starts a cluster for the test that runs, which stops with it. If the test fails, what its servers logged is shown. */
export async function testNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const cluster = await startNatsCluster(options);
  for (const server of cluster.nodes) stopAfterTest(server);
  return cluster;
}

/**
 * Starts one after the other, each with the routes to those before it: when they all dial each other at once, a server now
 * and then takes the end of a superfluous route for the end of its peer, and places no replica there for minutes.
 */
async function startNodes(
  { binary = latest, config = '' }: NatsClusterOptions,
  size: number,
): Promise<NatsServerProcess[]> {
  if (binary === undefined) throw new Error('There is no nats-server here: node scripts/setup.mjs --servers');
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(2 * size);
    const nodes: NatsServerProcess[] = [];
    try {
      for (const [index, port] of ports.slice(0, size).entries()) {
        // The first has nobody before it, and does not start with JetStream and no route.
        const peers = index === 0 ? [1] : [...Array(index).keys()];
        const routes = peers.map((peer) => `"nats://127.0.0.1:${ports[size + peer]}"`);
        const cluster = `cluster { name: "test", listen: "127.0.0.1:${ports[size + index]}", routes: [${routes}] }`;
        nodes.push(await startNatsServer({ binary, port, name: `n${index + 1}`, config: `${cluster}\n${config}` }));
      }
      return nodes;
    } catch (error) {
      await Promise.all(nodes.map((server) => server.stop()));
      // Another process took one of the ports meanwhile, and all of them know it.
      if (attempt === 5 || !`${error}`.includes('address already in use')) throw error;
    }
  }
}
