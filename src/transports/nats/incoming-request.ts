import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { IncomingRequest } from '../../core/transport.ts';
import type { OpenRequest } from './cancellation.ts';
import type { ClientMessage } from './client.ts';
import { type AskerTerms, errorHeaders } from './request-headers.ts';

/** Who sends a request's answers, and keeps account of it. */
export interface IncomingOwner {
  /** Sends an event, with a source and valid. */
  reply(request: Incoming, event: Event): void;
  /** Sends an empty message. */
  finish(request: Incoming, headers: MessageHeaders | undefined): void;
  /** It has been answered, if not to the end. */
  answered(request: Incoming): void;
  /** A reply came when nobody waited for it any more. */
  late(request: Incoming): void;
  /** Nobody waits for it any more. */
  closed(request: Incoming): void;
}

/** A request as a responder has it. A class, as there is one for each request. */
export class Incoming implements IncomingRequest, OpenRequest {
  readonly owner: IncomingOwner;
  readonly message: ClientMessage;
  readonly inbox: string;
  readonly event: Event;
  readonly headers: MessageHeaders;
  /** Undefined where the asker says nothing of itself. */
  readonly terms: AskerTerms | undefined;
  open = true;
  lease = 0;
  deadline = 0;
  sibling: OpenRequest | undefined = undefined;
  previous: OpenRequest | undefined = undefined;
  next: OpenRequest | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(
    owner: IncomingOwner,
    message: ClientMessage,
    event: Event,
    headers: MessageHeaders,
    terms: AskerTerms | undefined,
  ) {
    this.owner = owner;
    this.message = message;
    this.inbox = message.reply as string;
    this.event = event;
    this.headers = headers;
    this.terms = terms;
  }

  get address(): string {
    return this.message.subject;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (!this.open) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  reply(event: Event): boolean {
    if (!this.open) {
      this.owner.late(this);
      return false;
    }
    this.owner.reply(this, event);
    if (this.terms?.many === false) this.close(undefined);
    else this.owner.answered(this);
    return true;
  }

  end(): boolean {
    return this.#finish(undefined);
  }

  fail(code: string, message: string): boolean {
    return this.#finish(errorHeaders(code, message));
  }

  gone(): void {
    this.close(undefined);
  }

  /** Nobody waits any more: `reason` says why, where it is not that the asker has gone. */
  close(reason: unknown): void {
    if (!this.open) return;
    this.open = false;
    this.owner.closed(this);
    this.#controller?.abort(reason);
  }

  #finish(headers: MessageHeaders | undefined): boolean {
    if (!this.open) return false;
    this.owner.finish(this, headers);
    this.close(undefined);
    return true;
  }
}
