import { describe, expect, it } from 'vitest';
import { isAttributeName } from '../../src/core/is-attribute-name.ts';

describe('isAttributeName', () => {
  it.each(['a', 'z', '0', '9', 'traceparent', 'x1', '1x', 'averylongnameoverthetwentycharacters'])(
    'accepts %j',
    (name) => {
      expect(isAttributeName(name)).toBe(true);
    },
  );

  it.each([
    '',
    'A',
    'myExtension',
    'my.extension',
    'my-extension',
    'my_extension',
    'my extension',
    'ä',
    '`',
    '{',
    '/',
    ':',
  ])('refuses %j', (name) => {
    expect(isAttributeName(name)).toBe(false);
  });
});
