import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { ObservableNotification } from 'rxjs';

/** What a marble diagram says: something at a frame. */
interface Message {
  readonly frame: number;
  readonly notification: ObservableNotification<unknown>;
}

/** What a subscription diagram says. */
interface SubscriptionFrames {
  readonly subscribedFrame: number;
  readonly unsubscribedFrame: number;
}

/** More frames than this are not shown. */
const SHOWN = 500;

/**
 * Compares what a `TestScheduler` recorded with what a diagram says.
 *
 * @throws AssertionError with both, frame by frame, where they differ.
 */
export function assertFrames(actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const actualLines = describe(actual).slice(0, SHOWN);
  const expectedLines = describe(expected).slice(0, SHOWN);
  const lines = difference(expectedLines, actualLines);
  const note = isDeepStrictEqual(actualLines, expectedLines) ? '\n(they read alike, but are not deeply equal)' : '';

  throw new AssertionError({
    message: `The frames differ (- expected, + actual)\n\n${lines.join('\n')}\n${note}`,
    actual: actualLines,
    expected: expectedLines,
    operator: 'marbles',
  });
}

function describe(messages: unknown): readonly string[] {
  return (messages as readonly (Message | SubscriptionFrames)[]).map((message) =>
    'notification' in message ? describeMessage(message) : describeSubscription(message),
  );
}

function describeMessage({ frame, notification }: Message): string {
  const at = `${String(frame).padStart(6)} ms  `;
  if (notification.kind === 'N') return `${at}next ${print(notification.value)}`;
  return at + (notification.kind === 'E' ? `error ${print(notification.error)}` : 'complete');
}

function describeSubscription({ subscribedFrame, unsubscribedFrame }: SubscriptionFrames): string {
  return `subscribed at ${subscribedFrame} ms, unsubscribed ${
    unsubscribedFrame === Number.POSITIVE_INFINITY ? 'never' : `at ${unsubscribedFrame} ms`
  }`;
}

function print(value: unknown): string {
  if (value instanceof Error) {
    const cause = value.cause === undefined ? '' : `, caused by ${print(value.cause)}`;
    return `${value.name}: ${value.message}${cause}`;
  }
  return inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY });
}

/** The lines of both, in order, each marked as expected (`-`), actual (`+`) or common. */
function difference(expected: readonly string[], actual: readonly string[]): readonly string[] {
  const common = commonLengths(expected, actual);
  const lines: string[] = [];
  let e = 0;
  let a = 0;
  while (e < expected.length || a < actual.length) {
    if (e < expected.length && a < actual.length && expected[e] === actual[a]) {
      lines.push(`  ${expected[e]}`);
      e++;
      a++;
    } else if (e < expected.length && (a === actual.length || length(e + 1, a) >= length(e, a + 1))) {
      lines.push(`- ${expected[e++]}`);
    } else {
      lines.push(`+ ${actual[a++]}`);
    }
  }
  return lines;

  function length(fromExpected: number, fromActual: number): number {
    return common[fromExpected]?.[fromActual] ?? 0;
  }
}

/** How many lines two lists have in common, from each pair of indices on. */
function commonLengths(expected: readonly string[], actual: readonly string[]): readonly (readonly number[])[] {
  const table = Array.from({ length: expected.length + 1 }, () => new Array<number>(actual.length + 1).fill(0));
  for (let e = expected.length - 1; e >= 0; e--) {
    for (let a = actual.length - 1; a >= 0; a--) {
      const row = table[e] as number[];
      const below = table[e + 1] as number[];
      row[a] =
        expected[e] === actual[a] ? (below[a + 1] as number) + 1 : Math.max(below[a] as number, row[a + 1] as number);
    }
  }
  return table;
}
