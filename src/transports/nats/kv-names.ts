import { InvalidNameError } from '../../core/errors.ts';
import { validateName } from '../../core/names.ts';

/** Checks the name of a bucket. @throws InvalidNameError */
export function checkBucket(bucket: string): void {
  validateName('bucket', bucket);
}

/** Checks a key: tokens between dots, of letters and digits of ASCII and `-/_=`. @throws InvalidNameError */
export function checkKey(key: string): void {
  check('key', key, /^[-/_=A-Za-z0-9]+$/, "a token may hold a-z, A-Z, 0-9 and '-/_=' only");
}

/** Checks a filter: a key in which a token may be `*`, and the last one `>`. @throws InvalidNameError */
export function checkFilter(filter: string): void {
  const tokens = filter.split('.');
  const place = tokens.indexOf('>');
  if (place >= 0 && place < tokens.length - 1) throw new InvalidNameError('filter', "'>' must be the last token");
  check('filter', filter, /^([-/_=A-Za-z0-9]+|[*>])$/, "a token may hold a-z, A-Z, 0-9 and '-/_=', or be a wildcard");
}

/** The stream that is a bucket. */
export function streamOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** Where the values of a key are stored. */
export function subjectOf(bucket: string, key: string): string {
  return `$KV.${bucket}.${key}`;
}

function check(field: string, name: string, token: RegExp, rule: string): void {
  if (typeof name !== 'string' || name === '') throw new InvalidNameError(field, 'it must be a string, and not empty');
  for (const part of name.split('.')) {
    if (part === '') throw new InvalidNameError(field, 'a token between dots must not be empty');
    if (!token.test(part)) throw new InvalidNameError(field, rule);
  }
}
