import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { until } from './wait-for.ts';

/** A process that this one started and that does not outlive it. */
export interface OwnedProcess {
  readonly pid: number;
  readonly running: boolean;
  /** All that it has said, on either output, so far as the last 256 KiB hold it. */
  readonly log: string;
  /** Resolves when its log holds the text; rejects when it ends before, or the time is up. */
  says(text: string, deadline?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Stops it with `SIGSTOP`, and waits until its last thread has noticed. `SIGCONT` lets it go on. */
  pause(): Promise<void>;
  /** Sends a signal, `SIGKILL` unless told, and waits for the end. A process that ignores it is killed after `deadline`. */
  end(signal?: NodeJS.Signals, deadline?: number): Promise<void>;
}

const logLength = 256 * 1024;
const owned = new Set<ChildProcess>();

// util-linux has the kernel kill the child with its parent, whatever the parent dies of.
const leash = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => process.platform === 'linux' && existsSync(path));

/** Starts a program that ends with this process. */
export function startProcess(path: string, args: readonly string[]): OwnedProcess {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = leash
    ? spawn(leash, ['--pdeathsig', 'KILL', path, ...args], { stdio })
    : spawn(path, [...args], { stdio });
  let log = '';
  let failure: Error | undefined;
  const isRunning = () => failure === undefined && child.exitCode === null && child.signalCode === null;
  const keep = (text: string) => {
    log = (log + text).slice(-logLength);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  child.once('error', (error) => {
    failure = error;
  });
  own(child);

  return {
    get pid() {
      return child.pid ?? 0;
    },
    get running() {
      return isRunning();
    },
    get log() {
      return log;
    },
    async says(text, deadline = 10_000) {
      await until(() => log.includes(text) || !isRunning(), {
        deadline,
        interval: 5,
        describe: () => `"${text}" in\n${log}`,
      });
      if (!log.includes(text)) throw new Error(`${path} ended:\n${log}`, { cause: failure });
    },
    signal(name) {
      if (isRunning()) child.kill(name);
    },
    async pause() {
      child.kill('SIGSTOP');
      await until(() => !isRunning() || states(child.pid).every((state) => state === 'T'), { interval: 1 });
    },
    async end(signal = 'SIGKILL', deadline = 5_000) {
      if (!isRunning()) return;
      const exit = once(child, 'exit');
      const killer = setTimeout(() => child.kill('SIGKILL'), deadline);
      child.kill(signal);
      // A stopped process handles nothing but SIGKILL.
      child.kill('SIGCONT');
      await exit;
      clearTimeout(killer);
    },
  };
}

/** The states of its threads, in the letters of `ps`; where they cannot be had, that of the process. */
function states(pid: number | undefined): readonly string[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks))
    return [execFileSync('ps', ['-o', 'state=', '-p', `${pid}`], { encoding: 'utf8' }).trim()[0] ?? ''];
  return readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/stat`, 'utf8').match(/\) (\w)/)?.[1] ?? '');
}

function own(child: ChildProcess): void {
  if (owned.size === 0) process.once('exit', killAll);
  owned.add(child);
  child.once('exit', () => {
    owned.delete(child);
    if (owned.size === 0) process.off('exit', killAll);
  });
}

function killAll(): void {
  for (const child of owned) child.kill('SIGKILL');
}
