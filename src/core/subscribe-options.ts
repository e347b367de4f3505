import { checkStart, oneOf, wholeNumber } from './check-options.ts';
import { validateAddress, validateName } from './names.ts';
import type { OverflowPolicy, SubscriptionOptions } from './transport.ts';

/** Listens at an address: what is published while nobody listens is gone. */
export interface CoreSubscribeOptions extends SubscriptionOptions {
  /** The address, with wildcards. */
  readonly address: string;
  /** Members of one queue share the messages. */
  readonly queue?: string;
  /** How many messages may wait while `prefetch` deliveries are unsettled. @defaultValue `1_024` */
  readonly buffer?: number;
  /** What happens when the buffer is full. @defaultValue `'error'` */
  readonly overflow?: OverflowPolicy;
}

/** Reads a stream: through a durable consumer, or without `consumer` through one that lives as long as the subscription. */
export interface StreamSubscribeOptions extends SubscriptionOptions {
  readonly stream: string;
  /** A consumer made by `ensureConsumer`; it decides where to start, what to take and how long a lease is. */
  readonly consumer?: string;
  /** Without `consumer`: which addresses of the stream. @defaultValue all */
  readonly filter?: string | readonly string[];
}

export const DEFAULT_PREFETCH = 256;
export const DEFAULT_BUFFER = 1_024;

/**
 * Checks the options of a subscription; `what` says which kinds the transport has.
 *
 * @throws TypeError for options that contradict each other, RangeError, InvalidAddressError or InvalidNameError for a bad one.
 */
export function checkSubscribeOptions(
  options: CoreSubscribeOptions | StreamSubscribeOptions,
  what: 'address' | 'stream' | 'both',
): void {
  const fields: { readonly [field: string]: unknown } = { ...options };
  const given = (field: string): boolean => fields[field] !== undefined;
  const exclude = (field: string, ...others: string[]): void => {
    const other = others.find(given);
    if (given(field) && other !== undefined) throw new TypeError(`'${field}' and '${other}' exclude each other`);
  };
  exclude('address', 'stream', 'consumer', 'filter', 'from');
  exclude('stream', 'queue', 'buffer', 'overflow');
  exclude('consumer', 'from', 'filter');
  if (what === 'both' && !given('address') && !given('stream'))
    throw new TypeError("Give 'address' to listen, or 'stream' to read a stream");
  if (what === 'address' && !given('address')) throw new TypeError("Give 'address': this transport has no streams");
  if (what === 'stream' && !given('stream')) throw new TypeError("Give 'stream': this transport reads streams only");
  if (isCoreSubscribe(options)) checkCore(options);
  else checkStream(options);
  if (options.prefetch !== undefined) wholeNumber('prefetch', options.prefetch);
}

/** Whether a subscription listens at an address, and does not read a stream. */
export function isCoreSubscribe(
  options: CoreSubscribeOptions | StreamSubscribeOptions,
): options is CoreSubscribeOptions {
  return (options as Partial<CoreSubscribeOptions>).address !== undefined;
}

function checkCore({ address, queue, buffer, overflow = 'error' }: CoreSubscribeOptions): void {
  validateAddress(address, { wildcards: true });
  if (queue !== undefined) validateName('queue', queue);
  if (buffer !== undefined) wholeNumber('buffer', buffer);
  oneOf('overflow', overflow, ['error', 'drop-oldest', 'drop-newest']);
}

function checkStream({ stream, consumer, filter = [], from }: StreamSubscribeOptions): void {
  validateName('stream', stream);
  if (consumer !== undefined) validateName('consumer', consumer);
  for (const pattern of typeof filter === 'string' ? [filter] : filter) validateAddress(pattern, { wildcards: true });
  if (from !== undefined) checkStart(from);
}
