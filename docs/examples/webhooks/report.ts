// What is printed when all is done.
import type { Account } from './account.ts';

/** How a run went. */
export interface Run {
  readonly seed: number;
  readonly elapsedMs: number;
  readonly interrupted: boolean;
  readonly problems: readonly string[];
  /** The server that it ran on; absent where it ran on a broker in this process. */
  readonly server?: string;
}

/** The account as one line of JSON. */
export function asJson(account: Account, { seed, elapsedMs, interrupted, problems, ...where }: Run): string {
  const { published, handled, duplicates, deadLettered, redriven, lost, ...rest } = account;
  const ok = problems.length === 0;
  const memory = { peakMemoryMb: peakMemoryMb() };
  const sums = { published, handled, duplicates, deadLettered, redriven, lost, elapsedMs };
  return `${JSON.stringify({ ok, ...sums, seed, interrupted, ...where, ...rest, ...memory, problems })}\n`;
}

/** The account for people. */
export function asText(account: Account, { seed, elapsedMs, interrupted, problems, server }: Run): string {
  const { published, handled, duplicates, deadLettered, failures, drain } = account;
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const perSecond = Math.round(published / (elapsedMs / 1_000));
  const waiting = interrupted ? ` + ${account.work.messages} still in the stream` : '';
  const rows: [string, number, string][] = [
    ['published', published, `${account.events} events, each of them twice`],
    ['handled', handled, `in ${account.lanes} lanes, ${account.orderViolations} out of order`],
    [
      'duplicates',
      duplicates,
      `${account.duplicatesAtBroker} seen by the broker, ${account.duplicatesAtConsumer} by the consumer`,
    ],
    ['dead-lettered', deadLettered, 'their handler could not be helped by a retry'],
    ['redriven', account.redriven, `sent back and handled, ${account.dead.messages} left`],
    ['lost', account.lost, ''],
    [
      'failures',
      failed,
      Object.entries(failures)
        .map(([way, count]) => `${way} ${count}`)
        .join(', '),
    ],
  ];
  const { received, acked, naked, termed, returned, expired, abandoned } = drain;
  return [
    '',
    ...rows.map(([name, count, remark]) => `  ${name.padEnd(14)}${String(count).padStart(9)}   ${remark}`.trimEnd()),
    '',
    `  ${published} published = ${handled} handled + ${duplicates} duplicates + ${deadLettered} dead-lettered${waiting}`,
    `  drained: ${received} received = ${acked} acked + ${naked} handed back to be retried + ${termed} given up + ` +
      `${returned} returned + ${expired} expired + ${abandoned} abandoned`,
    `  ${(elapsedMs / 1_000).toFixed(1)} s, ${perSecond} a second, ${peakMemoryMb()} MB at most; --seed ${seed} repeats it`,
    ...(server === undefined ? [] : [`  on ${server}, whose streams of this run are removed`]),
    '',
    ...verdict(interrupted, problems),
    '',
  ].join('\n');
}

function verdict(interrupted: boolean, problems: readonly string[]): string[] {
  if (problems.length > 0) return ['The account does not add up:', ...problems.map((problem) => `  - ${problem}`)];
  return [interrupted ? 'Interrupted; so far the account adds up.' : 'The account adds up.'];
}

function peakMemoryMb(): number {
  return Math.round(process.resourceUsage().maxRSS / 1_024);
}
