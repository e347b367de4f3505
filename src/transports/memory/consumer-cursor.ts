import { addressMatcher } from '../../core/names.ts';
import type { StartPosition } from '../../core/transport.ts';
import { type ConsumerSettings, takesAll } from './config.ts';
import type { MessageLog, StoredMessage } from './message-log.ts';

/** Where a consumer stands in its stream, and which messages of it it takes. */
export interface ConsumerCursor {
  /** The sequence that it looks at next. */
  readonly sequence: number;
  /** Whether it has looked at everything. */
  readonly atEnd: boolean;
  /** Moves past the next message that it takes, and returns it. */
  next(): StoredMessage | undefined;
  wants(address: string): boolean;
  /** How many messages it has yet to take. */
  pending(): number;
  /** Where it stands, and what it takes, as of now: later changes do not show. */
  frozen(): { readonly sequence: number; wants(address: string): boolean };
  /** Takes others from here on. */
  configure(settings: ConsumerSettings, subjects: readonly string[]): void;
}

/** Makes a cursor that stands where `settings` say. */
export function consumerCursor(
  settings: ConsumerSettings,
  subjects: readonly string[],
  log: MessageLog,
): ConsumerCursor {
  let matches = matcherOf(settings, subjects);
  let sequence = startSequence(settings.from, log, matches);

  return {
    get sequence() {
      return sequence;
    },
    get atEnd() {
      return sequence > log.last;
    },
    next() {
      if (sequence < log.first) sequence = log.first;
      while (sequence <= log.last) {
        const message = log.at(sequence);
        sequence += 1;
        if (message !== undefined && (matches === undefined || matches(message.address))) return message;
      }
      return undefined;
    },
    wants: (address) => matches === undefined || matches(address),
    pending() {
      if (matches === undefined && log.last - log.first + 1 === log.count) {
        return Math.max(0, log.last - Math.max(sequence, log.first) + 1);
      }
      let pending = 0;
      for (const { address } of log.from(sequence)) if (matches === undefined || matches(address)) pending += 1;
      return pending;
    },
    frozen() {
      const before = matches;
      return { sequence, wants: (address) => before === undefined || before(address) };
    },
    configure(changed, bound) {
      matches = matcherOf(changed, bound);
    },
  };
}

/** Makes a test for the addresses that a consumer takes; undefined where it takes all that its stream stores. */
function matcherOf(
  { filter }: ConsumerSettings,
  subjects: readonly string[],
): ((address: string) => boolean) | undefined {
  if (takesAll(filter, subjects)) return undefined;
  const matchers = filter.map((pattern) => addressMatcher(pattern));
  const [only] = matchers;
  return matchers.length === 1 ? only : (address) => matchers.some((matches) => matches(address));
}

/** Finds the sequence that a new consumer starts at. */
function startSequence(
  from: StartPosition,
  log: MessageLog,
  wants: ((address: string) => boolean) | undefined,
): number {
  if (from === 'all') return log.first;
  if (from === 'new') return log.last + 1;
  if (from === 'last') {
    let last = log.last + 1;
    for (const message of log.from(log.first))
      if (wants === undefined || wants(message.address)) last = message.sequence;
    return last;
  }
  if ('sequence' in from) return from.sequence;
  const time = new Date(from.time).getTime();
  for (const message of log.from(log.first)) if (message.time >= time) return message.sequence;
  return log.last + 1;
}
