import { Subscription } from 'rxjs';
import { addressMatcher } from '../../core/names.ts';
import { includes } from './addresses-of.ts';
import type { Feed, FeedDefaults, FeedTarget, FeedTransport } from './feed.ts';

interface LiveSubscription {
  readonly matches: (address: string) => boolean;
  open: boolean;
}

/**
 * Listens where nothing is stored, with a subscription for each address. What two of them bring comes from the one that
 * was opened first.
 */
export function liveFeed(transport: FeedTransport, defaults: FeedDefaults, target: FeedTarget): Feed {
  const all = new Subscription();
  const subscriptions = new Map<string, LiveSubscription>();
  let waiting: { readonly addresses: readonly string[]; readonly covered: () => void }[] = [];

  function listen(address: string): void {
    const older = [...subscriptions.values()];
    const mine: LiveSubscription = { matches: addressMatcher(address), open: false };
    subscriptions.set(address, mine);
    const opened = () => {
      mine.open = true;
      tell();
    };
    const subscription = transport.subscribe({ ...defaults, address, opened }).subscribe({
      next(delivery) {
        delivery.ack();
        if (!older.some(({ matches }) => matches(delivery.address))) target.receive(delivery);
      },
      error: (error) => target.ended(error),
      complete: () => target.ended(undefined),
    });
    all.add(subscription);
  }

  function isCovered(addresses: readonly string[]): boolean {
    return addresses.every((address) =>
      [...subscriptions].some(([wider, { open }]) => open && includes([wider], address)),
    );
  }

  function tell(): void {
    const ready = waiting.filter(({ addresses }) => isCovered(addresses));
    waiting = waiting.filter((one) => !ready.includes(one));
    for (const { covered } of ready) covered();
  }

  return {
    cover(addresses, covered) {
      waiting.push({ addresses, covered });
      for (const address of addresses) if (!includes([...subscriptions.keys()], address)) listen(address);
      tell();
    },
    close: () => all.unsubscribe(),
  };
}
