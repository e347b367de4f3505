import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'vitest';

/** A nats-server that tests can start. */
export interface NatsServerBinary {
  /** Where it comes from: a Debian release, `path` or `docker`. */
  readonly label: string;
  readonly version: string;
  readonly path: string;
}

/** What `scripts/servers.mjs` found, and why the rest is missing. */
interface ServersRecord {
  readonly servers: readonly NatsServerBinary[];
  readonly missing: readonly { readonly label: string; readonly reason: string }[];
}

const record = readRecord();

/** The servers of this machine, the oldest first. */
export const natsServers: readonly NatsServerBinary[] = record.servers;

/** The newest of them; undefined where there is none. */
export const latest: NatsServerBinary | undefined = natsServers.at(-1);

/** Options for {@link describeOnEachServer} and {@link describeOnLatestServer}. */
export interface OnServerOptions {
  /** The first version that has what the tests need: '2.10.0'. @defaultValue any */
  readonly from?: string;
}

/** Describes something once on each server of the machine. One that is missing or too old is a skip with its reason. */
export function describeOnEachServer(
  name: string,
  body: (server: NatsServerBinary) => void,
  options: OnServerOptions = {},
): void {
  for (const server of natsServers) describeOn(server, name, body, options);
  for (const { label, reason } of record.missing) describeMissing(`${name}, nats-server of ${label}`, reason);
}

/** Describes something on the newest server of the machine. */
export function describeOnLatestServer(
  name: string,
  body: (server: NatsServerBinary) => void,
  options: OnServerOptions = {},
): void {
  if (latest !== undefined) describeOn(latest, name, body, options);
  else describeMissing(name, record.missing.map(({ label, reason }) => `${label}: ${reason}`).join('; '));
}

/** Whether the server is of this version or a later one. */
export function isAtLeast(server: Pick<NatsServerBinary, 'version'>, version: string): boolean {
  const [actual, least] = [server.version, version].map((text) => text.split(/[.-]/, 3).map(Number));
  for (const place of [0, 1, 2]) {
    const difference = (actual?.[place] ?? 0) - (least?.[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function describeOn(
  server: NatsServerBinary,
  name: string,
  body: (server: NatsServerBinary) => void,
  { from = '0.0.0' }: OnServerOptions,
): void {
  const title = `${name}, nats-server ${server.version}`;
  describe(title, () => {
    if (isAtLeast(server, from)) body(server);
    else it('is skipped', ({ skip }) => skip(`needs nats-server ${from} or newer`));
  });
}

/** A server that is not there leaves something untested: tolerable on a developer's machine, and nowhere else. */
function describeMissing(title: string, reason: string): void {
  describe(title, () => {
    it('has its server', ({ skip }) => {
      if (process.env['CI']) throw new Error(`There is no such server: ${reason}`);
      skip(reason);
    });
  });
}

function readRecord(): ServersRecord {
  const path = new URL('../../../.build/servers/servers.json', import.meta.url);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const reason = 'nobody has looked for it yet: node scripts/setup.mjs --servers';
  return { servers: [], missing: [{ label: 'any release', reason }] };
}
