import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { read, root } from './repository.ts';

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

const lockFiles = ['package-lock.json', 'test/bench/package-lock.json'].filter((path) => existsSync(root + path));

describe('lock files', () => {
  // Without them `npm ci` refuses the whole file. What mends it: npm run lock
  it.each(lockFiles)('%s has the builds for every platform, also those that a mirror lacks', (path) => {
    const { packages } = JSON.parse(read(path)) as LockFile;
    const optional = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    const missing = optional.filter((name) => !(`node_modules/${name}` in packages));

    expect(missing).toEqual([]);
  });
});
