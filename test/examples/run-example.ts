import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { root } from '../package/repository.ts';

/** How an example ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than an example takes on a busy machine, with the wait for another process's set-up. */
export const EXAMPLE_TIMEOUT = 120_000;

/** Runs `docs/examples/<name>/main.ts` as `npm start` does. `started` gets the process, to send it a signal. */
export function runExample(
  name: string,
  args: readonly string[] = [],
  started?: (child: ChildProcessWithoutNullStreams) => void,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const program = `docs/examples/${name}/main.ts`;
    const child = spawn(process.execPath, ['scripts/run.mjs', program, ...args], { cwd: root });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const overdue = setTimeout(() => child.kill('SIGKILL'), EXAMPLE_TIMEOUT - 5_000);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(overdue);
      resolve({ code, stdout, stderr });
    });
    started?.(child);
  });
}
