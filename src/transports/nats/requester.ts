import { Observable, type Subscriber } from 'rxjs';
import { NO_HEADERS } from '../../core/addressing.ts';
import { NoRespondersError, PublishError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { RequestOptions } from '../../core/transport.ts';
import { goneAddress } from './cancellation.ts';
import type { ClientMessage } from './client.ts';
import { contentModeOf } from './content-mode.ts';
import type { CoreContext } from './core-context.ts';
import { asDecodeError, frameOf } from './core-delivery.ts';
import { ConnectionLostError, PermissionDeniedError } from './errors.ts';
import type { Asker, InboxEntry } from './inbox.ts';
import type { NatsMessage, SentMessage } from './nats-codec.ts';
import { errorIn, termsWriter } from './request-headers.ts';
import { isUnheard } from './request-raw.ts';

const DEFAULT_TIMEOUT = 5_000;
const MAX_TIMEOUT = 600_000;

/**
 * Makes a core transport's `request`: one inbox for all, and neither a subscription nor a timer for each.
 *
 * When the connection is lost while a request waits, it fails at once with `ConnectionLostError`: replies may be missing,
 * and a query can be asked again. One that is made while there is no connection is sent when there is one.
 */
export function requester(context: CoreContext): (event: Event, options?: RequestOptions) => Observable<Event> {
  const { wire, life, encode, addresses } = context;
  const questions = new Set<Question>();
  const writeTerms = termsWriter();
  life.asking.add((error) => failAll(questions, error));
  const changes = wire.changes$.subscribe((status) => {
    if (status.kind === 'closed') failAll(questions, new ConnectionLostError('for good', { cause: status.error }));
    if (status.kind !== 'error' || !(status.error instanceof PermissionDeniedError)) return;
    const { operation, address, message } = status.error;
    if (operation !== 'publish') return;
    const error = new PublishError('refused', address, message, { cause: status.error });
    failAll(
      [...questions].filter((question) => question.address === address),
      error,
    );
  });
  life.status$.subscribe({ complete: () => changes.unsubscribe() });

  return (event, options = {}) => {
    const { headers = NO_HEADERS, many = false, timeout = DEFAULT_TIMEOUT } = options;
    if (!(timeout > 0 && timeout <= MAX_TIMEOUT)) {
      throw new RangeError(`'timeout' must be above 0 and at most ${MAX_TIMEOUT} ms, not ${timeout}`);
    }
    const terms = { timeout, many };

    return new Observable<Event>((subscriber) => {
      if (life.closed || wire.closed) throw new TransportClosedError(life.name);
      const outgoing = addresses.prepare(event, options);
      const encoded = encode(outgoing.event, headers);
      const question = new Question(context, questions, subscriber, outgoing.address, timeout, many);
      subscriber.add(question);
      question.ask(encoded, writeTerms(encoded.headers, terms));
    });
  };
}

function failAll(questions: Iterable<Question>, error: unknown): void {
  for (const question of [...questions]) question.fail(error);
}

/** A request that waits for replies. A class, as there is one for each request. */
class Question implements Asker {
  readonly context: CoreContext;
  readonly questions: Set<Question>;
  readonly subscriber: Subscriber<Event>;
  readonly address: string;
  readonly timeout: number;
  readonly many: boolean;
  readonly entry: InboxEntry;
  /** Whether the responder waits to hear of it: it was asked, and neither side has ended it. */
  pending = false;

  constructor(
    context: CoreContext,
    questions: Set<Question>,
    subscriber: Subscriber<Event>,
    address: string,
    timeout: number,
    many: boolean,
  ) {
    this.context = context;
    this.questions = questions;
    this.subscriber = subscriber;
    this.address = address;
    this.timeout = timeout;
    this.many = many;
    this.entry = context.wire.inbox.open(this);
    questions.add(this);
  }

  ask({ data }: SentMessage, headers: string | Uint8Array): void {
    this.entry.expect(this.timeout);
    this.context.send(this.address, data, headers, this.entry.address);
    this.pending = true;
  }

  receive(message: ClientMessage): void {
    const frame = frameOf(message);
    if (frame.data.length === 0 && isUnheard(message)) return this.fail(new NoRespondersError(this.address));
    const error = frame.headers === undefined ? undefined : errorIn(frame.headers);
    if (error !== undefined) return this.fail(error);
    if (frame.data.length === 0 && isEnd(frame)) {
      this.pending = false;
      return this.subscriber.complete();
    }
    if (this.many) this.entry.expect(this.timeout);
    else this.pending = false;
    let event: Event;
    try {
      event = this.context.codec.decode(frame);
    } catch (cause) {
      return this.subscriber.error(asDecodeError(cause, frame));
    }
    this.subscriber.next(event);
    if (!this.many) this.subscriber.complete();
  }

  timedOut(): void {
    this.fail(new RequestTimeoutError(this.address, this.timeout)); // the responder has heard how long it would wait
  }

  disconnected(): void {
    if (this.pending) this.fail(new ConnectionLostError(`while a reply from '${this.address}' was awaited`));
  }

  fail(error: unknown): void {
    this.pending = false;
    this.subscriber.error(error);
  }

  unsubscribe(): void {
    this.entry.close();
    this.questions.delete(this);
    if (!this.pending) return;
    this.pending = false;
    const { wire } = this.context;
    if (wire.closed) return;
    try {
      wire.publish(goneAddress(this.entry.address), '');
    } catch (error) {
      wire.report(error); // too much waits for a connection: the responder will learn from its clock
    }
  }
}

/** Whether an empty message is the mark at the end of the replies (NATS ADR-47), and no event in binary mode. */
function isEnd({ headers }: NatsMessage): boolean {
  return contentModeOf(headers) !== 'binary';
}
