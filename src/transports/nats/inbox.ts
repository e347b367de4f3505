import { type Observable, type SchedulerLike, Subject } from 'rxjs';
import { deadlines } from '../../core/deadlines.ts';
import type { Leased } from '../../core/leases.ts';
import { encodeUtf8 } from '../../core/utf8.ts';
import { addressBytesOf, type ClientMessage } from './client.ts';

/** Who waits for replies. */
export interface Asker {
  receive(message: ClientMessage): void;
  timedOut(): void;
  /** The connection was lost: replies that were on their way never come. */
  disconnected(): void;
}

/** A place where replies arrive. Close it when no more are wanted. */
export interface InboxEntry {
  /** What tells it from all others that there were. */
  readonly token: number;
  /** The reply address of a request. */
  readonly address: string;
  /** Starts the time to wait for a reply, in ms, or starts it again. */
  expect(timeout: number): void;
  close(): void;
}

/** What came to a place that is closed, or never was one: the token is then no number. */
export interface LateMessage {
  readonly token: number;
  readonly message: ClientMessage;
}

/** One subscription for all that wait for replies. */
export interface Inbox {
  /** What all its addresses begin with. */
  readonly prefix: string;
  readonly size: number;
  /** What comes when nobody waits for it any more. */
  readonly late$: Observable<LateMessage>;
  open(asker: Asker): InboxEntry;
  /** What the addresses of somebody begin with who listens for himself; nobody else has it. */
  uniquePrefix(): string;
  disconnected(): void;
}

/**
 * Makes an inbox below `prefix`; `listen` subscribes to its addresses, once, when the first one is opened.
 *
 * A token names who waits, and one coarse timer watches over all, so that a request costs neither a subscription nor a
 * timer nor a stack trace of its own.
 */
export function inbox(
  prefix: string,
  listen: (address: string, receive: (message: ClientMessage) => void) => void,
  scheduler: SchedulerLike,
): Inbox {
  const entries = new Map<number, Entry>();
  const start = encodeUtf8(prefix).length;
  const waiting = deadlines<Entry>(scheduler, (entry) => entry.asker.timedOut());
  const late = new Subject<LateMessage>();
  let listening = false;
  let count = 0;

  function close(entry: Entry): void {
    waiting.end(entry);
    entries.delete(entry.token);
  }

  function receive(message: ClientMessage): void {
    const bytes = addressBytesOf(message);
    const token =
      bytes === undefined ? Number.parseInt(message.subject.slice(prefix.length), RADIX) : tokenIn(bytes, start);
    const entry = entries.get(token);
    if (entry !== undefined) entry.asker.receive(message);
    else late.next({ token, message });
  }

  const owner: Owner = { expect: (entry, timeout) => waiting.start(entry, timeout), close };

  return {
    prefix,
    get size() {
      return entries.size;
    },
    late$: late.asObservable(),
    open(asker) {
      if (!listening) listen(`${prefix}*`, receive);
      listening = true;
      count += 1;
      const entry = new Entry(asker, count, prefix + count.toString(RADIX), owner);
      entries.set(count, entry);
      return entry;
    },
    uniquePrefix() {
      count += 1;
      return `${prefix}${count.toString(RADIX)}.`;
    },
    disconnected() {
      for (const { asker } of [...entries.values()]) asker.disconnected();
      if (entries.size === 0) waiting.stop();
    },
  };
}

const RADIX = 36;

/** Reads a token from the bytes of an address: to decode the whole for a few digits would cost more than all else here. */
function tokenIn(address: Uint8Array, start: number): number {
  let token = 0;
  for (let at = start; at < address.length; at += 1) {
    const code = address[at] as number;
    if (code >= 48 && code <= 57) token = token * RADIX + code - 48;
    else if (code >= 97 && code <= 122) token = token * RADIX + code - 87;
    else return Number.NaN;
  }
  return token;
}

interface Owner {
  expect(entry: Entry, timeout: number): void;
  close(entry: Entry): void;
}

/** A class, as there is one for each request: the methods are shared. */
class Entry implements InboxEntry, Leased<Entry> {
  readonly asker: Asker;
  readonly token: number;
  readonly address: string;
  readonly owner: Owner;
  lease = 0;
  deadline = 0;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;

  constructor(asker: Asker, token: number, address: string, owner: Owner) {
    this.asker = asker;
    this.token = token;
    this.address = address;
    this.owner = owner;
  }

  expect(timeout: number): void {
    this.owner.expect(this, timeout);
  }

  close(): void {
    this.owner.close(this);
  }
}
