import { describe, expect, it } from 'vitest';
import { isMediaType } from '../../src/core/is-media-type.ts';

describe('isMediaType', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/vnd.example+json',
    'text/plain; charset=utf-8',
    'text/plain;charset=utf-8',
    'text/plain ;\tcharset="utf-8"',
    'multipart/mixed; boundary="a\\"b;c"; x=y',
    'a/b;c=""',
    "x-!#$%&'*/+-.^_`{|}~",
  ])('accepts %j', (text) => {
    expect(isMediaType(text)).toBe(true);
  });

  it.each([
    '',
    'xyz',
    '/',
    'a/',
    '/b',
    'a/b/c',
    'a b/c',
    'a/b c',
    'a/b;',
    'a/b; ',
    'a/b ',
    ' a/b',
    'a/b;c',
    'a/b;c=',
    'a/b;=d',
    'a/b;c="d',
    'a/b;c="d\\',
    'a/b;c="d"e',
    'a/b;c="é"',
    'a/b;c="\u0000"',
    'a/b;c=é',
    'é/b',
    'a/b\n',
  ])('refuses %j', (text) => {
    expect(isMediaType(text)).toBe(false);
  });
});
