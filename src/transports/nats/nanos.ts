/** Nanoseconds in a millisecond. */
export const NANOS = 1_000_000;

/** What JetStream says where there is no time. */
const NEVER = '0001-01-01T00:00:00Z';

/** Checks a point in time. */
export function checkTime(field: string, value: Date | string | number): void {
  if (Number.isNaN(new Date(value).getTime())) throw new TypeError(`'${field}' is not a time: ${String(value)}`);
}

/** Writes a point in time as JetStream reads it. */
export function isoOf(time: Date | string | number): string {
  return new Date(time).toISOString();
}

/** Reads a point in time that JetStream wrote, in ms since the epoch. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '' || value === NEVER) return undefined;
  return new Date(value).getTime();
}
