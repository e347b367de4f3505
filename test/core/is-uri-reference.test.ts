import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUri, isUriReference } from '../../src/core/is-uri-reference.ts';

const uris = [
  'https://example.com',
  'https://example.com/a/b?c=d/e?f#g/h?i',
  'https://user:secret@example.com:8080/',
  'https://@example.com',
  'https://example.com:/',
  'http://[::1]',
  'http://[2001:db8::7]:80/x',
  'http://[v1.fe80::a+en1]/',
  'file:///etc/hosts',
  'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
  'mailto:cncf-wg-serverless@lists.cncf.io',
  'tel:+1-816-555-1212',
  'a:',
  'x-1.y+z:p',
  'https://example.com/%C3%A9?%20#%ff',
  'https://ex%41mple.com',
];

const relativeReferences = [
  '#fragment',
  '/cloudevents/spec/pull/123',
  '//example.com/x',
  '../a:b',
  './a:b',
  'a/b:c',
  '?a:b',
  'AUTO_POPULATE',
  'client-1',
  "-._~!$&'()*+,;=@",
];

const noReferences = [
  'a b',
  ' ',
  'é',
  '/é',
  'a\\b',
  '"a"',
  '<a>',
  '{a}',
  'a|b',
  'a^b',
  'a`b',
  'a\n',
  '/%',
  '/%1',
  '/%1g',
  '%zz',
  '#a#b',
  '1a:b',
  ':a',
  'a_b:c',
  '-:a',
  '/[a]',
  'http://[::1',
  'http://::1]',
  'http://[::1]x',
  'http://[::1]:x',
  'http://[::g]',
  'http://[fe80::1%25eth0]',
  'http://[v.x]',
  'http://a[b]',
  'http://a@b@c',
  'http://[a]@b',
  'http://a:b',
  'http://a:1:2',
  'http://%2/',
  'http://é/',
];

describe('isUriReference', () => {
  it.each(['', ...uris, ...relativeReferences])('accepts %j', (text) => {
    expect(isUriReference(text)).toBe(true);
  });

  it.each(noReferences)('refuses %j', (text) => {
    expect(isUriReference(text)).toBe(false);
  });

  it('accepts whatever is percent-encoded', () => {
    const encoded = fc.string({ unit: 'grapheme' }).map(encodeURIComponent);
    fc.assert(
      fc.property(encoded, encoded, encoded, (path, query, hash) => isUriReference(`/${path}?${query}#${hash}`)),
    );
  });
});

describe('isUri', () => {
  it.each(uris)('accepts %j', (text) => {
    expect(isUri(text)).toBe(true);
  });

  it.each(['', ...relativeReferences, ...noReferences])('refuses %j', (text) => {
    expect(isUri(text)).toBe(false);
  });
});
