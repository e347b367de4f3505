// Runs a TypeScript program of this repository, an example or a bench, on the built package:
//   node scripts/run.mjs docs/examples/webhooks/main.ts [its arguments]
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setup } from './setup.mjs';

const [program, ...args] = process.argv.slice(2);
const path = program === undefined ? '' : relative(root, resolve(program));
const bench = /^test[/\\]bench[/\\]/.test(path);

if (!path.endsWith('.ts') || !(bench || /^docs[/\\]examples[/\\]/.test(path))) {
  console.error('Usage: node scripts/run.mjs docs/examples/<name>/main.ts|test/bench/<name>.ts [arguments]');
  process.exit(2);
}
if (!existsSync(join(root, path))) {
  console.error(`There is no ${path} in ${root}`);
  process.exit(2);
}

await setup({ bench });

const compiled = join(root, '.build', path.replace(/\.ts$/, '.js'));
process.argv = [process.execPath, compiled, ...args];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(compiled).href);
