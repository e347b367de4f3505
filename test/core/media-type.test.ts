import { describe, expect, it } from 'vitest';
import { declaresJson, parseMediaType } from '../../src/core/media-type.ts';

describe('parseMediaType', () => {
  it('writes the type and the names of parameters in lower case, and keeps the values', () => {
    const { essence, parameters } = parseMediaType('Text/PLAIN;Charset=UTF-8 ; proto=shop.Order');

    expect(essence).toBe('text/plain');
    expect([...parameters]).toEqual([
      ['charset', 'UTF-8'],
      ['proto', 'shop.Order'],
    ]);
  });

  it('takes quotes and escapes away', () => {
    expect(parseMediaType('a/b; x="y; \\"z\\""; w=1').parameters).toEqual(
      new Map([
        ['x', 'y; "z"'],
        ['w', '1'],
      ]),
    );
  });

  it('keeps the first of two parameters of one name', () => {
    expect(parseMediaType('a/b; x=1; X=2').parameters.get('x')).toBe('1');
  });

  it('reads any number of different ones', () => {
    const essences = Array.from({ length: 200 }, (_, i) => parseMediaType(`a/b${i}; c=d`).essence);

    expect(essences.at(-1)).toBe('a/b199');
  });
});

describe('declaresJson', () => {
  it.each([
    undefined,
    'application/json',
    'application/json;charset=utf-8',
    'Application/JSON',
    'text/json',
    'application/vnd.example+json; version=1',
  ])('is true for %s', (contentType) => {
    expect(declaresJson(contentType)).toBe(true);
  });

  it.each(['text/plain', 'application/jsonl', 'application/json-seq', 'text/plain; format="a/json"'])(
    'is false for %s',
    (contentType) => {
      expect(declaresJson(contentType)).toBe(false);
    },
  );
});
