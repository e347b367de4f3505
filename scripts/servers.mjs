// Gets the real servers that the integration tests run: .build/servers/nats-<label>/nats-server, and
// .build/servers/servers.json, which says what there is, and why the rest is not there.
//
// A nats-server of the machine's own counts (on PATH, or named by MILLRACE_NATS_SERVER). The releases beside it come out
// of Debian's packages where apt can be asked, as root or not; where it cannot, one comes out of the image of
// docker-compose.yaml. Nothing is installed on the machine.
import { execFile, execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { debianArchive, unpackDebianPackage } from './debian-package.mjs';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = join(root, '.build/servers');
const record = join(folder, 'servers.json');

/** What the tests want, by label, each with the Debian releases that have it, the best first. */
const wanted = { bookworm: ['bookworm'], trixie: ['trixie'], sid: ['sid', 'forky'] };

/** How long what could not be had is not asked for again. */
const patience = 10 * 60_000;

/** Makes the servers ready, or says on standard error why one is not; the tests then skip, or fail where CI is set. */
export async function installServers() {
  const own = ownServer();
  const known = readRecord();
  if (!isCurrent(known, own)) {
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) if (name.startsWith('partial-')) remove(join(folder, name));
    const found = await find(own);
    const partial = `${record}.partial`;
    writeFileSync(partial, `${JSON.stringify(found, null, 2)}\n`);
    renameSync(partial, record);
    report(found);
  } else if (known.missing.length > 0) report(known);
}

function isCurrent(known, own) {
  if (known === undefined || known.own !== stampOf(own)) return false;
  if (!known.servers.every(({ path }) => existsSync(path))) return false;
  return known.missing.length === 0 || (!process.env.CI && Date.now() - known.asked < patience);
}

async function find(own) {
  const servers = [];
  const missing = [];
  if (own !== undefined) await attempt('path', async () => own);
  const archive = debianArchive();
  if (archive !== undefined && onPath('apt-get') && onPath('dpkg')) {
    await Promise.all(Object.keys(wanted).map((label) => attempt(label, () => fromDebian(archive, label))));
  } else {
    const reason = 'Debian packages cannot be had: there is no apt here that knows a Debian archive';
    for (const label of Object.keys(wanted)) missing.push({ label, reason });
  }
  if (servers.length === 0 && process.platform === 'linux' && onPath('docker')) await attempt('docker', fromDocker);
  servers.sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));
  return { servers, missing, own: stampOf(own), asked: Date.now() };

  async function attempt(label, get) {
    try {
      const path = await get();
      servers.push({ label, version: versionOf(path), path });
    } catch (error) {
      missing.push({ label, reason: error.message });
    }
  }
}

/** The server of the best release that has one. */
async function fromDebian(archive, label) {
  const target = join(folder, `nats-${label}`, 'nats-server');
  const reasons = [];
  if (existsSync(target)) return target;
  for (const release of wanted[label]) {
    try {
      const file = 'usr/sbin/nats-server';
      return await place(target, (partial) =>
        unpackDebianPackage({ archive, release, name: 'nats-server', file, folder: partial }),
      );
    } catch (error) {
      reasons.push(`${release}: ${error.message}`);
    }
  }
  throw new Error(reasons.join('; '));
}

/** The server out of the image that docker-compose.yaml pins: it is linked statically, and runs on any Linux. */
async function fromDocker() {
  const image = readFileSync(join(root, 'docker-compose.yaml'), 'utf8').match(/image: (nats:\S+)/)[1];
  return await place(join(folder, 'nats-docker', 'nats-server'), async (partial) => {
    const { stdout } = await docker('create', '--pull', 'missing', image);
    const path = join(partial, 'nats-server');
    try {
      await docker('cp', `${stdout.trim()}:/usr/local/bin/nats-server`, path);
    } finally {
      await docker('rm', stdout.trim());
    }
    return path;
  });
}

async function docker(...args) {
  try {
    return await exec('docker', args, { timeout: 180_000 });
  } catch (error) {
    throw new Error(`docker ${args[0]}: ${`${error.stderr}`.trim().split('\n').at(-1) || error.message}`);
  }
}

/** Has a file made in a folder of its own, and moves it to its place when it is whole and runs. */
async function place(target, make) {
  const partial = mkdtempSync(join(folder, 'partial-'));
  // Debian's apt fetches as a user of its own where it is asked to.
  chmodSync(partial, 0o755);
  try {
    const made = await make(partial);
    versionOf(made);
    mkdirSync(join(target, '..'), { recursive: true });
    renameSync(made, target);
    return target;
  } finally {
    remove(partial);
  }
}

/** The server that the machine has already. */
function ownServer() {
  const named = process.env.MILLRACE_NATS_SERVER;
  return named ? resolve(named) : onPath('nats-server');
}

/** Changes when another version is installed in the place of the one that was looked at. */
function stampOf(path) {
  if (path === undefined) return undefined;
  return existsSync(path) ? `${path} of ${statSync(path).mtime.toISOString()}` : path;
}

function onPath(name) {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((path) => join(path, file))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Asks the program itself; fails where it does not run. */
function versionOf(path) {
  const said = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const version = said.match(/v(\d+\.\d+\.\d+\S*)/)?.[1];
  if (version === undefined) throw new Error(`${path} does not say its version`);
  return version;
}

function readRecord() {
  try {
    return JSON.parse(readFileSync(record, 'utf8'));
  } catch {
    return undefined;
  }
}

function report({ servers, missing }) {
  for (const { label, version } of servers) console.error(`nats-server ${version} (${label}) is ready`);
  for (const { label, reason } of missing) console.error(`nats-server of ${label}: not to be had: ${reason}`);
  if (servers.length > 0) return;
  console.error(
    'There is no nats-server, so the integration tests cannot run. Install one and put it on PATH (macOS: ' +
      '`brew install nats-server`; with Go: `go install github.com/nats-io/nats-server/v2@latest`; Debian and Ubuntu: ' +
      '`apt-get install nats-server`), or name it: MILLRACE_NATS_SERVER=/path/to/nats-server',
  );
}

function remove(path) {
  rmSync(path, { recursive: true, force: true });
}
