import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import { addressMatcher } from '../../core/names.ts';

/** A message that is handed to whoever listens, and kept by nobody. `event` is absent in the end mark of a reply stream. */
export interface CoreMessage extends Routed {
  readonly event: Event | undefined;
  readonly headers: MessageHeaders;
  /** Where an answer is to go. */
  readonly reply: string | undefined;
}

/** What a router needs to know of a message. */
export interface Routed {
  readonly address: string;
}

/** Hands messages to listeners by address: to each plain one, and to one member of each queue group. */
export interface Router<M extends Routed = CoreMessage> {
  listen(pattern: string, queue: string | undefined, receive: (message: M) => void): () => void;
  /** Returns how many listeners got it. */
  route(message: M): number;
  /** Whether anybody listens at this very address. */
  heard(address: string): boolean;
  /** Calls back once, when the last listener of an address has left. */
  onceDeserted(address: string, callback: () => void): void;
}

interface Listener<M> {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly matches: (address: string) => boolean;
  readonly receive: (message: M) => void;
  /** The turn in which its queue was last served by it. */
  turn: number;
  listening: boolean;
}

/** Makes a router without listeners. With `copy` every listener gets its own copy of a message. */
export function router<M extends Routed = CoreMessage>(copy?: (message: M) => M): Router<M> {
  /** Listeners of one address by that address; replaced rather than changed, so that a listener may leave while it is served. */
  const literal = new Map<string, readonly Listener<M>[]>();
  let wild: readonly Listener<M>[] = [];
  const deserted = new Map<string, (() => void)[]>();
  let turn = 0;

  function add(listener: Listener<M>): void {
    const { pattern } = listener;
    if (isWild(pattern)) wild = [...wild, listener];
    else literal.set(pattern, [...(literal.get(pattern) ?? []), listener]);
  }

  function remove(listener: Listener<M>): void {
    const { pattern } = listener;
    if (isWild(pattern)) {
      wild = wild.filter((other) => other !== listener);
      return;
    }
    const left = (literal.get(pattern) ?? []).filter((other) => other !== listener);
    if (left.length > 0) {
      literal.set(pattern, left);
      return;
    }
    literal.delete(pattern);
    const callbacks = deserted.get(pattern) ?? [];
    deserted.delete(pattern);
    for (const callback of callbacks) callback();
  }

  function hand(listener: Listener<M>, message: M): void {
    listener.receive(copy === undefined ? message : copy(message));
  }

  function route(message: M): number {
    const here = literal.get(message.address);
    if (wild.length === 0 && here?.length === 1) {
      hand(here[0] as Listener<M>, message);
      return 1;
    }
    const groups = new Map<string, Listener<M>[]>();
    const chosen: Listener<M>[] = [];
    for (const listener of [...(here ?? []), ...wild]) {
      if (!listener.matches(message.address)) continue;
      if (listener.queue === undefined) chosen.push(listener);
      else groups.set(listener.queue, [...(groups.get(listener.queue) ?? []), listener]);
    }
    turn += 1;
    for (const members of groups.values()) {
      const next = members.reduce((first, other) => (other.turn < first.turn ? other : first));
      next.turn = turn;
      chosen.push(next);
    }
    for (const listener of chosen) if (listener.listening) hand(listener, message);
    return chosen.length;
  }

  return {
    listen(pattern, queue, receive) {
      const listener = { pattern, queue, receive, matches: addressMatcher(pattern), turn: 0, listening: true };
      add(listener);
      return () => {
        if (listener.listening) remove(listener);
        listener.listening = false;
      };
    },
    route,
    heard: (address) => literal.has(address),
    onceDeserted(address, callback) {
      if (literal.has(address)) deserted.set(address, [...(deserted.get(address) ?? []), callback]);
      else callback();
    },
  };
}

function isWild(pattern: string): boolean {
  return pattern.includes('*') || pattern.endsWith('>');
}
