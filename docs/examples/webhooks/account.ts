// The account: what went in and what came out, as four witnesses tell it who know nothing of each other: the receipts of
// the publisher, the outcomes of the pipeline, the work that the handler says it has done, and the broker.
import {
  type Delivery,
  type DrainReport,
  type Event,
  HandlerTimeoutError,
  isFatal,
  MillraceError,
  type MillraceErrorCode,
  type Outcome,
  type Receipt,
  redriveCount,
} from 'millrace';
import type { Backlog } from './broker.ts';
import { laneOf, numberOf } from './events.ts';
import { ServiceDownError } from './unreliable.ts';

/** How often handlers failed, by the way in which they did. */
export interface Failures {
  readonly thrown: number;
  readonly rejected: number;
  readonly errored: number;
  /** Made to hang. */
  readonly timedOut: number;
  /** Timed out all the same: the machine was too busy to run them in time. The one count that no seed decides. */
  readonly slow: number;
  readonly fatal: number;
  readonly other: number;
}

/** What is counted while it happens. */
export interface Counts {
  /** Different events that were stored. */
  readonly events: number;
  /** Receipts: each event is published twice. */
  readonly published: number;
  /** Copies that the broker recognised by their message id, and did not store. */
  readonly duplicatesAtBroker: number;
  /** Copies that `dedupe` recognised, and that no handler saw. */
  readonly duplicatesAtConsumer: number;
  /** Handled, at the first attempt or a later one; without those that were dead letters before. */
  readonly handled: number;
  /** Given up, and stored as dead letters. */
  readonly deadLettered: number;
  /** Given up once more after they were sent back: none is expected. */
  readonly deadLetteredAgain: number;
  /** Dead letters that went back to the stream that they came from. */
  readonly sentBack: number;
  /** Dead letters that were sent back and then handled. */
  readonly redriven: number;
  readonly failures: Failures;
  /** Deliveries that went back before a handler saw them, for want of room or because of the drain. */
  readonly handedBack: number;
  /** What no other count has: none is expected. */
  readonly unexpected: number;
  /** How often the handler has done its work. */
  readonly worked: number;
  /** Events whose work was done more than once. */
  readonly handledTwice: number;
  /** Events whose work was done after that of a later one of their lane. Those that were redriven do not count. */
  readonly orderViolations: number;
  readonly lanes: number;
  /** Lanes whose first event waits for its next attempt. */
  readonly lanesWaiting: number;
}

/** What the broker says at the end. */
export interface BrokerEvidence {
  readonly work: Backlog;
  readonly dead: Backlog;
  readonly drain: DrainReport;
}

/** The account when it is closed. */
export interface Account extends Omit<Counts, 'lanesWaiting'> {
  /** Recognised by the broker or by the consumer. */
  readonly duplicates: number;
  /** Events that were published, and that are neither handled nor kept by a stream. */
  readonly lost: number;
  /** What the broker still holds: nothing, unless the run was interrupted. */
  readonly work: Backlog;
  readonly dead: Backlog;
  /** The transport's own account of its deliveries. */
  readonly drain: DrainReport;
}

/** An account that is still open. */
export interface OpenAccount {
  readonly counts: Counts;
  /** A receipt came for an event. */
  published(event: Event, receipt: Receipt): void;
  /** The handler has done its work for a delivery. */
  worked(delivery: Delivery): void;
  /** The pipeline says what became of a delivery. */
  became(outcome: Outcome): void;
  /** The redrive says what became of a dead letter. */
  sentBack(outcome: Outcome): void;
  close(broker: BrokerEvidence): Account;
}

