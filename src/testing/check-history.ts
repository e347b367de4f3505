import type { Delivery } from '../core/delivery.ts';
import { type Event, eventKey } from '../core/event.ts';
import type { HistoryEntry, PublishedEntry, ReceivedEntry, SettledEntry } from './history-entry.ts';
import type { RecordedDelivery } from './recorded-delivery.ts';

/** Something that must not happen. */
export interface Anomaly {
  /** Source and id of the event; the ordering key of an order violation. */
  readonly key: string;
  /** What happened, in words. */
  readonly details: string;
}

/** The anomalies that a history is searched for. */
export interface Anomalies {
  /**
   * Stored, as its receipt says, and then neither handled successfully, nor dead-lettered, nor skipped. A skip for the
   * sake of another delivery (`duplicate`) is none unless some delivery of the event was handled.
   */
  readonly lost: readonly Anomaly[];
  /** Handled successfully more than once. */
  readonly duplicated: readonly Anomaly[];
  /** Two settlements of one delivery were both taken. */
  readonly settledTwice: readonly Anomaly[];
  /** A first settlement came after the lease was lost, whether it was taken (`ack`) or refused. */
  readonly settledLate: readonly Anomaly[];
  /** Received, and at the end neither settled, nor lost to its lease, nor delivered again. */
  readonly neverSettled: readonly Anomaly[];
  /** The first successful handling of a delivery came after that of a newer one of the same key. */
  readonly orderViolations: readonly Anomaly[];
  /** Received, and never published, or only in vain: every publish was refused. */
  readonly unexpected: readonly Anomaly[];
  /** A sequence that stands for two events, or that differs from the receipt's. */
  readonly diverged: readonly Anomaly[];
}

/** What a history says. */
export interface HistoryReport extends Anomalies {
  /** Whether there is no anomaly but those that were allowed. */
  readonly ok: boolean;
  readonly allowed: readonly (keyof Anomalies)[];
  /** Events that were stored, as their receipts say. */
  readonly published: number;
  /** Deliveries. */
  readonly received: number;
  /** Events that were handled successfully, once or more often. */
  readonly handled: number;
  /** Events that were dead-lettered. */
  readonly deadLettered: number;
  /** Events that were skipped, for whatever reason. */
  readonly skipped: number;
  /** Deliveries that lost their lease unsettled. Not an anomaly: they come again. */
  readonly expired: number;
}

/** Options for {@link History.check}. */
export interface CheckOptions {
  /** The ordering key that the pipeline was to keep; `undefined` for none. @defaultValue no order */
  readonly orderBy?: (delivery: Delivery) => unknown;
  /** Anomalies that are to be expected. @defaultValue none */
  readonly allow?: readonly (keyof Anomalies)[];
  /** What makes two events the same. @defaultValue source and id */
  readonly key?: (event: Event) => string;
}

/** All that happened to one event. */
interface Biography {
  readonly key: string;
  readonly entries: HistoryEntry[];
}

/** A successful handling. */
interface Success {
  readonly at: number;
  readonly key: string;
  readonly delivery: Delivery;
}

/** Reasons of a skip that is made because another delivery of the event is, or was, taken care of. */
const FOR_ANOTHER: ReadonlySet<string> = new Set([
  'duplicate',
  'settled by an earlier delivery',
  'settled before it was handled',
]);

/** Searches a history for anomalies. */
export function checkHistory(entries: readonly HistoryEntry[], options: CheckOptions = {}): HistoryReport {
  const { orderBy, allow = [], key = eventKey } = options;
  const lives = biographies(entries, key);
  const successes = successesIn(entries, key);
  const handled = countBy(successes, (success) => success.key);
  const stored = lives.filter(isStored);
  const deadLettered = lives.filter(isDeadLettered);

  const anomalies: Anomalies = {
    lost: stored.filter((life) => !handled.has(life.key) && !isAccounted(life)).map(describe),
    duplicated: lives.filter((life) => (handled.get(life.key) ?? 0) > 1).map(describe),
    settledTwice: settledTwice(entries, key),
    settledLate: entries.filter(isLate).map(({ event, settlement, accepted, at }) => ({
      key: key(event),
      details: `${settlement} at ${at} after the lease was lost, ${accepted ? 'taken' : 'refused'}`,
    })),
    neverSettled: lives.flatMap(neverSettled),
    orderViolations: orderBy === undefined ? [] : orderViolations(successes, lives, orderBy),
    unexpected: unexpected(lives),
    diverged: diverged(lives),
  };

  return {
    ok: Object.entries(anomalies).every(([kind, list]) => list.length === 0 || allow.includes(kind as keyof Anomalies)),
    allowed: allow,
    published: stored.length,
    received: entries.filter(isReceived).length,
    handled: handled.size,
    deadLettered: deadLettered.length,
    skipped: lives.filter(isSkipped).length,
    expired: entries.filter((entry) => isReceived(entry) && entry.delivery.lost && !entry.delivery.settled).length,
    ...anomalies,
  };
}

