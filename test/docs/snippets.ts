import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { root } from '../package/repository.ts';
import { type Fence, fencesOf, type Page } from './pages.ts';

/** A TypeScript program of a page, and the file that it was written to. */
export interface Snippet extends Fence {
  /** Where it stands: `docs/testing.md:12`. */
  readonly name: string;
  readonly file: string;
  /** A fragment is type-checked, and not run: its fence says `ts fragment`. */
  readonly fragment: boolean;
  /** Whether it connects to a NATS server, at the URL that stands on the pages. */
  readonly needsNats: boolean;
}

/** Where the server is that the pages connect to. Those who run a snippet put another URL in its place. */
const NATS_URL = 'nats://localhost:4222';

// Below the root, so that the snippets import 'millrace' by the package's own name, and git and Biome do not see them.
const FOLDER = '.build/snippets';
const NATS_FOLDER = '.build/nats-snippets';

/** The TypeScript of the pages, without that of other libraries: its fence says `ts foreign`. */
export function snippetsOf(pages: readonly Page[]): readonly Snippet[] {
  return pages.flatMap(fencesOf).flatMap((fence) => {
    const [language, ...words] = fence.info.split(/\s+/);
    if (language !== 'ts' || words.includes('foreign')) return [];
    const id = `${fence.path.replace(/\.md$/, '').replaceAll('/', '-')}-${fence.line}`;
    const file = `${root}${FOLDER}/${id}.ts`;
    const needsNats = fence.code.includes(NATS_URL);
    return { ...fence, name: `${fence.path}:${fence.line}`, file, fragment: words.includes('fragment'), needsNats };
  });
}

/** Writes a snippet so that it connects to another server; returns the file to import. */
export function writeForServer({ file, line, code }: Snippet, url: string): string {
  const copy = file.replace(FOLDER, NATS_FOLDER);
  mkdirSync(root + NATS_FOLDER, { recursive: true });
  writeFileSync(copy, `${'\n'.repeat(line - 1)}${code.replaceAll(NATS_URL, url)}\n`);
  return copy;
}

/** Writes each snippet to its file, on the lines that it has on its page, and removes those of earlier runs. */
export function writeSnippets(snippets: readonly Snippet[]): void {
  mkdirSync(root + FOLDER, { recursive: true });
  const config = { extends: '../../tsconfig.json', include: ['*.ts'], exclude: [] };
  const files = new Map([[`${root}${FOLDER}/tsconfig.json`, JSON.stringify(config)]]);
  for (const { file, line, code } of snippets) files.set(file, `${'\n'.repeat(line - 1)}${code}\n`);

  for (const name of readdirSync(root + FOLDER)) {
    const file = `${root}${FOLDER}/${name}`;
    if (!files.has(file)) rmSync(file, { recursive: true, force: true });
  }
  for (const [file, text] of files) {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
  }
}

/** Type-checks what was written, in one run of the compiler, and returns its complaints about the snippets alone. */
export function typeErrors(snippets: readonly Snippet[]): readonly string[] {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  const args = [tsc, '-p', FOLDER, '--noEmit', '--pretty', 'false'];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0 && !/error TS\d+/.test(stdout)) throw new Error(`tsc ended with ${status}: ${stdout}${stderr}`);

  const pathOf = new Map(snippets.map(({ file, path }) => [file.slice(root.length), path]));
  return stdout.split('\n').flatMap((complaint) => {
    const [, file = '', rest = ''] = /^([^()]+)(\(.*)$/.exec(complaint) ?? [];
    const path = pathOf.get(file);
    if (path !== undefined) return `${path}${rest}`;
    return complaint.startsWith('error TS') ? complaint : [];
  });
}
