import { existsSync, readdirSync } from 'node:fs';
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

  it('quickstart retries one order and dead-letters the other', async () => {
    const { stdout } = await runExample('quickstart');

    expect(stdout.trimEnd().split('\n')).toEqual([
      'order-1, attempt 1: retry',
      'order-2, attempt 1: deadLettered',
      'charged 42 for order-1',
      'order-1, attempt 2: succeeded',
    ]);
  });
});
