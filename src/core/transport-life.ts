import { setMaxListeners } from 'node:events';
import {
  AsyncSubject,
  concat,
  defer,
  EMPTY,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  type Subscriber,
  Subscription,
  take,
} from 'rxjs';
import { TransportClosedError } from './errors.ts';
import { type Ledger, ledger } from './ledger.ts';
import { LONGEST_DELAY } from './longest-delay.ts';
import type { Attachment } from './puller.ts';
import type { Status } from './status.ts';
import type { DrainOptions, DrainReport } from './transport.ts';

/** What the subscriptions, requests and publishes of one transport share, from its start to the end of its drain. */
export interface TransportLife {
  readonly name: string;
  readonly scheduler: SchedulerLike;
  readonly ledger: Ledger;
  /** Aborted when the drain starts. */
  readonly draining: AbortSignal;
  readonly closed: boolean;
  /** The attachments that take deliveries or have some out, and whatever else a drain has to wait for. */
  readonly attachments: Set<Attachment>;
  /** Completes each open source. */
  readonly sources: Set<() => void>;
  /** Fails each request that waits for a reply. */
  readonly asking: Set<(error: unknown) => void>;
  /** The connection's state now, and everything that happens from now on. */
  readonly status$: Observable<Status>;
  /** Says what state the transport is in from now on. */
  enter(status: Status): void;
  /** Says what has happened. */
  tell(status: Status): void;
  /** Some attachment has one unsettled delivery less. */
  settled(): void;
  /**
   * Runs one subscription: `attach` opens it for a subscriber, whose end detaches it. It is forgotten when what it had
   * out is settled.
   */
  run<T, A extends Attachment>(subscriber: Subscriber<T>, attach: (settled: () => void) => A): A;
  drain(options?: DrainOptions): Observable<DrainReport>;
}

export interface TransportLifeOptions {
  readonly name: string;
  readonly scheduler: SchedulerLike;
  /** Sends what is still to be sent when all is settled, before the report. @defaultValue nothing */
  readonly flush?: () => Observable<unknown>;
}

const DEFAULT_GRACE = 30_000;

/** Starts a transport's life. */
export function transportLife({ name, scheduler, flush = () => EMPTY }: TransportLifeOptions): TransportLife {
  const account = ledger();
  const draining = new AbortController();
  setMaxListeners(0, draining.signal);
  const attachments = new Set<Attachment>();
  const sources = new Set<() => void>();
  const asking = new Set<(error: unknown) => void>();
  const settlements = new Subject<void>();
  const statuses = new Subject<Status>();
  let current: Status = { kind: 'connected' };
  let closed = false;
  let drained: AsyncSubject<DrainReport> | undefined;
  /** Brings the end of the drain forward. */
  let hurry: (grace: number) => void = () => undefined;

  function enter(status: Status): void {
    current = status;
    statuses.next(status);
  }

  function settled(): void {
    if (settlements.observed) settlements.next();
  }

  function startDrain(grace: number, openUntil: Observable<unknown>, result: AsyncSubject<DrainReport>): void {
    const startedAt = scheduler.now();
    const waiting = new Subscription();
    let deadline: Subscription | undefined;
    let endsAt = Number.POSITIVE_INFINITY;
    let mayClose = false;
    let finished = false;

    const finish = () => {
      if (finished) return;
      finished = true;
      deadline?.unsubscribe();
      waiting.unsubscribe();
      const reason = new TransportClosedError(name);
      for (const attachment of attachments) attachment.abandon(reason);
      closed = true;
      for (const fail of asking) fail(reason);
      flush().subscribe({ error: report, complete: () => report(undefined) });
    };
    const report = (error: unknown) => {
      if (error !== undefined) statuses.next({ kind: 'error', error });
      enter({ kind: 'closed' });
      statuses.complete();
      result.next({ ...account, elapsedMs: scheduler.now() - startedAt });
      result.complete();
    };
    const finishWhenSettled = () => {
      if (!mayClose) return;
      for (const { unsettled } of attachments) if (unsettled > 0) return;
      finish();
    };

    const allowClosing = () => {
      mayClose = true;
      finishWhenSettled();
    };
    hurry = (grace) => {
      const at = scheduler.now() + grace;
      if (finished || (deadline !== undefined && at >= endsAt)) return;
      endsAt = at;
      deadline?.unsubscribe();
      deadline = scheduler.schedule(finish, Math.min(grace, LONGEST_DELAY));
    };

    enter({ kind: 'draining' });
    for (const attachment of attachments) attachment.detach();
    draining.abort();
    for (const complete of sources) complete();
    waiting.add(settlements.subscribe(finishWhenSettled));
    hurry(grace);
    waiting.add(openUntil.pipe(take(1)).subscribe({ error: allowClosing, complete: allowClosing }));
  }

  return {
    name,
    scheduler,
    ledger: account,
    draining: draining.signal,
    get closed() {
      return closed;
    },
    attachments,
    sources,
    asking,
    status$: defer(() => (closed ? of(current) : concat(of(current), statuses))),
    enter,
    tell: (status) => statuses.next(status),
    settled,

    run(subscriber, attach) {
      if (draining.signal.aborted) throw new TransportClosedError(name);
      const attachment = attach(() => {
        if (subscriber.closed && attachment.unsettled === 0) attachments.delete(attachment);
        settled();
      });
      const complete = () => subscriber.complete();
      attachments.add(attachment);
      sources.add(complete);
      subscriber.add(() => {
        sources.delete(complete);
        attachment.detach();
        if (attachment.unsettled === 0) attachments.delete(attachment);
      });
      return attachment;
    },

    drain: ({ grace, openUntil = EMPTY } = {}) =>
      defer(() => {
        if (drained === undefined) {
          drained = new AsyncSubject();
          startDrain(grace ?? DEFAULT_GRACE, openUntil, drained);
        } else if (grace !== undefined) hurry(grace);
        return drained;
      }),
  };
}