/** Opens an account; `hung` tells which deliveries were made to time out. */
export function openAccount(hung: (delivery: Delivery) => boolean): OpenAccount {
  const failures = { thrown: 0, rejected: 0, errored: 0, timedOut: 0, slow: 0, fatal: 0, other: 0 };
  const counts = {
    events: 0,
    published: 0,
    duplicatesAtBroker: 0,
    duplicatesAtConsumer: 0,
    handled: 0,
    deadLettered: 0,
    deadLetteredAgain: 0,
    sentBack: 0,
    redriven: 0,
    handedBack: 0,
    unexpected: 0,
    worked: 0,
    handledTwice: 0,
    orderViolations: 0,
  };
  const known = flags();
  /** The number of the last event whose work was done, by lane. */
  const lastInLane = new Map<string, number>();
  const waitingLanes = new Set<string>();

  function tried(delivery: Delivery, error: unknown): void {
    const way = error instanceof HandlerTimeoutError ? (hung(delivery) ? 'timedOut' : 'slow') : wayOf(error);
    if (way === 'handedBack') {
      counts.handedBack += 1;
      return;
    }
    failures[way] += 1;
    const lane = laneOf(delivery.event);
    if (lane !== undefined) waitingLanes.add(lane);
  }

  function finished({ event }: Delivery): void {
    const lane = laneOf(event);
    if (lane !== undefined) waitingLanes.delete(lane);
  }

  return {
    get counts() {
      return { ...counts, failures: { ...failures }, lanes: lastInLane.size, lanesWaiting: waitingLanes.size };
    },

    published(event, { duplicate }) {
      counts.published += 1;
      if (duplicate) counts.duplicatesAtBroker += 1;
      else if (known.add(numberOf(event), PUBLISHED)) counts.events += 1;
    },

    worked({ event, headers }) {
      const number = numberOf(event);
      counts.worked += 1;
      if (!known.add(number, WORKED)) counts.handledTwice += 1;
      const lane = laneOf(event);
      if (lane === undefined || redriveCount(headers) > 0) return;
      if (number < (lastInLane.get(lane) ?? 0)) counts.orderViolations += 1;
      else lastInLane.set(lane, number);
    },

    became(outcome) {
      const { delivery } = outcome;
      const wasDead = redriveCount(delivery.headers) > 0;
      if (outcome.settleError !== undefined) counts.unexpected += 1;
      switch (outcome.kind) {
        case 'succeeded':
          counts[wasDead ? 'redriven' : 'handled'] += 1;
          return finished(delivery);
        case 'skipped':
          counts[outcome.reason === 'duplicate' ? 'duplicatesAtConsumer' : 'unexpected'] += 1;
          return;
        case 'deadLettered':
          counts[wasDead ? 'deadLetteredAgain' : 'deadLettered'] += 1;
          known.add(numberOf(delivery.event), DEAD);
          tried(delivery, outcome.error);
          return finished(delivery);
        case 'retry':
        case 'failed':
          return tried(delivery, outcome.error);
      }
    },

    sentBack(outcome) {
      counts[outcome.kind === 'succeeded' ? 'sentBack' : 'unexpected'] += 1;
    },

    close({ work, dead, drain }) {
      const onTheWay = counts.sentBack - counts.redriven - counts.deadLetteredAgain;
      const kept = Math.max(0, work.messages - onTheWay);
      const untouched = known.count((flags) => flags === PUBLISHED);
      const givenUp = known.count((flags) => flags === (PUBLISHED | DEAD));
      return {
        ...counts,
        failures: { ...failures },
        lanes: lastInLane.size,
        duplicates: counts.duplicatesAtBroker + counts.duplicatesAtConsumer,
        lost: Math.max(0, untouched - kept) + Math.max(0, givenUp - dead.messages - Math.min(onTheWay, work.messages)),
        work,
        dead,
        drain,
      };
    },
  };
}

/** What is known of one event, as bits of one byte: the account of a million events takes a megabyte. */
const PUBLISHED = 1;
const WORKED = 2;
const DEAD = 4;

/** A byte for each event, by its number. */
function flags() {
  let bytes = new Uint8Array(1_024);
  return {
    /** Sets a flag; returns whether it was not set before. */
    add(number: number, flag: number): boolean {
      if (number >= bytes.length) {
        const more = new Uint8Array(Math.max(number + 1, 2 * bytes.length));
        more.set(bytes);
        bytes = more;
      }
      const before = bytes[number] ?? 0;
      bytes[number] = before | flag;
      return (before & flag) === 0;
    },
    count: (matches: (flags: number) => boolean): number => bytes.reduce((sum, byte) => sum + Number(matches(byte)), 0),
  };
}

/** The errors of deliveries that no handler has seen. */
const HAND_BACKS: ReadonlySet<MillraceErrorCode> = new Set<MillraceErrorCode>([
  'ALREADY_RUNNING',
  'BUFFER_OVERFLOW',
  'LEASE_LOST',
  'DRAINING',
]);

function wayOf(error: unknown): keyof Failures | 'handedBack' {
  if (error instanceof ServiceDownError) return error.way;
  if (isFatal(error)) return 'fatal';
  return error instanceof MillraceError && HAND_BACKS.has(error.code) ? 'handedBack' : 'other';
}
