import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A nats-server of this process alone: with JetStream, on a free port, and no longer than the process. */
export interface BenchServer {
  readonly url: string;
  stop(): void;
}

const RECORD = fileURLToPath(new URL('../../../servers/servers.json', import.meta.url)); // from .build/test/bench/harness

/** Starts the newest nats-server that `npm test` has found, or the one that MILLRACE_NATS_SERVER names. */
export async function natsServer(): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const args = ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', folder, '--ports_file_dir', folder];
  const server = spawn(binary(), args, { stdio: ['ignore', 'ignore', 'ignore'] });
  const stop = () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', stop);
  process.once('SIGTERM', () => process.exit());
  return { url: await urlIn(folder), stop };
}

function binary(): string {
  const named = process.env['MILLRACE_NATS_SERVER'];
  if (named !== undefined && named !== '') return named;
  const { servers } = existsSync(RECORD)
    ? (JSON.parse(readFileSync(RECORD, 'utf8')) as { readonly servers: readonly { readonly path: string }[] })
    : { servers: [] };
  const path = servers.at(-1)?.path;
  if (path === undefined) throw new Error('There is no nats-server: run `node scripts/setup.mjs --servers` first');
  return path;
}

/** The server writes down which port it got. */
async function urlIn(folder: string): Promise<string> {
  for (let looks = 0; looks < 500; looks += 1) {
    const file = readdirSync(folder).find((name) => name.endsWith('.ports'));
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
    if (text !== '') return (JSON.parse(text) as { readonly nats: readonly string[] }).nats[0] ?? '';
    await setTimeout(10);
  }
  throw new Error('The nats-server did not start within 5 s');
}