function biographies(entries: readonly HistoryEntry[], keyOf: (event: Event) => string): readonly Biography[] {
  const lives = new Map<string, Biography>();
  for (const entry of entries) {
    const key = keyOf(entry.event);
    const life = lives.get(key) ?? { key, entries: [] };
    life.entries.push(entry);
    lives.set(key, life);
  }
  return [...lives.values()];
}

/** What was handled successfully, in order: by the handler, if it was recorded, or else as the outcomes say. */
function successesIn(entries: readonly HistoryEntry[], keyOf: (event: Event) => string): readonly Success[] {
  const hasRuns = entries.some(({ kind }) => kind === 'started');
  return entries.flatMap((entry) => {
    const { at, event } = entry;
    if (entry.kind === 'ended' && entry.result === 'succeeded') {
      return { at, key: keyOf(event), delivery: entry.delivery };
    }
    if (!hasRuns && entry.kind === 'outcome' && entry.outcome.kind === 'succeeded') {
      return { at, key: keyOf(event), delivery: entry.outcome.delivery };
    }
    return [];
  });
}

function isReceived(entry: HistoryEntry): entry is ReceivedEntry {
  return entry.kind === 'received';
}

function isLate(entry: HistoryEntry): entry is SettledEntry {
  return entry.kind === 'settled' && entry.late;
}

function isStored({ entries }: Biography): boolean {
  return entries.some((entry) => entry.kind === 'published' && entry.receipt?.stored === true);
}

function isDeadLettered({ entries }: Biography): boolean {
  return entries.some(
    (entry) =>
      (entry.kind === 'deadLetter' && entry.receipt.stored) ||
      (entry.kind === 'outcome' && entry.outcome.kind === 'deadLettered' && entry.outcome.receipt.stored),
  );
}

function isSkipped({ entries }: Biography): boolean {
  return entries.some((entry) => entry.kind === 'outcome' && entry.outcome.kind === 'skipped');
}

/** Whether it is known where an event went that was not handled. */
function isAccounted(life: Biography): boolean {
  return (
    isDeadLettered(life) ||
    life.entries.some(
      (entry) => entry.kind === 'outcome' && entry.outcome.kind === 'skipped' && !FOR_ANOTHER.has(entry.outcome.reason),
    )
  );
}

function settledTwice(entries: readonly HistoryEntry[], keyOf: (event: Event) => string): readonly Anomaly[] {
  const taken = new Map<string | RecordedDelivery, SettledEntry[]>();
  for (const entry of entries) {
    if (entry.kind !== 'settled' || !entry.accepted) continue;
    const identity = identityOf(entry.delivery);
    taken.set(identity, [...(taken.get(identity) ?? []), entry]);
  }
  return [...taken.values()].flatMap((settlements) => {
    const [first] = settlements;
    if (first === undefined || settlements.length < 2) return [];
    const list = settlements.map(({ settlement, at }) => `${settlement} at ${at}`).join(', ');
    return { key: keyOf(first.event), details: `${nameOf(first.delivery)} was settled with ${list}` };
  });
}

/** What makes two objects the same delivery: the consumer's own number for it, where it has one. */
function identityOf(delivery: RecordedDelivery): string | RecordedDelivery {
  const { position, subscription } = delivery;
  if (position === undefined || subscription.consumer === undefined) return delivery;
  return `${position.stream} ${subscription.consumer} ${position.consumerSequence}`;
}

function neverSettled({ key, entries }: Biography): readonly Anomaly[] {
  const received = entries.filter(isReceived);
  return received.flatMap(({ delivery, at }, index) => {
    const cameAgain = received.slice(index + 1).some((later) => later.delivery.attempt > delivery.attempt);
    if (delivery.settled || delivery.lost || cameAgain) return [];
    return { key, details: `${nameOf(delivery)}, received at ${at}, is still unsettled` };
  });
}

