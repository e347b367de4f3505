import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { read, root } from './repository.ts';

const forbidden: ReadonlyMap<string, RegExp> = new Map([
  ['a path of one machine', /(?<![\w.])\/(?:tmp|work|farm|root|home|Users)\/[A-Za-z]/],
  ['a host of a package registry', /registry\.(?:npmjs|yarnpkg)|"resolved": *"http/],
]);

const listing = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
const files = (listing.stdout ?? '').split('\0').filter((path) => path !== '' && existsSync(root + path));

// Sources that were unpacked from an archive have no list of tracked files; CI always has one.
describe.skipIf(files.length === 0 && process.env['CI'] === undefined)('tracked files', () => {
  it.each([...forbidden])('hold no mention of %s', (_, pattern) => {
    const found = files.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.slice(0, 160)}`] : [])),
    );

    expect(files).toContain('package.json');
    expect(found).toEqual([]);
  });
});
