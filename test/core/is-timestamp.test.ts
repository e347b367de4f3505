import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimestamp } from '../../src/core/is-timestamp.ts';

describe('isTimestamp', () => {
  it.each([
    '2018-04-05T17:31:00Z',
    '2018-04-05t17:31:00z',
    '2018-04-05T17:31:00.1Z',
    '2020-02-28T12:13:39.4589254Z',
    '2018-04-05T17:31:00.123456789+02:00',
    '2018-04-05T17:31:00-23:59',
    '2018-04-05T17:31:00-00:00',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '2024-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '2023-04-30T00:00:00Z',
    '2023-01-31T00:00:00Z',
    '1990-12-31T23:59:60Z',
    '1990-12-31T15:59:60-08:00',
    '1991-01-01T01:29:60.5+01:30',
  ])('accepts %j', (text) => {
    expect(isTimestamp(text)).toBe(true);
  });

  it.each([
    '',
    'lunchtime',
    '2018-04-05',
    '2018-04-05T18:31Z',
    '2018-04-05T18:31:00',
    '2018-04-05T18:31:00X',
    '2018-04-05T18:31:00+25:00',
    '2018-04-05T18:31:00+05',
    '2018-04-05T18:31:00+0500',
    '2018-04-05T18:31:00+05:60',
    '2018-04-05T18:31:00+aa:00',
    '2018-04-05T18:31:00 05:00',
    '2018-04-05T18:31:00+05:00:00',
    '2018-04-05T18:31:00ZZ',
    '2018-04-05T18:31:00.Z',
    '2018-04-05T18:31:00.1',
    '2018-04-05T18:31:00,1Z',
    '2018-04-05 18:31:00Z',
    '2018-04-05T24:00:00Z',
    '2018-04-05T18:60:00Z',
    '2018-04-05T18:31:61Z',
    '2018-00-05T18:31:00Z',
    '2018-13-05T18:31:00Z',
    '2018-04-00T18:31:00Z',
    '2018-04-31T18:31:00Z',
    '2018-01-32T18:31:00Z',
    '2023-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-02-30T00:00:00Z',
    '1990-12-31T23:58:60Z',
    '1990-12-31T23:59:60-08:00',
    '18-04-05T18:31:00.000Z',
    '2018/04/05T18:31:00Z',
    '2018-04-05T18.31.00Z',
    '-018-04-05T18:31:00Z',
    '+10000-01-01T00:00:00.000Z',
  ])('refuses %j', (text) => {
    expect(isTimestamp(text)).toBe(false);
  });

  it('accepts what a Date writes', () => {
    const min = new Date('0000-01-01T00:00:00Z');
    const max = new Date('9999-12-31T23:59:59Z');
    fc.assert(fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => isTimestamp(date.toISOString())));
  });

  it('knows the days that there are as a Date does', () => {
    const days = fc.tuple(
      fc.integer({ min: 1, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
    );
    fc.assert(
      fc.property(days, ([year, month, day]) => {
        const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
        const date = new Date(`${text}T00:00:00Z`);

        return isTimestamp(`${text}T00:00:00Z`) === date.toISOString().startsWith(text);
      }),
    );
  });
});
