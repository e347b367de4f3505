import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { root } from '../package/repository.ts';
import { EXAMPLE_TIMEOUT, runExample } from './run-example.ts';

const folder = `${root}docs/examples`;
const examples = readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/main.ts`));

describe.concurrent('docs/examples', { timeout: EXAMPLE_TIMEOUT }, () => {
  it('are found', () => {
    expect(examples).toEqual(expect.arrayContaining(['quickstart', 'webhooks']));
  });

  it.each(examples)('%s ends by itself with exit code 0', async (name) => {
    const { code, stdout, stderr } = await runExample(name);

    expect(stdout).not.toBe('');
    expect(code, stderr).toBe(0);
  });

  it('quickstart does what the README says that it prints, and is what the README shows', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const shown = /```ts\n(.*?)```.*?```text\n(.*?)```/s.exec(readme);

    const { stdout } = await runExample('quickstart');

    expect(stdout).toBe(shown?.[2]);
    expect(readFileSync(new URL('../../docs/examples/quickstart/main.ts', import.meta.url), 'utf8')).toBe(shown?.[1]);
  });
});
