/** Tells whether a text is a timestamp of RFC 3339, of any precision; a leap second only where one can be. */
export function isTimestamp(text: string): boolean {
  if (text.length < 20 || text.charCodeAt(4) !== MINUS || text.charCodeAt(7) !== MINUS) return false;
  if ((text.charCodeAt(10) | 32) !== LOWER_T || text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON)
    return false;
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (!isDate(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2))) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;

  const zone = fractionEnd(text, 19);
  const offset = zoneOffset(text, zone);
  if (Number.isNaN(offset)) return false;
  return second < 60 || (hour * 60 + minute - offset + 2 * MINUTES_A_DAY) % MINUTES_A_DAY === MINUTES_A_DAY - 1;
}

const MINUTES_A_DAY = 1440;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const COLON = 58;
const LOWER_T = 116;
const LOWER_Z = 122;

/** The value of `count` decimal digits, or -1 if they are not all digits. */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isDate(year: number, month: number, day: number): boolean {
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  if (day <= 28) return true;
  if (month !== 2) return day <= (month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);
  return day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Where the fraction of a second that may start here ends; -1 if it has no digits. */
function fractionEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== DOT) return start;
  let at = start + 1;
  while (digits(text, at, 1) >= 0) at++;
  return at === start + 1 ? -1 : at;
}

/** The minutes by which the rest of the text, a zone, is ahead of UTC; NaN if it is malformed. */
function zoneOffset(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if ((sign | 32) === LOWER_Z) return text.length === at + 1 ? 0 : Number.NaN;
  if (text.length !== at + 6 || (sign !== PLUS && sign !== MINUS) || text.charCodeAt(at + 3) !== COLON)
    return Number.NaN;
  const hour = digits(text, at + 1, 2);
  const minute = digits(text, at + 4, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return Number.NaN;
  return (sign === PLUS ? 1 : -1) * (hour * 60 + minute);
}
