import type { Event } from 'millrace';

/** Publishes all events, and resolves to the sum of the sequences that they have in the stream. */
export type PublishAll = (events: readonly Event[]) => Promise<number>;

export const ADDRESS = 'orders.placed';

/** How many events may be on their way at a time. */
export const IN_FLIGHT = 512;
