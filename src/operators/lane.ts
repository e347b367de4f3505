import { Observable } from 'rxjs';
import { DecoratedDelivery, isLastAttempt } from '../core/decorated-delivery.ts';
import type { Delivery } from '../core/delivery.ts';

/** The place in the stream: of several streams or consumers, with their names. Or where there is none, source and id. */
export type Identity = number | string;

/** The deliveries that share an ordering key. */
export interface Lane<T> {
  readonly key: unknown;
  /** Running, or done and not yet settled. */
  head: LaneDelivery<T> | undefined;
  /** Waiting, in order. */
  held: LaneDelivery<T>[];
  /** Handed back and expected to return, each with its place in the order and how long it is waited for. */
  away: Map<Identity, Away>;
  lastDone: Identity | undefined;
}

/** One that is on its way back. */
export interface Away {
  readonly rank: number;
  /** How often it was handed back for want of room. */
  readonly returns: number;
  readonly due: number;
  readonly until: number;
}

/** What a lane holds and waits for as long as it holds and waits for nothing: one for all, never changed. */
const NOBODY: never[] = [];
const NOWHERE: Map<Identity, Away> = new Map();

/** How much longer than its delay a retry is waited for where there is no lease to go by, in ms. */
const DEFAULT_PATIENCE = 30_000;

export function emptyLane<T>(key: unknown): Lane<T> {
  return { key, head: undefined, held: NOBODY, away: NOWHERE, lastDone: undefined };
}

/** Nobody runs in its lane, and nothing that comes before it waits there or is on its way back. */
export function mayRun<T>(lane: Lane<T>, delivery: LaneDelivery<T>): boolean {
  if (lane.head !== undefined) return false;
  const first = lane.held[0];
  return (first === undefined || first.rank >= delivery.rank) && !isBehindRetry(lane, delivery);
}

/** Whether one that comes before it is on its way back. */
export function isBehindRetry<T>(lane: Lane<T>, delivery: LaneDelivery<T>): boolean {
  if (lane.away.size > 0) for (const { rank } of lane.away.values()) if (rank < delivery.rank) return true;
  return false;
}

/** Waits for one that was handed back. */
export function expectBack<T>(lane: Lane<T>, identity: Identity, away: Away): void {
  if (lane.away === NOWHERE) lane.away = new Map();
  lane.away.set(identity, away);
}

/** Has it wait in its place in the order. */
export function insert<T>(lane: Lane<T>, delivery: LaneDelivery<T>): void {
  if (lane.held === NOBODY) lane.held = [];
  const { held } = lane;
  let index = held.length;
  while (index > 0 && (held[index - 1] as LaneDelivery<T>).rank > delivery.rank) index -= 1;
  held.splice(index, 0, delivery);
}

/** Whether the broker will deliver it again after a nak. */
export function redelivers(delivery: Delivery): boolean {
  return delivery.position !== undefined && !isLastAttempt(delivery);
}

/** How much longer than its delay a retry is waited for, in ms. */
export function patienceOf({ subscription }: Delivery): number {
  const { lease = DEFAULT_PATIENCE } = subscription;
  return lease === Number.POSITIVE_INFINITY ? DEFAULT_PATIENCE : lease;
}

/** How long it is away for, in ms, or that it is done with, or that it was settled elsewhere, nobody here knows how. */
export type Fate = number | 'done' | 'elsewhere';

/** A delivery's place in its lane. */
interface LanePlace<T> {
  readonly lane: Lane<T>;
  readonly identity: Identity;
  readonly rank: number;
  readonly returns: number;
  readonly settled: (delivery: LaneDelivery<T>, fate: Fate) => void;
}

/** A delivery that tells its lane, once, that it was settled: whether here, or elsewhere after its lease was lost. */
export class LaneDelivery<T> extends DecoratedDelivery<T> {
  readonly lane: Lane<T>;
  readonly identity: Identity;
  readonly rank: number;
  /** How often it was handed back for want of room: the broker counts those deliveries, but they were no attempts. */
  returns: number;
  readonly #settled: (delivery: LaneDelivery<T>, fate: Fate) => void;
  #told = false;

  constructor(inner: Delivery<T>, { lane, identity, rank, returns, settled }: LanePlace<T>) {
    super(inner);
    this.lane = lane;
    this.identity = identity;
    this.rank = rank;
    this.returns = returns;
    this.#settled = settled;
  }

  override get attempt(): number {
    return Math.max(1, this.inner.attempt - this.returns);
  }

  override ack(): boolean {
    return this.#tell(this.inner.ack(), 'done');
  }

  override nak(delay = 0): boolean {
    return this.#tell(this.inner.nak(delay), delay);
  }

  override term(reason?: string): boolean {
    return this.#tell(this.inner.term(reason), 'done');
  }

  override confirm(): Observable<void> {
    return new Observable((subscriber) => {
      const tell = () => this.#tell(true, 'done');
      return this.inner.confirm().subscribe({
        error: (error) => {
          subscriber.error(error);
          tell();
        },
        complete: () => {
          subscriber.complete();
          tell();
        },
      });
    });
  }

  #tell(stood: boolean, fate: Fate): boolean {
    if (this.#told) return stood;
    this.#told = true;
    if (stood) this.#settled(this, fate);
    else if (this.inner.lost === true) this.#settled(this, typeof fate === 'number' ? fate : 0);
    else this.#settled(this, 'elsewhere');
    return stood;
  }
}
