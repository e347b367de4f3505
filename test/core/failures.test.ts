import { describe, expect, it } from 'vitest';
import {
  FatalError,
  InvalidEventError,
  MillraceError,
  RetryAtError,
  SchemaFailedError,
  SchemaRejectedError,
} from '../../src/core/errors.ts';
import { fatal, isFatal, retryAt, retryAtOf } from '../../src/core/failures.ts';

const boom = new Error('boom');

/** Two errors, each the cause of the other. Whoever runs round and round fails rather than hangs. */
function ring(): Error {
  const first = new Error('first');
  const second = new Error('second', { cause: first });
  let reads = 0;
  return Object.defineProperty(first, 'cause', {
    get() {
      reads += 1;
      if (reads > 100) throw new RangeError('Ran round and round');
      return second;
    },
  });
}

describe('fatal', () => {
  it('keeps the error as the cause, and its message', () => {
    const error = fatal(boom);

    expect(error).toBeInstanceOf(FatalError);
    expect([error.message, error.cause]).toEqual(['boom', boom]);
  });

  it('takes a text as the message', () => {
    const error = fatal('The total is negative');

    expect([error.message, 'cause' in error]).toEqual(['The total is negative', false]);
  });

  it('keeps a thrown value that is no error as the cause', () => {
    expect(fatal({ status: 400 }).cause).toEqual({ status: 400 });
  });

  it('returns a fatal error as it is', () => {
    const error = fatal(boom);

    expect(fatal(error)).toBe(error);
  });
});

describe('isFatal', () => {
  it.each<[string, unknown, boolean]>([
    ['a plain error', boom, false],
    ['nothing', undefined, false],
    ['a text', 'fatal', false],
    ['a foreign object with the code', { code: 'FATAL' }, false],
    ['a fatal error', fatal(boom), true],
    ['an invalid event', new InvalidEventError('id', 'is required'), true],
    ['rejected data', new SchemaRejectedError('t', [{ message: 'no' }]), true],
    ['what cannot be decoded', new MillraceError('DECODE_FAILED', 'Not JSON'), true],
    ['a schema that failed', new SchemaFailedError('t', { cause: boom }), false],
    ['a schema that failed fatally', new SchemaFailedError('t', { cause: fatal(boom) }), true],
    ['a cause, further in', new Error('a', { cause: new Error('b', { cause: fatal(boom) }) }), true],
    ['a cause of what is no error', { cause: fatal(boom) }, true],
    ['a retry around a fatal error', retryAt(0, fatal(boom)), true],
    ['a fatal error around a retry', fatal(retryAt(0, boom)), true],
    ['a ring of causes', ring(), false],
  ])('judges %s', (_, error, expected) => {
    expect(isFatal(error)).toBe(expected);
  });
});

describe('retryAt', () => {
  it('takes a date or a number for the same time', () => {
    expect([retryAt(new Date(1_500)).at, retryAt(1_500).at]).toEqual([1_500, 1_500]);
  });

  it('keeps the failure as the cause', () => {
    const error = retryAt(1_500, boom);

    expect(error).toBeInstanceOf(RetryAtError);
    expect(error.cause).toBe(boom);
  });

  it('has no cause when it is given none', () => {
    expect('cause' in retryAt(0)).toBe(false);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, new Date('never')])('refuses %s', (when) => {
    expect(() => retryAt(when)).toThrow(RangeError);
    expect(() => retryAt(when)).toThrow(/^when must be a valid time/);
  });
});

describe('retryAtOf', () => {
  it('finds the time in the chain of causes', () => {
    expect(retryAtOf(new Error('outer', { cause: retryAt(1_500) }))).toBe(1_500);
  });

  it('takes the outermost of several', () => {
    expect(retryAtOf(retryAt(2_000, retryAt(1_000)))).toBe(2_000);
  });

  it.each([[boom], [undefined], [null], [ring()]])('finds none in %s', (error) => {
    expect(retryAtOf(error)).toBeUndefined();
  });
});
