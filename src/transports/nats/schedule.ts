import { createHash, randomUUID } from 'node:crypto';
import type { Outgoing } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { validateAddress } from '../../core/names.ts';
import type { JetStreamPublishOptions } from './publish-options.ts';

/** A message that asks its stream to publish another one later. */
export interface Scheduled {
  readonly message: Outgoing;
  readonly extra: MessageHeaders;
}

/**
 * Makes the message that has an event published later, by the stream that keeps it until then (NATS ADR-51).
 *
 * @throws InvalidAddressError for a bad schedule address, TypeError for one that is the event's own.
 */
export function scheduled(
  message: Outgoing,
  at: Date | string | number,
  { scheduleAddress, ttl }: JetStreamPublishOptions,
): Scheduled {
  const { address, event } = message;
  const keptAt =
    typeof scheduleAddress === 'function' ? scheduleAddress(event) : (scheduleAddress ?? ownAddress(message));
  validateAddress(keptAt);
  if (keptAt === address) throw new TypeError("'scheduleAddress' must be another one than the event's address");
  const extra = { 'Nats-Schedule': `@at ${new Date(at).toISOString()}`, 'Nats-Schedule-Target': address };
  return {
    message: { ...message, address: keptAt },
    extra: ttl === undefined ? extra : { ...extra, 'Nats-Schedule-TTL': ttlHeader(ttl) },
  };
}

/** A time to live as servers read it: a duration in Go's notation. */
export function ttlHeader(ttl: number | 'never'): string {
  return ttl === 'never' ? ttl : `${Math.ceil(ttl)}ms`;
}

/** The same for each try of the same event, and different for different ones, since a later schedule replaces an earlier one. */
function ownAddress({ address, messageId = randomUUID() }: Outgoing): string {
  return `scheduled.${address}.${createHash('sha256').update(messageId).digest('base64url')}`;
}
