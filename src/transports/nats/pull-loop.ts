import { AsyncSubject, type Observable, type Subscription, timeout } from 'rxjs';
import { ConsumerConflictError, ConsumerNotFoundError, StreamNotFoundError } from '../../core/errors.ts';
import { nextTurn } from '../../core/next-turn.ts';
import { type ClientMessage, headerBlockOf } from './client.ts';
import { JetStreamApiError } from './errors.ts';
import { decodeHeaders, statusOf } from './headers.ts';
import type { JetStreamApi } from './jetstream-api.ts';

/** How a subscription shares a consumer with others by priority; needs a server with API level 1. */
export interface PriorityOptions {
  /** The consumer's priority group. */
  readonly group?: string;
  /** Takes messages only while at least so many wait. */
  readonly minPending?: number;
  /** Takes messages only while at least so many are unsettled. */
  readonly minAckPending?: number;
  /** `0` is served first, `9` last; needs API level 2. */
  readonly priority?: number;
}

/** Options for {@link pullLoop}. */
export interface PullOptions extends PriorityOptions {
  readonly stream: string;
  readonly consumer: string;
  /** The largest number of messages to ask for, and to have out. */
  readonly prefetch: number;
  /** The largest number that the consumer lets anybody ask for at once. */
  readonly maxBatch: number;
  /** Whether `look` makes the consumer again when it is gone. */
  readonly ephemeral: boolean;
  /** How long one request for messages lives on the server, in ms. */
  readonly expires: number;
  /** How often the server says that it is there while there are no messages, in ms. */
  readonly heartbeat: number;
}

/** Who takes what is pulled. */
export interface PullTarget {
  /** How many more messages may be out. */
  room(): number;
  receive(message: ClientMessage): void;
  /**
   * Looks whether the consumer is still there, and makes ready to go on; fails if it is not. So many messages may have
   * been lost on their way to us.
   */
  look(missed: number): Observable<unknown>;
  /** The pull was opened again after it broke. */
  restarted(): void;
  /** The source cannot go on. */
  fail(error: unknown): void;
}

/** Asks a consumer for as many messages as there is room for. */
export interface PullLoop {
  /** There is more room than before. */
  pull(): void;
  /** Gives up what was asked for, and looks before it asks again. */
  restart(): void;
  /**
   * Ends the pull at once; `receive` is still called with what was on its way. Emits when all of it has arrived: how many
   * messages had been asked for, of which some may have got lost.
   */
  stop(): Observable<number>;
}

/** Before asking again where the server could not answer, in ms: doubled up to the last one. */
const FIRST_DELAY = 100;
const LAST_DELAY = 1_000;

/**
 * How long at first to wait for the answer to whether the consumer is there, in ms, and how that grows up to the API's
 * timeout: slowly, as what is asked while a cluster has no leader is never answered, and the new one is to be found soon.
 */
const FIRST_PATIENCE = 500;
const PATIENCE_GROWTH = 1.5;

const NANOS = 1_000_000;

const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * Pulls from a consumer until it is stopped.
 *
 * One subscription receives all. A request for messages is sent whenever half of the room is free, so that the next ones
 * are on their way while the last ones are worked on, and never for more than there is room for: what the server sends
 * has somebody who takes it. Where the server falls silent for two heartbeats, the pull is given up and opened again.
 */
