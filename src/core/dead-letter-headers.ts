import type { Delivery, MessageHeaders, SubscriptionInfo } from './delivery.ts';
import { eventKey } from './event.ts';

/** The names of the headers that a dead letter carries beside the original event. */
export const deadLetterHeaders = {
  errorName: 'millrace-error-name',
  errorMessage: 'millrace-error-message',
  address: 'millrace-address',
  stream: 'millrace-stream',
  sequence: 'millrace-sequence',
  consumer: 'millrace-consumer',
  attempts: 'millrace-attempts',
  firstTime: 'millrace-first-time',
  lastTime: 'millrace-last-time',
  /** How often the event was sent back from a dead-letter stream. */
  redriven: 'millrace-redriven',
} as const;

const MAX_LENGTH = 1_024;

/** What is known of a delivery that was given up, also by somebody who never had it. */
export type GivenUp = Pick<Delivery, 'event' | 'address' | 'attempt' | 'headers' | 'position'> & {
  readonly subscription: Pick<SubscriptionInfo, 'consumer'>;
};

/** Returns a dead letter's headers: the message's own, and why and where it was given up. */
export function describeDeadLetter(delivery: GivenUp, error: unknown, now: number): MessageHeaders {
  const { position, subscription } = delivery;
  const reason: [string, string | number | undefined][] = [
    [deadLetterHeaders.errorName, error instanceof Error ? error.name : typeof error],
    [deadLetterHeaders.errorMessage, reasonOf(error)],
    [deadLetterHeaders.address, delivery.address],
    [deadLetterHeaders.stream, position?.stream],
    [deadLetterHeaders.sequence, position?.sequence],
    [deadLetterHeaders.consumer, subscription.consumer],
    [deadLetterHeaders.attempts, delivery.attempt],
    [deadLetterHeaders.firstTime, position && new Date(position.time).toISOString()],
    [deadLetterHeaders.lastTime, new Date(now).toISOString()],
  ];
  const headers: Record<string, string> = { ...delivery.headers };
  for (const [name, value] of reason) if (value !== undefined) headers[name] = headerValue(String(value));
  return headers;
}

/** The same for every attempt to store one delivery's dead letter; another one when it was redriven and failed again. */
export function deadLetterId({ event, position, subscription, address }: GivenUp): string {
  if (position === undefined) return `dlq ${address} ${eventKey(event)}`;
  return `dlq ${position.stream} ${position.sequence} ${subscription.consumer ?? ''}`;
}

/** How often an event was sent back from a dead-letter stream, by the headers of its message. */
export function redriveCount(headers: MessageHeaders): number {
  const value = headers[deadLetterHeaders.redriven];
  if (value === undefined) return 0;
  const count = Number(value);
  return Number.isNaN(count) ? 0 : Math.max(0, count); // what else stands there, nobody here wrote
}

/** What went wrong, as text, whatever was thrown: some objects cannot be turned into one. */
export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}

/** A header holds one line of limited length. */
function headerValue(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, MAX_LENGTH);
}
