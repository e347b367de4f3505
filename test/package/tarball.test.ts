import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesBelow, modulesOf, readManifest, root } from './repository.ts';

const manifest = readManifest();
const modules = [...modulesOf(manifest).keys()];

/** The oldest RxJS that the peer range admits, and the compilers that users have. */
const lowestRxjs = manifest.peerDependencies['rxjs']?.replace('^', '');
const compilers = ['5.4', '5.9', '6.0', '7.0'];

/** A project that has millrace and RxJS, installed as a user would. */
let consumer: string;
let packed: readonly string[];

beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), 'millrace-consumer-'));
  const [{ filename, files }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', consumer], root)) as [
    { readonly filename: string; readonly files: readonly { readonly path: string }[] },
  ];
  packed = files.map(({ path }) => path);

  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const packages = [
    `./${filename}`,
    `rxjs@${lowestRxjs}`,
    `@types/node@${manifest.devDependencies['@types/node']}`,
    ...compilers.map((version) => `typescript-${version}@npm:typescript@~${version}.0`),
  ];
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages]);
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

describe('the tarball', () => {
  it('holds the sources, what is built from them, and the documents of a package', () => {
    const sources = filesBelow('src', '.ts');
    const built = sources.flatMap((source) => {
      const base = source.replace(/^src\/(.*)\.ts$/, 'dist/$1');
      return ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => base + ending);
    });
    const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];

    expect([...packed].sort()).toEqual([...sources, ...built, ...documents].sort());
  });

  it.each(modules)('gives %s to import and to require, without a warning', async (name) => {
    const names = Object.keys((await import(name)) as object).sort();
    const print = 'console.log(JSON.stringify(Object.keys(module).sort()))';

    const imported = run(process.execPath, [
      '--input-type=module',
      '--eval',
      `import * as module from '${name}'; ${print}`,
    ]);
    const required = run(process.execPath, [
      '--input-type=commonjs',
      '--eval',
      `{ const module = require('${name}'); ${print} }`,
    ]);

    expect(JSON.parse(imported)).toEqual(names);
    expect(JSON.parse(required)).toEqual(names);
  });

  // The declarations of the `nats` client say TextEncoder, which is a browser's type, and what TypeScript 5.7 brought.
  const withoutNats = modules.filter((name) => name !== 'millrace/nats');
  const checked = compilers.flatMap((version) => [
    { version, lib: ['es2023', 'esnext.disposable'], names: withoutNats },
    ...(Number(version) < 5.7 ? [] : [{ version, lib: ['es2023', 'esnext.disposable', 'dom'], names: modules }]),
  ]);

  it.each(checked)(
    'type-checks with TypeScript $version and $lib, its declarations included',
    ({ version, lib, names }) => {
      const code = [
        ...names.map((name, index) => `import * as module${index} from '${name}';`),
        "import { MillraceError } from 'millrace';",
        `export const all: readonly object[] = [${names.map((_, index) => `module${index}`).join(', ')}];`,
        'export const isOurs = (error: unknown): error is MillraceError => error instanceof MillraceError;',
        '// @ts-expect-error: a code that does not exist, so that a type that was lost on the way is noticed',
        "export const wrong: MillraceError = new MillraceError('NO_SUCH_CODE', '');",
      ].join('\n');
      const config = {
        compilerOptions: {
          target: 'es2022',
          lib,
          module: 'nodenext',
          types: ['node'],
          strict: true,
          skipLibCheck: false,
          noEmit: true,
        },
        files: ['consumer.ts'],
      };
      writeFileSync(join(consumer, 'consumer.ts'), code);
      writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config));

      run(process.execPath, [join(consumer, `node_modules/typescript-${version}/bin/tsc`), '-p', consumer]);
    },
  );
});

/** Runs a command to its end and gives what it printed; fails with all its output, and on anything said on standard error. */
function run(command: string, args: readonly string[], cwd: string = consumer): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  const quiet = command !== process.execPath || stderr === '';
  expect(status === 0 && quiet, `${command} ${args.join(' ')}\n${stdout}${stderr}`).toBe(true);
  return stdout;
}
