import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBase64 } from '../../src/core/is-base64.ts';

describe('isBase64', () => {
  it.each(['', 'eyAieHl6IjogMTIzIH0=', 'YQ==', 'YWI=', 'YWJj', '+/+/'])('accepts %j', (text) => {
    expect(isBase64(text)).toBe(true);
  });

  it.each(['=', '====', 'A===', 'YQ', 'YQ=', 'YQ==YQ==', 'Y Q=', 'YQ-_', 'YW=j', 'YWé=', 'YWJj\n'])(
    'refuses %j',
    (text) => {
      expect(isBase64(text)).toBe(false);
    },
  );

  it('accepts whatever Buffer encodes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => isBase64(Buffer.from(bytes).toString('base64'))));
  });
});
