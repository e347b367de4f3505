import { InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { type IdFactory, xid } from './ids.ts';

/** Options for {@link newTransactionId}. */
export interface TransactionIdOptions {
  /** What follows `tid-`. @defaultValue `xid()`, one for the process */
  readonly id?: IdFactory;
}

const defaultId: IdFactory = /* @__PURE__ */ xid();

/** The extension attribute that pairs a request event with its responses. */
const ATTRIBUTE = 'transactionid';

/** Makes a new transaction id: `tid-` and an id that sorts by time. */
export function newTransactionId(options: TransactionIdOptions = {}): string {
  const { id = defaultId } = options;
  return `tid-${id()}`;
}

/** Returns an event's transaction id, if it has one. */
export function transactionOf(event: Event): string | undefined {
  const id = event[ATTRIBUTE];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

/**
 * Returns the event with a transaction id: a frozen copy, or the event itself where it has that id already.
 *
 * @throws InvalidEventError when `id` is empty.
 */
export function withTransaction<T>(event: Event<T>, id: string): Event<T> {
  if (typeof id !== 'string' || id === '') throw new InvalidEventError(ATTRIBUTE, 'must be a non-empty string');
  return event[ATTRIBUTE] === id ? event : Object.freeze({ ...event, [ATTRIBUTE]: id });
}
