import { addressMatcher } from '../../core/names.ts';
import type { StartPosition } from '../../core/transport.ts';
import { type ConsumerSettings, takesAll } from './config.ts';
import type { MessageLog } from './message-log.ts';

/** Makes a test for the addresses that a consumer takes; undefined where it takes all that its stream stores. */
export function matcherOf(
  { filter }: ConsumerSettings,
  subjects: readonly string[],
): ((address: string) => boolean) | undefined {
  if (takesAll(filter, subjects)) return undefined;
  const matchers = filter.map((pattern) => addressMatcher(pattern));
  const [only] = matchers;
  return matchers.length === 1 ? only : (address) => matchers.some((matches) => matches(address));
}

/** Finds the sequence that a new consumer starts at. */
export function startSequence(
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
