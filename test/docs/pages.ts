import { existsSync, readdirSync } from 'node:fs';
import { read, root } from '../package/repository.ts';

/** A page that users read. */
export interface Page {
  /** Its path from the root: `docs/testing.md`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of code. */
export interface Fence {
  /** The page that it stands on. */
  readonly path: string;
  /** The line of the page, from 1, on which its first line of code stands. */
  readonly line: number;
  /** What follows the backticks: a language, and what is said about the block. */
  readonly info: string;
  readonly code: string;
}

/** The README, if there is one, and the pages of `docs`, but not of the folders in it. */
export function pages(): readonly Page[] {
  const guides = readdirSync(`${root}docs`)
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`);
  return ['README.md', ...guides].filter((path) => existsSync(root + path)).map((path) => ({ path, text: read(path) }));
}

/** The fenced blocks of a page. They stand at the left margin. */
export function fencesOf({ path, text }: Page): readonly Fence[] {
  const fences: Fence[] = [];
  let open: { readonly line: number; readonly info: string; readonly code: string[] } | undefined;

  for (const [index, content] of text.split('\n').entries()) {
    if (open === undefined) {
      const info = /^\s*```(.*)$/.exec(content)?.[1];
      if (info === undefined) continue;
      if (!content.startsWith('```')) throw new Error(`${path}:${index + 1}: a fence must stand at the left margin`);
      open = { line: index + 2, info: info.trim(), code: [] };
    } else if (content === '```') {
      fences.push({ path, line: open.line, info: open.info, code: open.code.join('\n') });
      open = undefined;
    } else {
      open.code.push(content);
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: the fence is never closed`);
  return fences;
}
