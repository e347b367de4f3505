import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { read, root } from '../package/repository.ts';
import { type Page, pages } from './pages.ts';

describe('the pages', () => {
  it('link to files and headings that exist', () => {
    expect(pages().flatMap(deadLinks)).toEqual([]);
  });

  it('are all listed in the index', () => {
    const index = read('docs/README.md');
    const unlisted = pages().filter(({ path }) => {
      const name = posix.basename(path);
      return path.startsWith('docs/') && name !== 'README.md' && !index.includes(`](${name})`);
    });

    expect(unlisted.map(({ path }) => path)).toEqual([]);
  });
});

describe('the check itself', () => {
  it.each([
    ['a missing file', '[x](missing.md)', ['docs/page.md: missing.md']],
    ['a missing heading of the page', '## Here\n[x](#there)', ['docs/page.md: #there']],
    [
      'a missing heading of another page',
      '[x](../README.md#no-such-heading)',
      ['docs/page.md: ../README.md#no-such-heading'],
    ],
    [
      'nothing in a link that is right',
      '## `from`, to & back\n[x](#from-to--back) [y](../README.md) [z](https://e.com/#a)',
      [],
    ],
    ['nothing in code', '```ts\nconst x = y[0](z);\n```\n`[a](b)`', []],
  ])('finds %s', (_, text, expected) => {
    expect(deadLinks({ path: 'docs/page.md', text })).toEqual(expected);
  });
});

function deadLinks(page: Page): readonly string[] {
  const prose = withoutCode(page.text).replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !leadsSomewhere(page, target)).map((target) => `${page.path}: ${target}`);
}

function leadsSomewhere(page: Page, target: string): boolean {
  if (/^https?:/.test(target)) return true;
  const [file = '', heading] = target.split('#');
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file);
  if (file !== '' && !existsSync(root + path)) return false;
  return heading === undefined || headingsOf(file === '' ? page.text : read(path)).has(heading);
}

/** The headings of a page as GitHub makes anchors of them. */
function headingsOf(text: string): ReadonlySet<string> {
  const headings = withoutCode(text).matchAll(/^#+ +(.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '');
}
