import { describe, expect, it } from 'vitest';
import { until } from './wait-for.ts';

describe('until', () => {
  it('resolves to the first answer that is truthy', async () => {
    const answers = [0, '', null, 'yes', 'again'];

    await expect(until(() => answers.shift(), { interval: 0 })).resolves.toBe('yes');
  });

  it('says what it waited for, and what the last question failed with', async () => {
    const failure = new Error('not yet');

    await expect(until(() => Promise.reject(failure), { deadline: 20, describe: 'a miracle' })).rejects.toMatchObject({
      message: 'Waited 20 ms in vain for: a miracle',
      cause: failure,
    });
  });

  it('does not wait for an answer longer than its deadline', async () => {
    await expect(until(() => new Promise(() => {}), { deadline: 20 })).rejects.toThrow('in vain');
  });
});
