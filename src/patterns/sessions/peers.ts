import { alarm } from '../../core/alarm.ts';
import type { RawMessage } from '../../core/raw-wire.ts';
import { attempt } from './attempt.ts';
import { decodeHeartbeatAnswer, encodeHeartbeat } from './frames.ts';
import { type Heartbeat, patienceOf } from './heartbeat-options.ts';
import type { Endpoint, Inbox } from './inbox.ts';

/** A session that this side produces, as heartbeats see it. */
export interface Served {
  readonly stream: string;
  /** Where it was asked for. */
  readonly address: string;
  /** Whether the consumer knows of more than the seed's messages. */
  readonly counts: boolean;
  /** When it was opened, in ms since the epoch. */
  readonly openedAt: number;
  /** How many values it has sent, if there were any since it was last asked; else undefined. */
  takeSent(): number | undefined;
  grant(upTo: number): void;
  /** The consumer does not have it, or is gone. */
  lost(text: string): void;
}

/** A consumer that has sessions here. */
export interface Peer {
  readonly consumer: string;
  readonly sessions: Map<string, Served>;
  /** When it was last heard of. */
  heardAt: number;
}

/** The consumers that one transport serves: each is asked once a beat, all at the same time, for all its sessions. */
export interface Peers {
  /** Adds a session; undefined where the consumer has one with that id already. */
  add(consumer: string, heartbeats: string, session: Served): Peer | undefined;
  remove(peer: Peer, session: Served): void;
  hear(peer: Peer): void;
  hearAll(): void;
}

/** How much of a message the ids may take: their addresses are in it, too. */
const SHARE = 0.9;
const LARGEST = 1_048_576;

/** Makes the consumers that a hub serves; none at first. */
export function peers(hub: Inbox, heartbeat: Heartbeat): Peers {
  const { wire } = hub;
  const { scheduler } = wire.life;
  const patience = patienceOf(heartbeat);
  const known = new Map<string, KnownPeer>();
  const ringer = alarm(scheduler, ring);
  let beatAt = 0;

  interface KnownPeer extends Peer {
    readonly heartbeats: string;
    readonly token: string;
    askedAt: number;
  }

  function ring(): void {
    const now = scheduler.now();
    if (!wire.connected) for (const peer of known.values()) peer.heardAt = now;
    for (const peer of [...known.values()]) if (now - peer.heardAt >= patience) gone(peer);
    if (now >= beatAt) {
      beatAt = now + heartbeat.interval;
      for (const peer of known.values()) attempt(wire, () => ask(peer, now));
    }
    if (known.size === 0) return;
    let next = beatAt;
    for (const { heardAt } of known.values()) next = Math.min(next, heardAt + patience);
    ringer.set(next);
  }

  function ask(peer: KnownPeer, now: number): void {
    const { consumer, sessions, heartbeats, token } = peer;
    peer.askedAt = now;
    const most = Math.min(wire.maxPayload, LARGEST) * SHARE;
    let active: Record<string, string[]> = {};
    let sent: Record<string, number> = {};
    let size = 0;
    const send = () => {
      wire.publish(heartbeats, encodeHeartbeat({ active, sent }), hub.prefix + token);
      [active, sent, size] = [{}, {}, 0];
    };
    for (const session of sessions.values()) {
      const ids = active[session.address] ?? [];
      active[session.address] = ids;
      ids.push(session.stream);
      size += session.stream.length + 3; // quotes and a comma
      const count = session.counts ? session.takeSent() : undefined;
      if (count !== undefined) {
        sent[session.stream] = count;
        size += session.stream.length + 20; // and the number
      }
      if (size > most) send();
    }
    if (size > 0) send();
    hub.tell({ kind: 'asked', consumer, sessions: sessions.size });
  }

  function answered(peer: KnownPeer, message: RawMessage): void {
    const { consumer, sessions } = peer;
    if (message.unheard) return hub.tell({ kind: 'unheard', consumer });
    const now = scheduler.now();
    peer.heardAt = now;
    attempt(wire, () => {
      const { inactive, credits } = decodeHeartbeatAnswer(message.data);
      for (const id in credits) sessions.get(id)?.grant(credits[id] as number);
      let count = 0;
      for (const session of Object.values(inactive).flatMap((ids) => ids.map((id) => sessions.get(id)))) {
        // One that has just been opened may be asked for before its consumer can know it.
        if (session === undefined || now - session.openedAt < heartbeat.interval) continue;
        count += 1;
        session.lost('the consumer does not have it any more');
      }
      hub.tell({ kind: 'answered', consumer, inactive: count, elapsedMs: now - peer.askedAt });
    });
  }

  function gone(peer: KnownPeer): void {
    const { consumer, sessions } = peer;
    hub.tell({ kind: 'gone', consumer, sessions: sessions.size });
    for (const session of [...sessions.values()]) session.lost(`the consumer was silent for ${patience} ms`);
  }

  function meet(consumer: string, heartbeats: string): KnownPeer {
    const now = scheduler.now();
    const endpoint: Endpoint = { take: (message) => answered(peer, message), refused: () => undefined };
    const token = hub.open(endpoint);
    const peer: KnownPeer = { consumer, heartbeats, token, sessions: new Map(), heardAt: now, askedAt: now };
    if (known.size === 0) beatAt = now + heartbeat.interval;
    known.set(consumer, peer);
    ringer.set(Math.min(beatAt, now + patience));
    return peer;
  }

  return {
    add(consumer, heartbeats, session) {
      const peer = known.get(consumer) ?? meet(consumer, heartbeats);
      if (peer.sessions.has(session.stream)) return undefined;
      peer.sessions.set(session.stream, session);
      return peer;
    },
    remove(peer, session) {
      peer.sessions.delete(session.stream);
      if (peer.sessions.size > 0) return;
      known.delete(peer.consumer);
      hub.close((peer as KnownPeer).token);
      if (known.size === 0) ringer.clear();
    },
    hear(peer) {
      peer.heardAt = scheduler.now();
    },
    hearAll() {
      for (const peer of known.values()) peer.heardAt = scheduler.now();
    },
  };
}
