import type { MessageHeaders } from './delivery.ts';
import { InvalidNameError } from './errors.ts';
import { AUTO_POPULATE, type Event, eventKey } from './event.ts';
import { isUriReference } from './is-uri-reference.ts';
import { validateAddress } from './names.ts';
import type { Expectation, PublishOptions } from './transport.ts';
import { validateEvent } from './validate-event.ts';

/** Options that every transport has. */
export interface AddressingOptions {
  /** The client name; fills the `source` of events that leave it out. @defaultValue `'millrace'` */
  readonly name?: string;
  /** What an event's address begins with, before `.` and its type. @defaultValue none */
  readonly prefix?: string;
  /** Maps an event to its address, in place of `prefix` and type. */
  readonly address?: (event: Event) => string;
}

/** An event that is ready to travel. */
export interface Outgoing {
  readonly address: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  readonly messageId: string | undefined;
  readonly expect: Expectation | undefined;
}

/** How a transport makes events ready to travel. */
export interface Addressing {
  readonly name: string;
  /** With a source, valid, and with its address and message id. */
  prepare(event: Event, options: PublishOptions): Outgoing;
  /** An event as it may travel: with a source, and valid. */
  complete(event: Event): Event;
}

export const NO_HEADERS: MessageHeaders = /* @__PURE__ */ Object.freeze({});

/**
 * Makes a transport's events ready to travel.
 *
 * @throws TypeError when `prefix` and `address` are both given, InvalidNameError and InvalidAddressError for bad ones.
 */
export function addressing(options: AddressingOptions): Addressing {
  const { name = 'millrace', prefix, address: mapping } = options;
  if (prefix !== undefined && mapping !== undefined) throw new TypeError("'prefix' and 'address' exclude each other");
  if (prefix !== undefined) validateAddress(prefix);
  if (!isUriReference(name) || name === '')
    throw new InvalidNameError('client', 'it fills the source of events, so it must be a URI-reference');
  const addressOf = mapping ?? ((event: Event) => (prefix === undefined ? event.type : `${prefix}.${event.type}`));

  /** The last one that was found valid: most publishers have few. */
  let lastAddress: string | undefined;

  function complete(event: Event): Event {
    const source: unknown = event?.source;
    const isOpen = source === undefined || source === '' || source === AUTO_POPULATE;
    const populated = isOpen ? { ...event, source: name } : event;
    validateEvent(populated);
    return populated;
  }

  return {
    name,
    complete,
    prepare(event, { address = addressOf, headers = NO_HEADERS, messageId = eventKey, expect }) {
      const populated = complete(event);
      const to = typeof address === 'function' ? address(populated) : address;
      if (to !== lastAddress) {
        validateAddress(to);
        lastAddress = to;
      }
      const id = typeof messageId === 'function' ? messageId(populated) : messageId;
      return { address: to, event: populated, headers, messageId: id === false || id === '' ? undefined : id, expect };
    },
  };
}
