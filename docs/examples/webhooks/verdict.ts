// The verdict: whether the account adds up. Each check compares what two witnesses say.
import type { Account } from './account.ts';
import type { Backlog } from './broker.ts';

/** Says in words what does not add up. Of a run that came to its end, nothing may be left over. */
export function problemsOf(account: Account, { complete }: { readonly complete: boolean }): string[] {
  const { published, handled, duplicates, deadLettered, deadLetteredAgain, sentBack, redriven, work, dead } = account;
  const { received, acked, naked, termed, returned, expired, abandoned, late } = account.drain;
  const onTheWay = sentBack - redriven - deadLetteredAgain;
  const problems = [
    zero('lost events', account.lost),
    zero('events handled twice', account.handledTwice),
    zero('events out of order', account.orderViolations),
    zero('unexpected outcomes', account.unexpected),
    zero('leases that ran out', expired + late),
    equal('published = handled + duplicates + deadLettered (+ still in the stream)', published, [
      handled,
      duplicates,
      deadLettered,
      work.messages - onTheWay,
    ]),
    equal('dead letters = sent back + left', deadLettered + deadLetteredAgain, [sentBack, dead.messages]),
    equal('work done = handled + redriven', account.worked, [handled, redriven]),
    equal("the broker's acks = handled + redriven + duplicates + sent back", acked, [
      handled,
      redriven,
      account.duplicatesAtConsumer,
      sentBack,
    ]),
    equal('given up at the broker = dead letters', termed, [deadLettered, deadLetteredAgain]),
    equal('received = settled', received, [acked, naked, termed, returned, expired, abandoned]),
  ];
  if (complete) {
    problems.push(
      equal('published = twice each event', published, [account.events, account.events]),
      equal('redriven = dead letters', redriven, [deadLettered]),
      zero('left in the streams', leftIn(work) + leftIn(dead)),
    );
  }
  return problems.filter((problem) => problem !== undefined);
}

function zero(what: string, count: number): string | undefined {
  return count === 0 ? undefined : `${what}: ${count}`;
}

function equal(claim: string, left: number, right: readonly number[]): string | undefined {
  const sum = right.reduce((total, part) => total + part, 0);
  return left === sum ? undefined : `${claim} does not hold: ${left} ≠ ${right.join(' + ')}`;
}

function leftIn({ messages, pending, unsettled, redelivering }: Backlog): number {
  return Math.max(messages, pending + unsettled + redelivering);
}
