// Brings the checkout up to date: Node's version, node_modules, dist/ and .build/. Every command that needs it runs it
// first; with nothing to do it takes an eighth of a second. All it says goes to standard error.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installServers } from './servers.mjs';

export const root = fileURLToPath(new URL('../', import.meta.url));
const benches = join(root, 'test/bench');
const windows = process.platform === 'win32';

/** Makes everything ready to run: the examples always, the benches and the tests' real servers when asked. */
export async function setup({ bench = false, rebuild = false, servers = false } = {}) {
  checkNode();
  await alone(async () => {
    install(root);
    if (bench) install(benches);
    if (rebuild) rmSync(join(root, 'dist'), { recursive: true, force: true });
    build('tsconfig.examples.json');
    if (bench) {
      build('test/bench/tsconfig.json');
      linkPeers();
    }
    if (servers) await installServers();
  });
}

function checkNode() {
  const { engines } = readJson(join(root, 'package.json'));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [actualMajor, actualMinor] = process.version.match(/\d+/g).map(Number);
  if (actualMajor > major || (actualMajor === major && actualMinor >= minor)) return;
  fail(`millrace needs Node.js ${major}.${minor} or newer, and this is ${process.version} (${process.execPath}).`);
}

/** Runs `npm ci` where what is installed is not what the lock file says. */
function install(folder) {
  const lock = join(folder, 'package-lock.json');
  if (!existsSync(lock) || isInstalled(lock, join(folder, 'node_modules/.package-lock.json'))) return;
  console.error(`Installing the packages of ${lock}`);
  const options = ['--include=dev', '--no-json', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['ci', ...options], folder, 'The packages could not be installed: `npm ci` failed, as shown above.');
}

/** Compares contents and not times: a clone, a branch switch and `npm install` all leave times that mean nothing. */
function isInstalled(lock, record) {
  if (!existsSync(record)) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson(lock).packages).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional || devOptional || installed[path]?.version === version,
  );
}

/** Builds a project and those that it refers to, so far as they are out of date. */
function build(project) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  run(process.execPath, [tsc, '--build', project], root, 'The sources do not compile: see the errors above.');
}

/** The compiled benches run in .build/test/bench, and look for their peers beside themselves. */
function linkPeers() {
  const peers = join(benches, 'node_modules');
  const link = join(root, '.build/test/bench/node_modules');
  if (!existsSync(peers)) return;
  rmSync(link, { force: true });
  symlinkSync(peers, link, 'junction');
}

/** Keeps two commands that were started at the same time from installing or building into each other. */
async function alone(work) {
  const lock = join(root, '.build/setup.lock');
  const release = () => rmSync(lock, { force: true });
  for (let waits = 0; !take(lock); waits++) {
    const owner = ownerOf(lock);
    if (!isRunning(owner)) release();
    else if (waits === 20) console.error(`Waiting for process ${owner} to finish its set-up (it holds ${lock})`);
    await setTimeout(50);
  }
  process.once('exit', release);
  await work();
  process.off('exit', release);
  release();
}

function take(lock) {
  try {
    mkdirSync(join(root, '.build'), { recursive: true });
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The process that holds the lock; 0 when it was given up in this moment, or is being written. */
function ownerOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Runs a command that is silent when it succeeds; when it fails, shows all that it said and ends this process. */
function run(command, args, cwd, complaint) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: windows && command === 'npm',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`);
  fail(complaint);
}

function fail(complaint) {
  console.error(complaint);
  process.exit(1);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const asked = (name) => process.argv.includes(`--${name}`);
  await setup({ bench: asked('bench'), rebuild: asked('rebuild'), servers: asked('servers') });
}
