import { type Observable, Subject, Subscription } from 'rxjs';
import { type Deadlines, deadlines } from '../../core/deadlines.ts';
import type { DecodeError } from '../../core/errors.ts';
import type { Leased } from '../../core/leases.ts';
import type { RawMessage, RawWire } from '../../core/raw-wire.ts';
import { attempt } from './attempt.ts';
import { closeCodes } from './close-codes.ts';
import { SessionCloseError } from './errors.ts';
import { decodeHeartbeat, encodeHeartbeatAnswer } from './frames.ts';
import type { HeartbeatEvent } from './heartbeat-event.ts';
import { type Heartbeat, patienceOf } from './heartbeat-options.ts';
import type { Endpoint, Inbox } from './inbox.ts';
import { type Peers, peers } from './peers.ts';
import { newToken } from './token.ts';

/** A session that this side consumes, as heartbeats see it. */
export interface Watched extends Leased<Watched> {
  /** Whether anybody still wants it. */
  readonly wanted: boolean;
  /** How long, in ms, its producer may be silent. */
  readonly patience: number;
  /** Whether its producer was heard since it was last looked at, and how often in a row it was not. */
  heard: boolean;
  quiet: number;
  /** Up to which number values may come. */
  readonly granted: number;
  /** Its producer has sent so many values by now. */
  sentBy(count: number): void;
  /** Its producer is gone. */
  lost(): void;
}

/** What all sessions of one transport share: an inbox, and heartbeats. */
export interface Hub extends Inbox {
  /** Where it answers heartbeats. */
  readonly heartbeatAddress: string;
  readonly events$: Observable<HeartbeatEvent>;
  /** How many places are open. */
  readonly size: number;
  watch(token: string, session: Watched): void;
  unwatch(token: string, session: Watched): void;
  /** The consumers that are served with these heartbeats. */
  peers(heartbeat: Heartbeat): Peers;
}

/** How many looks make the time that a producer may be silent: it is noticed that much later at most. */
const LOOKS = 10;

const hubs: WeakMap<RawWire, Hub> = /* @__PURE__ */ new WeakMap();

/** Returns the hub of a transport; there is one for all its sessions. */
export function hubOf(wire: RawWire): Hub {
  let hub = hubs.get(wire);
  if (hub === undefined) {
    hub = openHub(wire);
    hubs.set(wire, hub);
  }
  return hub;
}

function openHub(wire: RawWire): Hub {
  const inbox = `_SINBOX.${newToken()}`;
  const prefix = `${inbox}.`;
  const heartbeatAddress = `_HEARTBEAT.${inbox}`;
  const endpoints = new Map<string, Endpoint>();
  const watched = new Map<string, Watched>();
  const served = new Map<string, Peers>();
  const events = new Subject<HeartbeatEvent>();
  const looks: Deadlines<Watched> = deadlines(wire.life.scheduler, look);
  let listening: Subscription = Subscription.EMPTY;
  let following = false;
  let closed: SessionCloseError | undefined;

  function receive(message: RawMessage): void {
    endpoints.get(message.address.slice(prefix.length))?.take(message);
  }

  /** No message comes any more: all sessions end. The next one tries again, as the server may let it by then. */
  function refused(error: unknown): void {
    listening.unsubscribe();
    for (const endpoint of [...endpoints.values()]) endpoint.refused(error);
  }

  function listen(): void {
    if (!listening.closed) return;
    const listened = new Subscription();
    const refuse = (error: unknown) => {
      if (!listened.closed) refused(error);
    };
    listening = listened;
    listened.add(wire.listen(`${prefix}*`, undefined, receive, refuse));
    listened.add(wire.listen(heartbeatAddress, undefined, answer, refuse));
  }

  /** Once there is a session, and until the transport is closed. */
  function follow(): void {
    if (following) return;
    following = true;
    const connection = wire.connected$.subscribe({
      next: (connected) => {
        if (connected) hearAll();
      },
      complete() {
        closed = new SessionCloseError(closeCodes.abnormal, 'the connection was closed');
        refused(closed);
      },
    });
    wire.life.status$.subscribe({
      complete() {
        connection.unsubscribe();
        listening.unsubscribe();
      },
    });
  }

  /** What was silent while there was no connection is not silent. */
  function hearAll(): void {
    for (const session of watched.values()) session.heard = true;
    for (const group of served.values()) group.hearAll();
  }

  function look(session: Watched): void {
    if (session.heard || !wire.connected) {
      session.heard = false;
      session.quiet = 0;
    } else {
      session.quiet += 1;
      if (session.quiet >= LOOKS) return session.lost();
    }
    looks.start(session, session.patience / LOOKS);
  }

  function answer(message: RawMessage): void {
    if (message.reply === undefined || message.unheard) return;
    let beat: ReturnType<typeof decodeHeartbeat>;
    try {
      beat = decodeHeartbeat(message.data);
    } catch (error) {
      return wire.life.tell({ kind: 'error', error: error as DecodeError });
    }
    const inactive: Record<string, string[]> = {};
    const credits: Record<string, number> = {};
    let [sessions, missing] = [0, 0];
    for (const [address, tokens] of Object.entries(beat.active)) {
      for (const token of tokens) {
        sessions += 1;
        const session = watched.get(token);
        if (session?.wanted !== true) {
          missing += 1;
          const ids = inactive[address] ?? [];
          inactive[address] = ids;
          ids.push(token);
          continue;
        }
        session.heard = true;
        const sent = beat.sent[token];
        if (sent === undefined) continue;
        session.sentBy(sent);
        credits[token] = session.granted;
      }
    }
    events.next({ kind: 'heard', sessions, inactive: missing });
    attempt(wire, () => wire.publish(message.reply as string, encodeHeartbeatAnswer({ inactive, credits })));
  }

  const hub: Hub = {
    wire,
    prefix,
    heartbeatAddress,
    events$: events.asObservable(),
    tell: (event) => events.next(event),
    open(endpoint) {
      follow();
      if (closed !== undefined) throw closed;
      listen();
      let token = newToken();
      while (endpoints.has(token)) token = newToken();
      endpoints.set(token, endpoint);
      return token;
    },
    close: (token) => endpoints.delete(token),
    get size() {
      return endpoints.size;
    },
    watch(token, session) {
      watched.set(token, session);
      looks.start(session, session.patience / LOOKS);
    },
    unwatch(token, session) {
      watched.delete(token);
      looks.end(session);
      if (watched.size === 0) looks.stop();
    },
    peers(heartbeat) {
      const key = `${patienceOf(heartbeat)} ${heartbeat.interval}`;
      const known = served.get(key) ?? peers(hub, heartbeat);
      served.set(key, known);
      return known;
    },
  };
  return hub;
}
