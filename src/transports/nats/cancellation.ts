import { deadlines } from '../../core/deadlines.ts';
import type { Leased } from '../../core/leases.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { Wire } from './wire.ts';

/** A request that is open at a responder. */
export interface OpenRequest extends Leased<OpenRequest> {
  /** Where its replies go. */
  readonly inbox: string;
  /** Another one with the same inbox: several responders of one transport may have got the request. */
  sibling: OpenRequest | undefined;
  /** Nobody waits for replies any more. */
  gone(): void;
}

/**
 * Hears when askers go.
 *
 * An asker tells by an empty message, below the prefix of its inbox. Who has requests of it open listens there: one
 * subscription for each connection that asks, begun with its first request and dropped when it has asked nothing for a
 * while. What is missed by that, the time says that each request may take.
 */
export interface Askers {
  /** Watches over a request that waits up to `timeout` ms; `tells` where its asker is one that says when it goes. */
  open(request: OpenRequest, timeout: number, tells: boolean): void;
  /** Starts its time again. */
  again(request: OpenRequest, timeout: number): void;
  close(request: OpenRequest): void;
  /** A responder has begun to receive requests; the returned function says that it has ended. */
  responding(): () => void;
}

/** Where an asker says that it does not wait at an inbox address any more. */
export function goneAddress(inbox: string): string {
  const tail = inbox.lastIndexOf('.') + 1;
  return `${inbox.slice(0, tail)}gone.${inbox.slice(tail)}`;
}

/** How long after its last request an asker is listened to, in ms: it may have more to ask. */
const IDLE = 30_000;

/** How many askers are listened to at a time. */
const MAX_ASKERS = 1_024;

interface Link extends Leased<Link> {
  readonly prefix: string;
  /** Its open requests, by the last token of their inbox; the first of the siblings. */
  readonly requests: Map<string, OpenRequest>;
  readonly stop: () => void;
  /** Whether it has asked since somebody last looked. */
  active: boolean;
}

function allGone(first: OpenRequest | undefined): void {
  for (let request = first; request !== undefined; ) {
    const { sibling } = request;
    request.gone();
    request = sibling;
  }
}

function forget(requests: Map<string, OpenRequest>, token: string, request: OpenRequest): void {
  const first = requests.get(token);
  if (first === request) {
    if (request.sibling === undefined) requests.delete(token);
    else requests.set(token, request.sibling);
    return;
  }
  for (let before = first; before !== undefined; before = before.sibling) {
    if (before.sibling === request) before.sibling = request.sibling;
  }
}

/** Makes what hears when the askers of one transport's responders go. */
export function askers(wire: Wire, life: TransportLife): Askers {
  const { scheduler } = life;
  const links = new Map<string, Link>();
  const times = deadlines<OpenRequest>(scheduler, (request) => request.gone());
  const idle = deadlines<Link>(scheduler, look);
  let responders = 0;
  let deaf = false;

  function look(link: Link): void {
    if (!link.active && link.requests.size === 0) return drop(link);
    link.active = false;
    idle.start(link, IDLE);
  }

  function drop(link: Link): void {
    links.delete(link.prefix);
    idle.end(link);
    link.stop();
  }

  /** Leaves neither a listener nor a timer where nothing is open and nothing will be. */
  function rest(): void {
    if (responders > 0 || times.size > 0) return;
    for (const link of [...links.values()]) drop(link);
    times.stop();
    idle.stop();
  }

  /** Nobody here can be answered any more. */
  function end(): void {
    for (const request of [...times]) request.gone();
    rest();
  }

  const changes = wire.changes$.subscribe({ complete: end });
  life.status$.subscribe({
    complete() {
      changes.unsubscribe();
      end();
    },
  });

  function linkOf(prefix: string): Link | undefined {
    const known = links.get(prefix);
    if (known !== undefined || deaf || !makeRoom()) return known;
    const requests = new Map<string, OpenRequest>();
    const gone = `${prefix}gone.`;
    const stop = wire.listen(
      `${gone}*`,
      undefined,
      ({ subject }) => allGone(requests.get(subject.slice(gone.length))),
      () => {
        deaf = true; // not allowed here, and told in the connection's status: once is enough
      },
    );
    const link: Link = {
      prefix,
      requests,
      stop,
      active: true,
      lease: 0,
      deadline: 0,
      previous: undefined,
      next: undefined,
    };
    links.set(prefix, link);
    idle.start(link, IDLE);
    return link;
  }

  function makeRoom(): boolean {
    if (links.size < MAX_ASKERS) return true;
    for (const link of links.values()) {
      if (link.requests.size > 0) continue;
      drop(link);
      return true;
    }
    return false;
  }

  return {
    open(request, timeout, tells) {
      times.start(request, timeout);
      if (!tells) return;
      const { inbox } = request;
      const tail = inbox.lastIndexOf('.') + 1;
      const link = linkOf(inbox.slice(0, tail));
      if (link === undefined) return;
      link.active = true;
      const token = inbox.slice(tail);
      request.sibling = link.requests.get(token);
      link.requests.set(token, request);
    },
    again: (request, timeout) => times.start(request, timeout),
    close(request) {
      times.end(request);
      const { inbox } = request;
      const tail = inbox.lastIndexOf('.') + 1;
      const link = links.get(inbox.slice(0, tail));
      if (link !== undefined) forget(link.requests, inbox.slice(tail), request);
      if (link !== undefined && responders === 0 && link.requests.size === 0) drop(link);
      rest();
    },
    responding() {
      responders += 1;
      return () => {
        responders -= 1;
        if (responders === 0) for (const link of [...links.values()]) if (link.requests.size === 0) drop(link);
        rest();
      };
    },
  };
}