export function pullLoop(api: JetStreamApi, options: PullOptions, target: PullTarget): PullLoop {
  const { stream, consumer, prefetch, maxBatch, heartbeat, ephemeral } = options;
  const { wire } = api;
  const { scheduler } = wire;
  const inbox = wire.inbox.uniquePrefix();
  const address = `${api.prefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  const threshold = Math.max(1, prefetch >> 1);
  const requestTail = tailOf(options);
  /** The requests that the server may still answer. */
  const open = new Set<string>();
  /** How many messages they may still bring. */
  let requested = 0;
  let pulls = 0;
  let pin: string | undefined;
  let stopped = false;
  const ended = new AsyncSubject<number>();
  let suspended = !wire.connected;
  let delay = FIRST_DELAY;
  let patience = FIRST_PATIENCE;
  /** How many messages were asked for when the connection was lost. */
  let missed = 0;
  let heardAt = scheduler.now();
  let again: Subscription | undefined;
  let watch: Subscription | undefined;
  let looking: Subscription | undefined;

  const subscription = wire.client.subscribe(`${inbox}*`, {
    callback(error, message) {
      if (error !== null && error !== undefined) return fail(error);
      heardAt = 0;
      if (message.reply === undefined || message.reply === '') return hear(message);
      if (requested > 0) requested -= 1;
      if (requested === 0) open.clear();
      if (options.group !== undefined) pin = pinIn(message) ?? pin;
      delay = FIRST_DELAY;
      target.receive(message);
      pull();
    },
  });
  const changes = wire.changes$.subscribe(({ kind }) => {
    if (kind === 'disconnected') suspend();
    else if (kind === 'connected') resume();
  });

  function pull(): void {
    if (stopped || suspended || again !== undefined || looking !== undefined) return;
    const free = target.room() - requested;
    if (free < threshold && (requested > 0 || free < 1)) return;
    const batch = Math.min(free, maxBatch);
    pulls += 1;
    const reply = inbox + pulls.toString(36);
    open.add(reply);
    requested += batch;
    const id = pin === undefined ? '' : `,"id":${JSON.stringify(pin)}`;
    try {
      wire.publish(address, encoder.encode(`{"batch":${batch}${requestTail}${id}}`), undefined, reply);
    } catch (error) {
      return fail(error);
    }
    if (watch === undefined) startWatch();
  }

  /** A message without an address to ack it at is the server's word on a request. */
  function hear(message: ClientMessage): void {
    const block = headerBlockOf(message);
    const status = block === undefined ? undefined : statusOf(block);
    if (block === undefined || status === undefined || status.code === 100) return;
    close(message.subject, block);
    const { code, description } = status;
    if (code === 404 || code === 408) return pull();
    if (code === 423) {
      pin = undefined;
      return pull();
    }
    if (code === 503) return lookAgain();
    if (code === 409) return refused(description);
    fail(new JetStreamApiError(0, code, description));
  }

  function refused(reason: string): void {
    if (/consumer deleted/i.test(reason) && !ephemeral) return fail(new ConsumerNotFoundError(stream, consumer));
    if (/push based/i.test(reason)) return fail(new ConsumerConflictError(stream, consumer, 'is a push consumer'));
    if (/batch completed|interest expired/i.test(reason)) return pull();
    lookAgain(); // a change of leader, a shutdown, or too many who wait: it passes
  }

  /** The server has answered a request for good, and says how many messages it did not bring. */
  function close(reply: string, block: Uint8Array): void {
    if (!open.delete(reply)) return;
    const left = Number(decodeHeaders(block)['Nats-Pending-Messages'] ?? Number.NaN);
    if (open.size === 0) requested = 0;
    else if (!Number.isNaN(left)) requested = Math.max(0, requested - left);
  }

  /** Gives up what was asked for, and asks again a little later, if the consumer is still there. */
  function lookAgain(): void {
    if (stopped || again !== undefined || looking !== undefined) return;
    forget();
    again = scheduler.schedule(look, delay);
    delay = Math.min(delay * 2, LAST_DELAY);
  }

  function look(): void {
    again = undefined;
    if (stopped || suspended) return;
    looking = target
      .look(missed)
      .pipe(timeout({ first: Math.min(patience, api.timeout), scheduler }))
      .subscribe({
        error(error: unknown) {
          looking = undefined;
          patience *= PATIENCE_GROWTH;
          if (isGone(error)) fail(error);
          else lookAgain(); // nobody can say at the moment
        },
        complete() {
          looking = undefined;
          missed = 0;
          patience = FIRST_PATIENCE;
          target.restarted();
          pull();
        },
      });
    if (looking?.closed) looking = undefined;
  }

  function startWatch(): void {
    heardAt = scheduler.now();
    watch = scheduler.schedule(tick, heartbeat);
  }

  /** A late tick says that the process was busy: what the server sent meanwhile is heard first. */
  function tick(): void {
    if (heardAt === 0) heardAt = scheduler.now();
    nextTurn(scheduler, check);
  }

  function check(): void {
    watch?.unsubscribe();
    watch = undefined;
    if (stopped || suspended || requested === 0) return;
    if (heardAt !== 0 && scheduler.now() - heardAt >= 2 * heartbeat) return lookAgain();
    watch = scheduler.schedule(tick, heartbeat);
  }

  function forget(): void {
    open.clear();
    requested = 0;
    watch?.unsubscribe();
    watch = undefined;
  }

  function suspend(): void {
    suspended = true;
    missed += requested;
    forget();
    again?.unsubscribe();
    again = undefined;
    looking?.unsubscribe();
    looking = undefined;
  }

  function resume(): void {
    if (!suspended) return;
    suspended = false;
    delay = FIRST_DELAY;
    patience = FIRST_PATIENCE;
    look();
  }

  function fail(error: unknown): void {
    if (stopped) return;
    stop();
    target.fail(error);
  }

  function stop(): Observable<number> {
    if (stopped) return ended;
    stopped = true;
    suspend();
    changes.unsubscribe();
    const arrived = () => {
      ended.next(missed);
      ended.complete();
    };
    // Tells the server, and lets what is on its way still arrive, to be handed back.
    if (wire.closed) arrived();
    else subscription.drain().then(arrived, (error: unknown) => ended.error(error));
    return ended;
  }

  return { pull, restart: lookAgain, stop };
}

function tailOf({ expires, heartbeat, group, minPending, minAckPending, priority }: PullOptions): string {
  let tail = `,"expires":${expires * NANOS},"idle_heartbeat":${heartbeat * NANOS}`;
  if (group !== undefined) tail += `,"group":${JSON.stringify(group)}`;
  if (minPending !== undefined) tail += `,"min_pending":${minPending}`;
  if (minAckPending !== undefined) tail += `,"min_ack_pending":${minAckPending}`;
  if (priority !== undefined) tail += `,"priority":${priority}`;
  return tail;
}

function pinIn(message: ClientMessage): string | undefined {
  const block = headerBlockOf(message);
  return block === undefined ? undefined : decodeHeaders(block)['Nats-Pin-Id'];
}

function isGone(error: unknown): boolean {
  return error instanceof ConsumerNotFoundError || error instanceof StreamNotFoundError;
}
