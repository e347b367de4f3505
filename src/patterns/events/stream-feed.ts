import { Subscription } from 'rxjs';
import type { Delivery, SubscriptionInfo } from '../../core/delivery.ts';
import { MillraceError } from '../../core/errors.ts';
import { enclosing, includes, narrowest } from './addresses-of.ts';
import type { Feed, FeedDefaults, FeedTarget, FeedTransport } from './feed.ts';

/** A subscription, and those that wait for it. Each takes what is stored from its start to that of its successor. */
interface Reader {
  readonly filter: readonly string[];
  readonly subscription: Subscription;
  /** The first sequence that it takes; undefined while it is not open, or where that is not known. */
  start: number | undefined;
  open: boolean;
  successor: Reader | undefined;
}

interface Waiting {
  readonly addresses: readonly string[];
  readonly covered: () => void;
}

/** Beyond so many addresses one pattern for all of them is filtered by. */
const MOST_FILTERS = 256;

/**
 * Reads a stream from now on, with one subscription, filtered by the broker.
 *
 * For addresses that it leaves out, another one is opened that has them too. The first one is closed when it comes to
 * where the other one begins, so that nothing is missed or comes twice.
 */
export function streamFeed(transport: FeedTransport, stream: string, defaults: FeedDefaults, target: FeedTarget): Feed {
  const all = new Subscription();
  let wanted: readonly string[] = [];
  let waiting: Waiting[] = [];
  let current: Reader | undefined;
  let opening: Reader | undefined;
  /** Whether the server's consumers take one filter only. */
  let single = false;

  function read(): void {
    const filter = single || wanted.length > MOST_FILTERS ? [enclosing(wanted)] : wanted;
    const reader: Reader = {
      filter,
      subscription: new Subscription(),
      start: undefined,
      open: false,
      successor: undefined,
    };
    const opened = (info: SubscriptionInfo) => {
      if (!reader.open) takeOver(reader, info);
    };
    opening = reader;
    all.add(reader.subscription);
    const options = { stream, filter: filter[0] === '>' ? [] : filter, from: 'new', ordered: true, opened } as const;
    const work = transport.subscribe({ ...defaults, ...options }).subscribe({
      next: (delivery) => receive(reader, delivery),
      error(error: unknown) {
        if (reader.open || single || !takesOneFilter(error)) return target.ended(error);
        single = true;
        read();
      },
      complete: () => target.ended(undefined),
    });
    reader.subscription.add(work);
  }

  function takeOver(reader: Reader, { start }: SubscriptionInfo): void {
    reader.open = true;
    reader.start = start;
    if (current !== undefined) {
      current.successor = reader;
      if (start === undefined) current.subscription.unsubscribe();
    }
    current = reader;
    opening = undefined;
    tell();
    if (waiting.length > 0 && opening === undefined) read();
  }

  function receive(reader: Reader, delivery: Delivery): void {
    delivery.ack();
    const end = reader.successor?.start;
    if (end === undefined || (delivery.position?.sequence ?? 0) < end) target.receive(delivery);
    else reader.subscription.unsubscribe();
  }

  function tell(): void {
    const filter = current?.filter ?? [];
    const ready = waiting.filter(({ addresses }) => isIncluded(addresses, filter));
    if (ready.length === 0) return;
    waiting = waiting.filter(({ addresses }) => !isIncluded(addresses, filter));
    for (const { covered } of ready) covered();
  }

  return {
    cover(addresses, covered) {
      if (current !== undefined && isIncluded(addresses, current.filter)) return covered();
      waiting.push({ addresses, covered });
      wanted = narrowest([...wanted, ...addresses]);
      if (opening === undefined) read();
    },
    close: () => all.unsubscribe(),
  };
}

function isIncluded(addresses: readonly string[], filter: readonly string[]): boolean {
  return addresses.every((address) => includes(filter, address));
}

/** What a server before 2.10 answers to several filters. */
function takesOneFilter(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'UNSUPPORTED_BY_SERVER';
}
