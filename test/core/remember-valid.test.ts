import { describe, expect, it } from 'vitest';
import { rememberValid } from '../../src/core/remember-valid.ts';

function counted(isValid: (text: string) => boolean) {
  const asked: string[] = [];
  const check = rememberValid((text) => {
    asked.push(text);
    return isValid(text);
  });
  return { asked, check };
}

describe('rememberValid', () => {
  it('looks once at a text that comes again', () => {
    const { asked, check } = counted(() => true);

    expect([check('a'), check('a'), check('b'), check('a')]).toEqual([true, true, true, true]);
    expect(asked).toEqual(['a', 'b']);
  });

  it('looks again at what is not valid', () => {
    const { asked, check } = counted(() => false);

    expect([check('a'), check('a')]).toEqual([false, false]);
    expect(asked).toEqual(['a', 'a']);
  });

  it('tells texts apart that it keeps in the same place', () => {
    const { check } = counted((text) => text.startsWith('ok'));

    const answers = Array.from({ length: 1_000 }, (_, i) => [check(`ok-${i}`), check(`no-${i}`)]);

    expect(answers.every(([ok, no]) => ok === true && no === false)).toBe(true);
  });

  it('does not remember long texts', () => {
    const { asked, check } = counted(() => true);
    const text = 'x'.repeat(10_000);

    check(text);
    check(text);

    expect(asked).toHaveLength(2);
  });

  it('looks at the empty text', () => {
    const { asked, check } = counted(() => true);

    expect(check('')).toBe(true);
    expect(asked).toEqual(['']);
  });
});