function orderViolations(
  successes: readonly Success[],
  lives: readonly Biography[],
  orderBy: (delivery: Delivery) => unknown,
): readonly Anomaly[] {
  const publishedAs = new Map(lives.filter(isStored).map(({ key }, index) => [key, index]));
  const newest = new Map<unknown, { readonly place: number; readonly success: Success }>();
  const seen = new Set<string>();

  return successes.flatMap((success) => {
    const lane = orderBy(success.delivery);
    const place = success.delivery.position?.sequence ?? publishedAs.get(success.key);
    if (lane === undefined || place === undefined || seen.has(success.key)) return [];
    seen.add(success.key);
    const before = newest.get(lane);
    if (before === undefined || before.place < place) {
      newest.set(lane, { place, success });
      return [];
    }
    const details = `${success.key} (${place}) was handled at ${success.at}, after ${before.success.key} (${before.place}) at ${before.success.at}`;
    return { key: String(lane), details };
  });
}

function unexpected(lives: readonly Biography[]): readonly Anomaly[] {
  const recordsPublishes = lives.some(({ entries }) => entries.some(({ kind }) => kind === 'published'));
  if (!recordsPublishes) return [];
  return lives.flatMap((life) => {
    if (!life.entries.some(isReceived)) return [];
    const publishes = life.entries.filter((entry): entry is PublishedEntry => entry.kind === 'published');
    if (publishes.some(({ result }) => result !== 'refused')) return [];
    const why = publishes.length === 0 ? 'never published' : 'refused at every publish';
    return { key: life.key, details: `received, but ${why}: ${describe(life).details}` };
  });
}

function diverged(lives: readonly Biography[]): readonly Anomaly[] {
  const owners = new Map<string, string>();
  const found = new Map<string, Anomaly>();
  const report = (key: string, details: string) => found.set(`${key} ${details}`, { key, details });

  for (const { key, entries } of lives) {
    const receipts = new Map<string, Set<number>>();
    for (const entry of entries) {
      const { stream, sequence } = (entry.kind === 'published' ? entry.receipt : undefined) ?? {};
      if (stream === undefined || sequence === undefined) continue;
      receipts.set(stream, (receipts.get(stream) ?? new Set()).add(sequence));
    }
    for (const { delivery } of entries.filter(isReceived)) {
      if (delivery.position === undefined) continue;
      const { stream, sequence } = delivery.position;
      const place = `${stream} ${sequence}`;
      const owner = owners.get(place) ?? key;
      owners.set(place, owner);
      if (owner !== key) report(key, `delivered as ${place}, and so was ${owner}`);
      const promised = receipts.get(stream);
      if (promised !== undefined && !promised.has(sequence)) {
        report(key, `delivered as ${place}, but the receipt said ${[...promised].join(', ')}`);
      }
    }
  }
  return [...found.values()];
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** An event's life in a line. */
function describe({ key, entries }: Biography): Anomaly {
  return { key, details: entries.map(tell).join('; ') };
}

function tell(entry: HistoryEntry): string {
  switch (entry.kind) {
    case 'published':
      return `published at ${entry.at} (${tellReceipt(entry)})`;
    case 'received':
      return `${nameOf(entry.delivery)} received at ${entry.at}`;
    case 'settled': {
      const how = [entry.late ? 'late' : '', entry.accepted ? '' : 'refused'].filter(Boolean);
      return [`${entry.settlement} at ${entry.at}`, ...how].join(', ');
    }
    case 'started':
      return `handler started at ${entry.at}`;
    case 'ended':
      return `handler ${entry.result} at ${entry.at}`;
    case 'outcome':
      return `outcome ${entry.outcome.kind} at ${entry.at}`;
    case 'deadLetter':
      return `dead letter stored at ${entry.at}`;
  }
}

function tellReceipt({ result, receipt }: PublishedEntry): string {
  if (receipt === undefined) return result;
  const { stored, stream, sequence, duplicate } = receipt;
  if (!stored) return 'not stored';
  return `${stream} ${sequence}${duplicate ? ', a duplicate' : ''}`;
}

function nameOf({ position, attempt }: Delivery): string {
  return `${position === undefined ? 'delivery' : `${position.stream} ${position.sequence}`} (attempt ${attempt})`;
}
