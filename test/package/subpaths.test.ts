import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { filesBelow, modulesOf, read, readManifest, root } from './repository.ts';

const modules = modulesOf(readManifest());

/** Rooms whose index is part of `millrace` and not a subpath of its own. */
const inner = [
  'src/core/index.ts',
  'src/operators/index.ts',
  'src/patterns/index.ts',
  'src/patterns/events/index.ts',
  'src/patterns/queries/index.ts',
  'src/patterns/sessions/index.ts',
];

describe('package.json exports', () => {
  it.each([...modules])('%s is one file of src, and what the build makes of it', (_, entry) => {
    const { 'millrace:source': source } = entry;
    const built = source.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1');

    expect(existsSync(root + source)).toBe(true);
    expect(Object.entries(entry)).toEqual([
      ['millrace:source', source],
      ['types', `${built}.d.ts`],
      ['default', `${built}.js`],
    ]);
  });

  it('has every index of src that is not part of another', () => {
    const exported = [...modules.values()].map((entry) => entry['millrace:source'].replace('./', ''));
    const indexes = filesBelow('src', '/index.ts').filter((path) => !inner.includes(path));

    expect(exported.sort()).toEqual(indexes);
  });

  it('is listed in the README, one row of a table for each subpath', () => {
    const listed = [...read('README.md').matchAll(/^\|\s*`(millrace(?:\/[\w-]+)?)`\s*\|/gm)].map(([, name]) => name);

    expect(listed.sort()).toEqual([...modules.keys()].sort());
  });
});

describe('documentation', () => {
  it.each(['README.md', ...filesBelow('docs', '.md')])('%s imports only what is exported', (page) => {
    const imported = [...read(page).matchAll(/\bfrom '(millrace(?:\/[\w-]+)?)'/g)].map(([, name = '']) => name);

    expect(imported.filter((name) => !modules.has(name))).toEqual([]);
  });
});
