import { describe, expect, it } from 'vitest';
import { isAtLeast, latest, natsServers } from './servers.ts';

describe('natsServers', () => {
  it('has the newest last', () => {
    for (const server of natsServers) expect(isAtLeast(latest!, server.version)).toBe(true);
  });
});

describe('isAtLeast', () => {
  it.each([
    ['2.10.0', '2.9.10', true],
    ['2.9.10', '2.10.0', false],
    ['2.10.27', '2.10.27', true],
    ['2.10.27', '2.10', true],
    ['2.12.0-RC.1', '2.12.0', true],
    ['3.0.0', '2.15.1', true],
  ])('compares %s with %s by numbers', (version, least, expected) => {
    expect(isAtLeast({ version }, least)).toBe(expected);
  });
});
